package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// limit is what a hook may cost.
type limit struct {
	name  string  // of the benchmark, without "Benchmark"
	ns    float64 // nanoseconds wanted; 0 if the ratio is what counts
	ratio float64 // of name/woven to name/plain at most; 0 if there is no limit
	pair  bool    // there is a plain twin

	own, twin string  // names of the two halves of a pair; "" is woven and plain
	more      float64 // nanoseconds wanted over the twin; 0 if that does not count
	may       float64 // allocations that are no fault
}

var limits = []limit{
	{name: "Mark", ns: 5},
	{name: "InFlight", ns: 12},
	{name: "Guard"},
	{name: "Mutex", ratio: 2.5, pair: true},
	{name: "RWMutexRead", ratio: 2.5, pair: true},
	{name: "RWMutexWrite", ratio: 2.5, pair: true},
	{name: "ChannelReady", pair: true},
	{name: "ChannelWaiting", pair: true},
}

// crashLimits are of what contains crashes.
var crashLimits = []limit{
	{name: "Unit", pair: true, own: "guard", twin: "recover", more: 20, may: 1},
	{name: "Call", pair: true, own: "guarded", twin: "plain", more: 60},
	{name: "Crash", may: 100},
}

// result is the samples of one benchmark.
type result struct {
	ns     []float64
	allocs float64 // the most of any sample
}

// least is the sample that other work on the machine has disturbed least.
func (r result) least() float64 { return slices.Min(r.ns) }

// parse reads benchmark lines, Name-GOMAXPROCS N X ns/op Y B/op Z allocs/op, by
// name. It fails if the input says that the benchmarks did, or has none.
func parse(r io.Reader) (map[string]result, error) {
	all := map[string]result{}
	s := bufio.NewScanner(r)
	for s.Scan() {
		if strings.HasPrefix(s.Text(), "FAIL") || strings.HasPrefix(s.Text(), "--- FAIL") {
			return nil, fmt.Errorf("the benchmarks failed: %s", s.Text())
		}
		fields := strings.Fields(s.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := benchmarkName(fields[0])
		res := all[name]
		for i := 2; i+1 < len(fields); i += 2 {
			v, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, fmt.Errorf("read benchmark line %q: %w", s.Text(), err)
			}
			switch fields[i+1] {
			case "ns/op":
				res.ns = append(res.ns, v)
			case "allocs/op":
				res.allocs = max(res.allocs, v)
			}
		}
		all[name] = res
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("read benchmarks: %w", err)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("the input has no benchmark")
	}
	return all, nil
}

// benchmarkName cuts off the prefix and the number of Ps.
func benchmarkName(field string) string {
	name := strings.TrimPrefix(field, "Benchmark")
	if i := strings.LastIndexByte(name, '-'); i > 0 {
		if _, err := strconv.Atoi(name[i+1:]); err == nil {
			return name[:i]
		}
	}
	return name
}

// judge compares results with limits and returns a row for each limit and how
// many are exceeded.
func judge(results map[string]result, limits []limit) (rows []string, over int) {
	for _, l := range limits {
		row, bad := l.judge(results)
		rows = append(rows, row)
		if bad {
			over++
		}
	}
	return rows, over
}

func (l limit) judge(results map[string]result) (row string, bad bool) {
	woven, plain := results[l.name], result{}
	if l.pair {
		own, twin := cmp.Or(l.own, "woven"), cmp.Or(l.twin, "plain")
		woven, plain = results[l.name+"/"+own], results[l.name+"/"+twin]
	}
	if len(woven.ns) == 0 || l.pair && len(plain.ns) == 0 {
		return fmt.Sprintf("%-16s MISSING", l.name), true
	}
	row = fmt.Sprintf("%-16s %7.1f ns", l.name, woven.least())
	if l.pair {
		ratio := woven.least() / plain.least()
		row += fmt.Sprintf("   plain %6.1f ns   × %.2f", plain.least(), ratio)
		if l.ratio > 0 {
			row += fmt.Sprintf("   limit × %.1f", l.ratio)
			bad = ratio > l.ratio
		}
	}
	if l.ns > 0 {
		row += fmt.Sprintf("   wanted %.0f ns", l.ns)
		if woven.least() > l.ns {
			row += ", not reached here"
		}
	}
	if l.more > 0 {
		more := woven.least() - plain.least()
		row += fmt.Sprintf("   %.1f ns more, wanted %.0f", more, l.more)
		if more > l.more {
			row += ", not reached here"
		}
	}
	if woven.allocs > plain.allocs+l.may {
		row += fmt.Sprintf("   ALLOCATES %.0f", woven.allocs)
		bad = true
	}
	if bad {
		row += "   OVER"
	}
	return row, bad
}
