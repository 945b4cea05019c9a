// Command crashes has a server crash in seventeen ways, for real, and says what
// became of each: bare and started again at once, with guards, and with guards under
// lifesign run. For each it tells whether the crash was contained, how long there was no
// service, and what the dump says. It exits with 1 if that is not as it should be.
//
// It imports nothing of lifesign: the server is examples/crashes, and lifesign is seen by
// its command. Linux only.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	bin := flag.String("bin", "bin", "directory of lifesign and of the server, crashserver")
	runs := flag.Int("runs", 3, "of each way, in each setting")
	only := flag.String("only", "", "only the ways whose name contains this")
	short := flag.Bool("short", false, "each way once, and without the bare setting")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *bin, *runs, *only, *short)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "crashes:", err)
		os.Exit(1)
	}
}

// errNotAsExpected says that the table has a line with a complaint.
var errNotAsExpected = errors.New("not everything is as it should be")

func run(ctx context.Context, bin string, runs int, only string, short bool) error {
	settings := []setting{bare, guarded, supervised}
	if short {
		runs, settings = 1, settings[1:]
	}
	dir, err := os.MkdirTemp("", "crashes-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	r := runner{bin: bin, dir: dir, patient: !short}
	var rows []row
	for _, w := range ways {
		if !strings.Contains(w.name, only) {
			continue
		}
		for _, s := range settings {
			line := row{way: w, setting: s}
			for range runs {
				o, err := r.perform(ctx, w, s)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", w.name, s, err)
				}
				line.outcomes = append(line.outcomes, o)
			}
			fmt.Fprintln(os.Stderr, line)
			rows = append(rows, line)
		}
	}
	if len(rows) == 0 {
		return fmt.Errorf("no way is named %q", only)
	}
	if wrong := table(os.Stdout, rows); wrong > 0 {
		return errNotAsExpected
	}
	return nil
}
