package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/lifesign-go/lifesign/cmd/errands"
)

// helperCommand is what lifesign calls itself by to do what mimics need done outside of
// the program. It is not for users.
const helperCommand = "helper"

const helperUsage = `usage: lifesign helper

Helper is what lifesign run starts beside a program, to do some of the program's
own operations again, on files without a name and on connections of its own (its
mimics). It is where the program is: it has the program's credentials, root, mounts,
network and control groups. It takes orders on its standard input, as lines of
JSON, and ends with lifesign run. There is no use in starting it by hand.
`

// helper is lifesign helper. It returns the exit status.
func helper(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		switch args[0] {
		case "-h", "-help", "--help":
			fmt.Fprint(stdout, helperUsage)
			return 0
		}
		fmt.Fprintf(stderr, "lifesign helper: it takes no arguments (lifesign helper -h explains)\n")
		return 2
	}
	if err := errands.Serve(ctx, os.Stdin, stdout); err != nil {
		fmt.Fprintf(stderr, "lifesign helper: %v\n", err)
		return 1
	}
	return 0
}
