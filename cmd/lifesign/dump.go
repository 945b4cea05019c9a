package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	takes "github.com/lifesign-go/lifesign/cmd/dump"
	"github.com/lifesign-go/lifesign/internal/dump"
)

const dumpUsage = `usage: lifesign dump [FLAGS] PID
       lifesign dump show [-json] FILE

Dump takes a minidump of a live process, and show shows one: why it was taken and
where that is; the registers and stacks of all threads; of a Go program that lifesign
run watches also all goroutines, operations in flight, and locks with their holders.
The file is an ELF core too, which gdb, readelf and dlv open.

All threads are stopped for some milliseconds, how long is said. That is not
harmless: a thread that waits in a system call can get EINTR. Memory has what the
program has in it. What looks like a password, a token or a key is made unreadable,
the environment is left out but for a list of variables, and only its owner can read
the file; that is a precaution and no promise.

  -o FILE       where to; without it PROGRAM-TIME-PID-asked.lifesign.core in the
                directory where lifesign is
  -limit SIZE   how large it may be: 4MiB if it is not given, 64KiB at least. What
                there was no room for is told in it
  -run          do not stop the threads: no registers and no memory then, and stacks
                of those alone that are blocked
  -no-memory    leave memory out: registers, stacks by name and all else are there
  -json         print what is in it as a JSON object; of a process, write no file
                unless there is -o
`

// threadsCommand is what lifesign calls itself by to stop the threads of a program
// that it has started itself, which that very process cannot. It is not for users.
const threadsCommand = "dump-threads"

const leastDump = 64 << 10

type dumpOptions struct {
	file     string
	limit    int64
	run      bool
	noMemory bool
	json     bool
	args     []string
}

// dumpCommand is lifesign dump. It returns the exit status.
func dumpCommand(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseDump(args)
	if status, ends := unusable("dump", dumpUsage, err, stdout, stderr); ends {
		return status
	}
	if o.args[0] == "show" {
		err = showDump(o.args[1], o.json, stdout)
	} else {
		err = dumpProcess(ctx, o, stdout)
	}
	if err != nil {
		fmt.Fprintf(stderr, "lifesign dump: %v\n", err)
		return 1
	}
	return 0
}

func parseDump(args []string) (dumpOptions, error) {
	o := dumpOptions{limit: dump.Usual}
	flags := flag.NewFlagSet("dump", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.file, "o", "", "")
	flags.Func("limit", "", func(s string) (err error) { o.limit, err = parseSize(s, leastDump); return err })
	flags.BoolVar(&o.run, "run", false, "")
	flags.BoolVar(&o.noMemory, "no-memory", false, "")
	flags.BoolVar(&o.json, "json", false, "")
	// Flags may come after what they are about, too.
	for rest := args; ; rest = flags.Args()[1:] {
		if err := flags.Parse(rest); err != nil {
			return o, err
		}
		if flags.NArg() == 0 {
			break
		}
		o.args = append(o.args, flags.Arg(0))
	}
	switch {
	case len(o.args) == 0:
		return o, errors.New("the number of a process is needed, or show and a file")
	case o.args[0] == "show" && len(o.args) != 2:
		return o, errors.New("show takes one file")
	case o.args[0] == "show" && (o.file != "" || o.run || o.noMemory || o.limit != dump.Usual):
		return o, errors.New("show has one flag, -json")
	case o.args[0] == "show":
		return o, nil
	case len(o.args) > 1:
		return o, errors.New("one process at a time")
	}
	if pid, err := strconv.Atoi(o.args[0]); err != nil || pid <= 0 {
		return o, fmt.Errorf("%q is not the number of a process", o.args[0])
	}
	return o, nil
}

