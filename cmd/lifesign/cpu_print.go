package main

import (
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strings"
	"time"
	"unicode"

	"github.com/lifesign-go/lifesign/internal/cputime"
)

// leastTold is what an ended thread must have had of a processor, in percent, to
// be worth a line: the process's clock and its threads are not read at the very
// same time.
const leastTold = 0.5

// cpuTable prints intervals for people.
type cpuTable struct {
	out    io.Writer
	every  time.Duration
	header bool
}

func (t *cpuTable) interval(p *cpuProcess, i cpuInterval) error {
	if i.To-i.From < int64(t.every/2) {
		return nil // the last one: of so short a time the percents say little
	}
	var b strings.Builder
	if !t.header {
		t.header = true
		fmt.Fprintf(&b, "%-8s %8s %-17s%9s %9s\n", "time", "pid", "name", "CPU %", "stat %")
	}
	row := func(time string, id int, name string, exact bool, share float64) {
		least := ""
		if !exact {
			least = "≥"
		}
		fmt.Fprintf(&b, "%-8s %8d %-17s%9s", time, id, printable(name), fmt.Sprintf("%s%.1f", least, share))
	}
	row(i.time.Format("15:04:05"), p.pid, p.comm, i.Exact, i.Share())
	fmt.Fprintf(&b, " %9.1f", i.StatShare())
	if i.Fault != "" {
		fmt.Fprintf(&b, "  stat %s", i.Fault)
	}
	b.WriteByte('\n')
	for _, th := range busiest(i.Threads) {
		row("", th.ID, "  "+p.threads.comm(th.ID), true, th.Share(i.Interval))
		b.WriteByte('\n')
	}
	if share := i.EndedShare(); share >= leastTold {
		fmt.Fprintf(&b, "%-8s %8s %-17s%9.1f\n", "", "", "  ended threads", share)
	}
	_, err := io.WriteString(t.out, b.String())
	return err
}

// end prints the sum of all intervals, and of the kernel what the process has
// shown.
func (t *cpuTable) end(p *cpuProcess) error {
	i, least := p.sum, ""
	if !i.Exact {
		least = "at least "
	}
	_, err := fmt.Fprintf(t.out, "%s, process %d, in %.1f s: %s%.3f s of CPU time, %.1f %%; its stat says %.2f s, %.1f %%\n",
		printable(p.comm), p.pid, seconds(i.To-i.From), least, seconds(i.Ran), i.Share(), seconds(i.Stat), i.StatShare())
	return err
}

// busiest returns the threads that have run, those that ran most first.
func busiest(threads []cputime.ThreadTime) []cputime.ThreadTime {
	var list []cputime.ThreadTime
	for _, t := range threads {
		if t.Ran > 0 {
			list = append(list, t)
		}
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].Ran > list[j].Ran })
	return list
}

// printable makes a name fit for a terminal: a process can call itself what it
// likes.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, name)
}

func seconds(ns int64) float64 { return float64(ns) / 1e9 }

// cpuJSON prints each interval as a line.
type cpuJSON struct{ out io.Writer }

// cpuLine is an interval as -json prints it. Percents are of one processor.
type cpuLine struct {
	Time        time.Time       `json:"time"` // of its end
	PID         int             `json:"pid"`
	Comm        string          `json:"comm"`
	Seconds     float64         `json:"seconds"` // how long it is
	CPU         float64         `json:"cpu_seconds"`
	Percent     float64         `json:"percent"`
	Exact       bool            `json:"exact"` // false: a lower bound
	StatCPU     float64         `json:"stat_cpu_seconds"`
	StatPercent float64         `json:"stat_percent"`
	Fault       string          `json:"fault,omitempty"`   // of stat: "stands still", "leaps", "is ahead"
	Total       float64         `json:"total_cpu_seconds"` // since the process was started
	Threads     []cpuThreadLine `json:"threads,omitempty"` // those that have run
	Ended       float64         `json:"ended_threads_cpu_seconds,omitempty"`
}

type cpuThreadLine struct {
	TID     int     `json:"tid"`
	Comm    string  `json:"comm"`
	CPU     float64 `json:"cpu_seconds"`
	Percent float64 `json:"percent"`
}

func (j *cpuJSON) interval(p *cpuProcess, i cpuInterval) error {
	line := cpuLine{
		Time: i.time, PID: p.pid, Comm: p.comm, Seconds: seconds(i.To - i.From),
		CPU: seconds(i.Ran), Percent: i.Share(), Exact: i.Exact,
		StatCPU: seconds(i.Stat), StatPercent: i.StatShare(), Fault: string(i.Fault),
		Total: seconds(p.account.Total()), Ended: seconds(i.Ended),
	}
	for _, t := range busiest(i.Threads) {
		line.Threads = append(line.Threads, cpuThreadLine{t.ID, p.threads.comm(t.ID), seconds(t.Ran), t.Share(i.Interval)})
	}
	return printJSON(j.out, line)
}

func (*cpuJSON) end(*cpuProcess) error { return nil }

func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
