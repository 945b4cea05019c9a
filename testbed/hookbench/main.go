// Command hookbench reads the output of the hooks' benchmarks from standard
// input, run many times for a millisecond each (`make bench`), prints what each
// hook costs beside plain code of the same runs, and exits with 1 if a hook
// allocates or a lock costs more than its limit. Of all runs the shortest
// counts: a hook is many instructions and a plain lock is two slow ones, so that
// whoever works on the other half of the same core makes the one half as fast
// and leaves the other alone. Nanoseconds depend on the machine, so limits in
// nanoseconds are printed and not enforced; ratios are. A benchmark that a limit names and the
// input has not is an error. With -crashes the benchmarks are those of packages
// guard and cguard.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	crashes := flag.Bool("crashes", false, "judge what contains crashes, instead of hooks")
	flag.Parse()
	if *crashes {
		limits = crashLimits
	}
	results, err := parse(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, "hookbench:", err)
		os.Exit(1)
	}
	rows, over := judge(results, limits)
	for _, r := range rows {
		fmt.Println(r)
	}
	if over > 0 {
		fmt.Fprintf(os.Stderr, "hookbench: %d limits exceeded\n", over)
		os.Exit(1)
	}
}