// parseSize parses "4MiB", "512KiB", "100kB" or a number of bytes.
func parseSize(s string, least int64) (int64, error) {
	number, factor := s, int64(1)
	for _, u := range []struct {
		name   string
		factor int64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}} {
		if rest, ok := strings.CutSuffix(s, u.name); ok {
			number, factor = strings.TrimSpace(rest), u.factor
		}
	}
	n, err := strconv.ParseInt(number, 10, 40)
	if err != nil || n <= 0 || n > 1<<40/factor {
		return 0, fmt.Errorf("%q is no size, such as 4MiB", s)
	}
	if n*factor < least {
		return 0, fmt.Errorf("it must be at least %d bytes", least)
	}
	return n * factor, nil
}

// dumpProcess takes a dump of a process that somebody has asked for.
func dumpProcess(ctx context.Context, o dumpOptions, stdout io.Writer) error {
	pid, _ := strconv.Atoi(o.args[0])
	rules := dump.UsualRules()
	rules.Memory = !o.noMemory
	d, err := takes.Take(ctx, takes.Target{
		PID: pid, Rules: rules, Reason: dump.Reason{Kind: dump.Asked, What: "lifesign dump"},
	}, takes.Options{Limit: o.limit, Run: o.run})
	if err != nil {
		return err
	}
	name := o.file
	switch {
	case name != "":
		err = dump.Save(name, d, o.limit)
	case !o.json:
		name, err = dump.Keep(".", d, o.limit)
	}
	if err != nil {
		return err
	}
	if o.json {
		return printDump(d, stdout)
	}
	size := int64(0)
	if info, err := os.Stat(name); err == nil {
		size = info.Size()
	}
	text := fmt.Sprintf("%s: %d kB, %d threads", name, (size+999)/1000, len(d.Threads))
	if pause := d.Facts["pause"]; pause != "" {
		text += ", which stood for " + pause
	}
	for _, m := range d.Missing {
		text += "\n  not in it: " + m
	}
	_, err = fmt.Fprintln(stdout, text)
	return err
}

func showDump(name string, asJSON bool, stdout io.Writer) error {
	d, err := dump.Open(name)
	if err != nil {
		return err
	}
	if asJSON {
		return printDump(d, stdout)
	}
	_, err = io.WriteString(stdout, takes.Text(d))
	return err
}

// shownDump is a dump with what is in the core's part and can be read.
type shownDump struct {
	*dump.Dump
	Registers map[int]map[string]string `json:"registers,omitempty"` // by thread
	Files     []dump.Mapping            `json:"files,omitempty"`
	Memory    []shownMemory             `json:"memory,omitempty"`
}

type shownMemory struct {
	Address string `json:"address"`
	Size    int    `json:"size"`
}

func printDump(d *dump.Dump, w io.Writer) error {
	s := shownDump{Dump: d, Files: d.Mappings, Registers: map[int]map[string]string{}}
	names := dump.RegisterNames(d.Process.Arch)
	for _, t := range d.Threads {
		for i, v := range t.Registers {
			if s.Registers[t.ID] == nil {
				s.Registers[t.ID] = map[string]string{}
			}
			s.Registers[t.ID][names[i]] = fmt.Sprintf("%#x", v)
		}
	}
	for _, m := range d.Memory {
		s.Memory = append(s.Memory, shownMemory{fmt.Sprintf("%#x", m.Addr), len(m.Data)})
	}
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

// dumpThreads is what a lifesign that has started the program calls another one for:
// the process, the thread that matters, and the limit. The dump is on standard output.
func dumpThreads(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var n [3]int64
	for i := range n {
		if len(args) != len(n) {
			fmt.Fprintln(stderr, "lifesign: this command is lifesign's own")
			return 2
		}
		n[i], _ = strconv.ParseInt(args[i], 10, 64)
	}
	b, err := takes.Threads(ctx, int(n[0]), int(n[1]), n[2])
	if err == nil {
		_, err = stdout.Write(b)
	}
	if err != nil {
		fmt.Fprintf(stderr, "%v\n", err)
		return 1
	}
	return 0
}
