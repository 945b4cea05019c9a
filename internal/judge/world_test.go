package judge

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/reach"
)

// world is a process as a scenario tells it. What the records say is told by
// the line "g"; what the runtime shows follows from it unless the scenario
// says otherwise.
type world struct {
	now     int64
	sites   map[string]event.Site
	addrs   map[string]uint64
	cells   []event.Goroutine
	torn    map[uint64]event.Goroutine // as the next sample alone shows them
	looks   map[uint64]event.Look      // where the truth is not what the records say
	words   map[string]event.Word
	orphans []event.Orphan
	foreign map[uint64]bool
	process event.Process
	lost    uint64
	done    map[string]bool            // sites where an operation has come to its end
	threads map[uint64]event.Thread    // of goroutines in a system call
	nears   map[string]bool            // functions that come to what they serve by calls only
	serves  map[string]map[string]bool // by function: what it serves
	others  map[uint64]bool            // goroutines that have no cell
	workers []event.WorkerMark
	again   string // a goroutine that has two cells
	deaf    bool
}

func newWorld() *world {
	return &world{
		sites: map[string]event.Site{}, addrs: map[string]uint64{}, torn: map[uint64]event.Goroutine{},
		done: map[string]bool{}, serves: map[string]map[string]bool{}, nears: map[string]bool{}, others: map[uint64]bool{}, threads: map[uint64]event.Thread{},
		looks: map[uint64]event.Look{}, words: map[string]event.Word{}, foreign: map[uint64]bool{},
	}
}

// site reads "NAME KIND OBJECT FILE:LINE FUNC [paired] [confined] [idle] [needs ITEM …]".
func (w *world) site(args []string) error {
	if len(args) < 5 {
		return fmt.Errorf("site NAME KIND OBJECT FILE:LINE FUNC [paired] [idle]")
	}
	file, line, err := place(args[3])
	s := event.Site{Kind: event.Kind(args[1]), Package: "example.com/server", File: file, Line: line, Func: args[4]}
	if args[2] != "-" {
		s.Object = args[2]
	}
	for i, a := range args[5:] {
		switch a {
		case "paired":
			s.Paired = true
		case "confined":
			s.Confined = true
		case "idle":
			s.Idle = true
		case "needs":
			s.Needs = strings.Join(args[5+i+1:], " ")
		}
	}
	w.sites[args[0]] = s
	return err
}

// funcAt is the function of the site there, or one that has none.
func (w *world) funcAt(file string, line int) string {
	for _, s := range w.sites {
		if s.File == file && s.Line == line {
			return s.Package + "." + s.Func
		}
	}
	return "example.com/server.f"
}

func place(s string) (file string, line int, err error) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return "", 0, fmt.Errorf("%q is not FILE:LINE", s)
	}
	line, err = strconv.Atoi(s[i+1:])
	return "/src/server/" + s[:i], line, err
}

func (w *world) addr(name string) uint64 {
	if _, ok := w.addrs[name]; !ok {
		w.addrs[name] = 0xc000010000 + 0x100*uint64(len(w.addrs))
	}
	return w.addrs[name]
}

// record reads "SITE#SEQ [on LOCK]".
func (w *world) record(args []string, held bool) (event.Record, error) {
	i := strings.IndexByte(args[0], '#')
	if i < 0 {
		return event.Record{}, fmt.Errorf("%q is not SITE#SEQ", args[0])
	}
	site, ok := w.sites[args[0][:i]]
	if !ok {
		return event.Record{}, fmt.Errorf("there is no site %q", args[0][:i])
	}
	seq, err := strconv.ParseUint(args[0][i+1:], 10, 64)
	r := event.Record{Site: site, Seq: seq, Since: w.now, Held: held, Done: w.done[args[0][:i]]}
	if len(args) == 3 && args[1] == "on" {
		r.Object = w.addr(args[2])
	}
	return r, err
}

// cell reads "ID [lost] [holds RECORD | waits RECORD | in RECORD], ...".
func (w *world) cell(line string) (event.Goroutine, error) {
	id, rest := line, ""
	if i := strings.IndexByte(line, ' '); i >= 0 {
		id, rest = line[:i], line[i+1:]
	}
	n, err := strconv.ParseUint(id, 10, 64)
	g := event.Goroutine{ID: n}
	old := w.find(n)
	for _, part := range strings.Split(rest, ",") {
		args := strings.Fields(part)
		if len(args) == 1 && args[0] == "lost" {
			g.Lost = true
		}
		if len(args) < 2 {
			continue
		}
		r, err := w.record(args[1:], args[0] == "holds")
		if err != nil {
			return g, err
		}
		if r.Seq > g.Seq {
			g.Seq = r.Seq
		}
		if old != nil {
			for _, o := range old.Records {
				if o.Seq == r.Seq && o.Held == r.Held {
					r.Since = o.Since
				}
			}
		}
		g.Records = append(g.Records, r)
	}
	return g, err
}

