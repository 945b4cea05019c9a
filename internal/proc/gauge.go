package proc

import (
	"bytes"
	"path/filepath"
	"strings"

	"github.com/lifesign-go/lifesign/event"
)

// Gauge is what the kernel counts of what may keep a process from running. All of
// it only grows; -1 is what this kernel does not count, or does not show here.
type Gauge struct {
	RanNS       int64 // CPU time
	ThrottledNS int64 // by CPU quotas of its control groups, summed over processors
	FrozenNS    int64 // by the freezer of version 2, since Linux 6.18
	Notices     int64 // writes to, or notices of, the freezers of its control groups
	Faults      int64 // major page faults; one that a signal has interrupted may not be counted
	AllFaults   int64 // the same of the whole machine, all of them
	ReadBytes   int64 // that it had storage read, by calls or page faults
	SwapIns     int64 // pages that the machine has read from swap
	IONS        int64 // some task waited for I/O: of its control group if that counts it, or the machine
	StealNS     int64 // the hypervisor gave the processors to others, summed over processors
	Threads     []event.Thread
}

// Gauges reads a process's Gauge by descriptors that it holds. It looks up the
// control groups rarely, as Pulse does. One goroutine at a time.
type Gauges struct {
	k        Kernel
	stat     heldFile
	io       heldFile
	pressure heldFile
	node     heldFile // /proc/stat
	memory   heldFile // /proc/vmstat
	quotas   []heldFile
	frozen   []heldFile // cgroup.stat.local
	notices  notices
	tasks    *Tasks // nil if they cannot be read
	asked    int
	buf      []byte
}

// maxGauged bounds the threads whose counters are read: their number is the cost.
const maxGauged = 256

// gaugeRegroup is after how many readings the control groups are looked up anew.
const gaugeRegroup = 64

// Gauges returns the gauges of the process. It opens nothing yet.
func (k Kernel) Gauges() *Gauges {
	return &Gauges{
		k: k, buf: make([]byte, 64<<10), // /proc/stat has a word a kind of interrupt
		stat:   heldFile{name: k.path("stat"), fd: -1},
		node:   heldFile{name: filepath.Join(k.Proc, "stat"), fd: -1},
		memory: heldFile{name: filepath.Join(k.Proc, "vmstat"), fd: -1},
		io:     heldFile{name: k.path("io"), fd: -1},

		pressure: heldFile{fd: -1},
	}
}

// Read reads them all into g, whose Threads are used again.
func (gs *Gauges) Read(g *Gauge) {
	threads := g.Threads[:0]
	*g = Gauge{RanNS: -1, ThrottledNS: -1, FrozenNS: -1, Notices: -1, Faults: -1, AllFaults: -1, ReadBytes: -1, SwapIns: -1, IONS: -1, StealNS: -1}
	if gs.asked%gaugeRegroup == 0 {
		gs.group()
	}
	gs.asked++
	few := false
	if text, err := gs.stat.read(gs.buf); err == nil {
		if s, err := parseStat(text); err == nil {
			g.RanNS, g.Faults, few = s.ran(), int64(s.faults), s.threads <= maxGauged
		}
	}
	if gs.k.Proc == "/proc" {
		if ns, err := ProcessTime(gs.k.PID); err == nil {
			g.RanNS = ns
		}
	}
	g.ThrottledNS = gs.sum(gs.quotas, throttledTime)
	g.FrozenNS = gs.sum(gs.frozen, frozenTime)
	g.Notices, g.IONS = gs.Late()
	g.StealNS = gs.value(&gs.node, steal)
	if text, err := gs.memory.read(gs.buf); err == nil {
		g.SwapIns, g.AllFaults = named(text, "pswpin"), named(text, "pgmajfault")
	}
	g.ReadBytes = gs.value(&gs.io, func(b []byte) int64 {
		if read, _, err := parseIO(b); err == nil && read < 1<<63 {
			return int64(read)
		}
		return -1
	})
	g.Threads = threads
	if few {
		g.Threads = gs.Threads(threads)
	}
}

// Late reads what the kernel may tell late: waiting for I/O is added up every two
// seconds.
func (gs *Gauges) Late() (notices, ioNS int64) {
	return gs.notices.count(), gs.value(&gs.pressure, func(b []byte) int64 { return pressureTotal(b, "some") })
}

// Threads returns the counters of all threads, none if they cannot be read; it uses buf
// again.
func (gs *Gauges) Threads(buf []event.Thread) []event.Thread {
	if gs.tasks == nil {
		t, err := OpenTasks(gs.k)
		if err != nil {
			return buf
		}
		gs.tasks = t
	}
	all, err := gs.tasks.Counters(buf)
	if err != nil {
		return all[:0]
	}
	return all
}

// value reads one file; -1 if it is not there or does not say.
func (gs *Gauges) value(f *heldFile, parse func([]byte) int64) int64 {
	if f.name == "" {
		return -1
	}
	text, err := f.read(gs.buf)
	if err != nil {
		return -1
	}
	return parse(text)
}

