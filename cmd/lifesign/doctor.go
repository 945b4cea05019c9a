package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/lifesign-go/lifesign/cmd/kernel"
)

const doctorUsage = `usage: lifesign doctor [FLAGS]

Doctor says what this machine permits lifesign, as this user, to see of
processes: for each source yes, no, or "could not tell", then what is lost
without it and how to have it. Nothing is required; what is missing is told by
lifesign inspect, watch and run as well, where it matters.

It tries each source for real, and leaves nothing behind: it listens, opens, loads
an eBPF program, reads, and closes all of it again.

  -json  print one JSON object
`

// checkup is what lifesign doctor -json prints.
type checkup struct {
	kernel.Place
	Permits []kernel.Permit `json:"permits"`
}

// doctorCommand is lifesign doctor. It returns the exit status.
func doctorCommand(_ context.Context, args []string, stdout, stderr io.Writer) int {
	asJSON := false
	flags := flag.NewFlagSet("doctor", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.BoolVar(&asJSON, "json", false, "")
	err := flags.Parse(args)
	if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("it takes no arguments, there are %d", flags.NArg())
	}
	if status, ends := unusable("doctor", doctorUsage, err, stdout, stderr); ends {
		return status
	}
	machine := kernel.ThisMachine()
	c := checkup{machine.Place(), machine.Permits()}
	if asJSON {
		err = json.NewEncoder(stdout).Encode(c)
	} else {
		_, err = io.WriteString(stdout, c.String())
	}
	if err != nil {
		fmt.Fprintf(stderr, "lifesign doctor: %v\n", err)
		return 1
	}
	return 0
}

// String is the listing. What is there takes a line, what is not a paragraph.
func (c checkup) String() string {
	var b strings.Builder
	where := "in no container that shows"
	if c.Container != "" {
		where = "in a container (" + c.Container + ")"
	}
	fmt.Fprintf(&b, "Linux %s, user %d, %s, control groups: %s\n\n", c.Kernel, c.User, where, c.Cgroup)
	missing := 0
	for _, p := range c.Permits {
		fmt.Fprintf(&b, "%-14s  %s", p.Answer, p.Name)
		if p.Why != "" {
			fmt.Fprintf(&b, ": %s", p.Why)
		}
		b.WriteByte('\n')
		if p.Answer != kernel.Yes {
			missing++
		}
		for _, line := range [][2]string{{"lost", p.Lost}, {"grant", p.Grant}} {
			if line[1] != "" {
				fmt.Fprintf(&b, "%16s%-5s  %s\n", "", line[0], line[1])
			}
		}
	}
	fmt.Fprintf(&b, "\n%d of %d sources are there\n", len(c.Permits)-missing, len(c.Permits))
	return b.String()
}