// mark reads "ID SITE COUNT": the goroutine is in a region, since the line first
// said so, and in no other.
func (w *world) mark(args []string) error {
	id, err := strconv.ParseUint(args[0], 10, 64)
	if err != nil {
		return err
	}
	g := w.find(id)
	if g == nil {
		return fmt.Errorf("there is no goroutine %d", id)
	}
	m := event.RegionMark{Site: w.sites[args[1]], Begun: w.now, Done: w.done[args[1]]}
	if len(g.Regions) == 1 && g.Regions[0].Site == m.Site {
		m.Begun = g.Regions[0].Begun
	}
	m.Last = w.now
	m.Count, err = strconv.ParseUint(args[2], 10, 64)
	g.Regions = []event.RegionMark{m}
	return err
}

// worker reads "NAME [of GROUP | all of GROUP] (idle | busy SEQ PROGRESS BUDGET [by ID])",
// the budget in seconds.
func (w *world) worker(args []string) error {
	m := event.WorkerMark{Index: len(w.workers), Name: args[0]}
	var n [3]uint64
	for i := 1; i < len(args); i++ {
		switch args[i] {
		case "all":
			m.All = true
		case "of":
			i++
			m.Group = args[i]
		case "by":
			i++
			m.Goroutine, _ = strconv.ParseUint(args[i], 10, 64)
		case "busy":
			m.Busy = true
			for k := range n {
				i++
				n[k], _ = strconv.ParseUint(args[i], 10, 64)
			}
		}
	}
	m.Seq, m.Progress, m.Budget, m.Since, m.Last = n[0], n[1], int64(n[2])*1e9, w.now, w.now
	for i, old := range w.workers {
		if old.Name == m.Name {
			m.Index = i
			w.workers[i] = m
			return nil
		}
	}
	w.workers = append(w.workers, m)
	return nil
}

func (w *world) find(id uint64) *event.Goroutine {
	for i := range w.cells {
		if w.cells[i].ID == id {
			return &w.cells[i]
		}
	}
	return nil
}

func (w *world) set(g event.Goroutine) {
	if old := w.find(g.ID); old != nil {
		*old = g
	} else {
		w.cells = append(w.cells, g)
	}
}

func (w *world) remove(id uint64) {
	for i := range w.cells {
		if w.cells[i].ID == id {
			w.cells = append(w.cells[:i], w.cells[i+1:]...)
			return
		}
	}
}

// look answers for goroutine id: what the scenario said, or what the records
// would have the runtime show.
func (w *world) look(id uint64) event.Look {
	if l, ok := w.looks[id]; ok {
		if t, ok := w.threads[id]; ok && l.Status == event.Syscall {
			l.Thread = &t
		}
		return l
	}
	g := w.find(id)
	if g == nil {
		return event.Look{Status: event.Gone}
	}
	l := event.Look{Status: event.Running}
	for i := len(g.Records) - 1; i >= 0; i-- {
		s := g.Records[i].Site
		l.Stack = append(l.Stack, event.Frame{Func: s.Package + "." + s.Func, File: s.File, Line: s.Line})
	}
	if r, ok := g.Waits(); ok {
		l.Status, l.Object = event.Waiting, r.Object
		l.Reason = map[event.Kind]string{
			event.Lock: "sync.Mutex.Lock", event.RWLock: "sync.RWMutex.Lock", event.RLock: "sync.RWMutex.RLock",
			event.Locker: "sync.Mutex.Lock", event.Never: "select (no cases)", event.Select: "select",
			event.WaitGroup: "sync.WaitGroup.Wait", event.Cond: "sync.Cond.Wait", event.Send: "chan send", event.Receive: "chan receive", event.Range: "chan receive", event.Call: "IO wait",
		}[r.Site.Kind]
	}
	return l
}

// word answers for a lock in the same way.
func (w *world) word(addr uint64) event.Word {
	for name, a := range w.addrs {
		if word, ok := w.words[name]; ok && a == addr {
			return word
		}
	}
	word := event.Word{Writer: event.NoWriter, Size: 24}
	queued, owner := false, false
	count := func(r event.Record) {
		switch k := r.Site.Kind; {
		case r.Object != addr:
		case k == event.WaitGroup:
			word.Count = 1
		case k == event.Send || k == event.Receive || k == event.Range:
			word.Chan = &event.Chan{}
		case r.Held && r.Site.Kind == event.RLock:
			word.Readers++
		case r.Held:
			owner = true
		case r.Site.Kind == event.RWLock:
			queued = true
		}
	}
	for _, g := range w.cells {
		for _, r := range g.Records {
			count(r)
		}
	}
	for _, o := range w.orphans {
		count(o.Record)
	}
	if owner {
		word.Writer = event.Holding
	} else if queued {
		word.Writer = event.Pending
	}
	return word
}