// sum adds up what files say; -1 if none says anything.
func (gs *Gauges) sum(files []heldFile, parse func([]byte) int64) int64 {
	total, any := int64(0), false
	for i := range files {
		if n := gs.value(&files[i], parse); n >= 0 {
			total, any = total+n, true
		}
	}
	if !any {
		return -1
	}
	return total
}

// group finds the files of the control groups.
func (gs *Gauges) group() {
	groups := gs.k.groups()
	quotas := gs.k.limitedGroups(groups)
	for i := range quotas {
		quotas[i] = filepath.Join(quotas[i], "cpu.stat")
	}
	var frozen, freezers []string
	pressure := filepath.Join(gs.k.Proc, "pressure", "io")
	root := filepath.Join(gs.k.Sys, "fs", "cgroup")
	for _, g := range groups {
		dir := gs.k.dir(g, "freezer")
		switch {
		case dir == "":
		case g.unified && g.path != "/":
			// Freezing a group above shows in the group's own files, too.
			freezers = append(freezers, filepath.Join(dir, "cgroup.events"))
			frozen = append(frozen, filepath.Join(dir, "cgroup.stat.local"))
			if name := filepath.Join(dir, "io.pressure"); exists(name) {
				pressure = name
			}
		case !g.unified:
			for ; len(dir) > len(root) && exists(filepath.Join(dir, "freezer.state")); dir = filepath.Dir(dir) {
				freezers = append(freezers, filepath.Join(dir, "freezer.state"))
			}
		}
	}
	gs.notices.watch(freezers)
	keepFiles(&gs.quotas, quotas)
	keepFiles(&gs.frozen, frozen)
	if gs.pressure.name != pressure {
		gs.pressure.close()
		gs.pressure = heldFile{name: pressure, fd: -1}
	}
}

// keepFiles makes files those with the names. What is open already stays open.
func keepFiles(files *[]heldFile, names []string) {
	same := len(*files) == len(names)
	for i := 0; same && i < len(names); i++ {
		same = (*files)[i].name == names[i]
	}
	if same {
		return
	}
	for i := range *files {
		(*files)[i].close()
	}
	*files = (*files)[:0]
	for _, name := range names {
		*files = append(*files, heldFile{name: name, fd: -1})
	}
}

// Close closes what gs holds.
func (gs *Gauges) Close() {
	for _, f := range []*heldFile{&gs.stat, &gs.io, &gs.pressure, &gs.node, &gs.memory} {
		f.close()
	}
	keepFiles(&gs.quotas, nil)
	keepFiles(&gs.frozen, nil)
	gs.notices.close()
	if gs.tasks != nil {
		gs.tasks.Close()
		gs.tasks = nil
	}
	gs.asked = 0
}

// throttledTime is what cpu.stat has: nanoseconds in version 1, microseconds in
// version 2 (Documentation/admin-guide/cgroup-v2.rst).
func throttledTime(b []byte) int64 {
	if n := named(b, "throttled_time"); n >= 0 {
		return n
	}
	return micro(named(b, "throttled_usec"))
}

func frozenTime(b []byte) int64 { return micro(named(b, "frozen_usec")) }

// micro makes nanoseconds of microseconds, and keeps what is not known.
func micro(us int64) int64 {
	if us < 0 || us > 1<<53 {
		return -1
	}
	return us * 1000
}

// named returns the number of the line "NAME NUMBER"; -1 if there is none.
func named(b []byte, name string) int64 {
	for len(b) > 0 {
		var line []byte
		if line, b = nextLine(b); len(line) <= len(name) || line[len(name)] != ' ' || string(line[:len(name)]) != name {
			continue
		}
		if n, ok := only(line[len(name):]); ok && n < 1<<63 {
			return int64(n)
		}
		return -1
	}
	return -1
}

// pressureTotal is the total of a line of a pressure file in nanoseconds:
//
//	some avg10=0.00 avg60=0.00 avg300=0.00 total=0
func pressureTotal(b []byte, kind string) int64 {
	for len(b) > 0 {
		var line []byte
		line, b = nextLine(b)
		i := bytes.LastIndex(line, []byte(" total="))
		if i < 0 || !strings.HasPrefix(string(line), kind+" ") {
			continue
		}
		if n, ok := only(line[i+len(" total="):]); ok && n < 1<<63 {
			return micro(int64(n))
		}
		return -1
	}
	return -1
}

// steal is the eighth number of the first line of /proc/stat (proc_stat(5)), in
// nanoseconds.
func steal(b []byte) int64 {
	line, _ := nextLine(b)
	w, line := word(line)
	if string(w) != "cpu" {
		return -1
	}
	const place = 8
	for i := 1; i <= place; i++ {
		n, rest, ok := number(line)
		if !ok {
			return -1
		}
		if i == place && n < 1<<53/tick {
			return int64(n) * tick
		}
		line = rest
	}
	return -1
}