// sample takes a sample with the answers to what a asks for.
func (w *world) sample(a Actions) event.Sample {
	s := event.Sample{
		At: w.now, Process: w.process, Orphans: w.orphans, Foreign: w.foreign, Lost: w.lost, Workers: w.workers,
		Looks: map[uint64]event.Look{}, Words: map[uint64]event.Word{},
	}
	for _, g := range w.cells {
		if t, ok := w.torn[g.ID]; ok {
			g = t
		}
		s.Goroutines = append(s.Goroutines, g)
	}
	w.torn = map[uint64]event.Goroutine{}
	if id, err := strconv.ParseUint(w.again, 10, 64); err == nil {
		s.Goroutines = append(s.Goroutines, event.Goroutine{ID: id})
	}
	if w.deaf {
		return s
	}
	if a.Census {
		s.Census = w.census()
	}
	for _, id := range a.Look {
		s.Looks[id] = w.look(id)
	}
	for _, addr := range a.Words {
		s.Words[addr] = w.word(addr)
	}
	return s
}

// census looks at all goroutines, with the frames that every stack begins with.
func (w *world) census() *event.Census {
	c := &event.Census{}
	add := func(id uint64) {
		l := w.look(id)
		if len(l.Stack) > 0 {
			l.Stack = append(append([]event.Frame(nil), l.Stack...), event.Frame{Func: "runtime.goexit", File: "asm_amd64.s", Line: 1})
		}
		c.Goroutines = append(c.Goroutines, event.Resident{ID: id, Look: l})
	}
	for _, g := range w.cells {
		add(g.ID)
	}
	for id := range w.others {
		add(id)
	}
	sort.Slice(c.Goroutines, func(i, k int) bool { return c.Goroutines[i].ID < c.Goroutines[k].ID })
	return c
}

// table makes the table of who could serve whom: every function of a site, or
// named by a line "serves", is known, and serves what that line says.
func (w *world) table() *reach.Table {
	var d reach.Data
	needs, of := map[string]int{}, map[string]int{}
	d.Main = -1
	d.Signatures = []reach.Signature{{}}
	for _, s := range w.sites {
		for _, n := range strings.Fields(s.Needs) {
			if _, ok := needs[n]; !ok && !strings.HasSuffix(n, ":?") {
				needs[n] = len(d.Needs)
				d.Needs = append(d.Needs, n)
			}
		}
	}
	for at, list := range w.serves {
		var all []int
		for n := range list {
			if i, ok := needs[n]; ok {
				all = append(all, i)
			}
		}
		sort.Ints(all)
		of[at] = len(d.Signatures)
		sig := reach.Signature{Reaches: all, Contains: all}
		if w.nears[at] {
			sig.Contains = nil
		}
		d.Signatures = append(d.Signatures, sig)
	}
	files := map[string][]reach.Span{}
	for at, sig := range of {
		i := strings.LastIndexByte(at, ':')
		line, _ := strconv.Atoi(at[i+1:])
		files[at[:i]] = append(files[at[:i]], reach.Span{Line: line, Signature: sig}, reach.Span{Line: line + 1, Signature: 0})
	}
	for _, s := range w.sites {
		if at := fmt.Sprintf("%s:%d", base(s.File), s.Line); of[at] == 0 {
			files[base(s.File)] = append(files[base(s.File)], reach.Span{Line: s.Line, Signature: 0})
		}
	}
	for name, spans := range files {
		sort.SliceStable(spans, func(i, k int) bool { return spans[i].Line < spans[k].Line })
		kept := spans[:0]
		for _, s := range spans {
			if n := len(kept); n > 0 && kept[n-1].Line == s.Line {
				if s.Signature > kept[n-1].Signature {
					kept[n-1] = s
				}
				continue
			}
			kept = append(kept, s)
		}
		d.Files = append(d.Files, reach.File{Package: "example.com/server", Name: name, Spans: kept})
	}
	t, err := reach.Decode(reach.Encode(d))
	if err != nil {
		panic(err)
	}
	return t
}

// nameOf is the scenario's name of a lock.
func (w *world) nameOf(addr uint64) string {
	var names []string
	for name, a := range w.addrs {
		if a == addr {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return strings.Join(names, "=")
}
