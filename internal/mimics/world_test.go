package mimics

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/lifesign-go/lifesign/event"
)

const period = int64(100_000_000)

// behaviour is how errands of a site end at a place.
type behaviour struct {
	end   event.End
	took  int64
	errno string
	text  string
}

// source is a site whose mimics come once in a second.
type source struct {
	mimic event.Mimic
	on    bool
}

// pending is an errand that the world's helper has.
type pending struct {
	errand event.Errand
	at     int64
}

// world is a program with mimic checkers, a helper and a kernel.
type world struct {
	judge    *Judge
	now      int64
	pass     uint64
	names    []string
	sources  map[string]*source
	regions  map[string]event.Site
	does     map[string]behaviour // by "site where", "site *"
	kernel   map[string]event.Resource
	device   map[string]string // by site
	doing    []pending
	fails    []event.Mimic
	marks    map[string]event.Goroutine
	deaf     bool              // the helper says nothing
	spares   bool              // it does only what is urgent
	calls    map[string]string // by site: what its errands hang in
	late     int64
	found    []event.Finding
	lastDone Actions
	hears    func([]event.Outcome) // is told what the helper says, if it is set
}

func newWorld(c Config) *world {
	return &world{
		judge: New(c), now: 1e9, sources: map[string]*source{}, regions: map[string]event.Site{}, does: map[string]behaviour{},
		kernel: map[string]event.Resource{}, device: map[string]string{}, marks: map[string]event.Goroutine{}, calls: map[string]string{},
	}
}

// siteOf is an operation's place in the program: of link.2 the same as of link.
func siteOf(name string) event.Site {
	name = strings.Split(name, ".")[0]
	return event.Site{Kind: event.Call, Package: "example.com/m/wal", File: "/src/" + name + ".go", Line: len(name), Func: "(*WAL)." + name, Object: "(*os.File).Sync"}
}

func (w *world) behaves(name string, where event.Where) behaviour {
	if b, ok := w.does[name+" "+string(where)]; ok {
		return b
	}
	if b, ok := w.does[name+" *"]; ok {
		return b
	}
	return behaviour{end: event.Done, took: 200_000}
}

// resourceOf is what errands of a site hang on, at a place.
func (w *world) resourceOf(name string, where event.Where) *event.Resource {
	for _, key := range []string{name + " " + string(where), name + " *"} {
		if r, ok := w.kernel[key]; ok {
			return &r
		}
	}
	return nil
}

func (w *world) nameOf(site event.Site) string {
	for _, name := range w.names {
		if w.sources[name].mimic.Site == site {
			return name
		}
	}
	return ""
}

// tick has a period pass.
func (w *world) tick(period int64) Actions {
	w.now += period
	var mimics []event.Mimic
	if w.now/1e9 != (w.now-period)/1e9 {
		w.pass++
		for _, name := range w.names {
			s := w.sources[name]
			if s.on {
				m := s.mimic
				m.At, m.Pass = w.now, w.pass
				mimics = append(mimics, m)
			}
		}
	}
	mimics = append(mimics, w.fails...)
	w.fails = nil
	outcomes := w.outcomes()
	if w.hears != nil {
		w.hears(outcomes)
	}
	var gs []event.Goroutine
	var names []string
	for name := range w.marks {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		gs = append(gs, w.marks[name])
	}
	w.judge.Marks(gs)
	a := w.judge.Step(w.now, w.late, mimics, outcomes)
	w.late = 0
	for _, id := range a.Abandon { // what has not begun is never done
		for i := range w.doing {
			if w.doing[i].errand.ID == id && w.spares && !w.doing[i].errand.Again {
				w.doing = append(w.doing[:i], w.doing[i+1:]...)
				break
			}
		}
	}
	for _, e := range a.Errands {
		w.doing = append(w.doing, pending{e, w.now})
	}
	w.found = append(w.found, a.Findings...)
	w.lastDone = a
	return a
}

// outcomes is what the helper says.
func (w *world) outcomes() []event.Outcome {
	if w.deaf {
		return nil
	}
	var all []event.Outcome
	left := w.doing[:0]
	for i := range w.doing {
		d := w.doing[i]
		if w.spares && !d.errand.Again {
			left = append(left, d)
			continue
		}
		name := w.nameOf(d.errand.Mimic.Site)
		b := w.behaves(name, d.errand.Where)
		took := w.now - d.at
		o := event.Outcome{ID: d.errand.ID, At: w.now, Took: took, End: b.end, Errno: b.errno, Text: b.text, Where: d.errand.Where, Device: w.device[name]}
		if b.end != event.Hangs && took >= b.took {
			if b.took > 0 && took < 2*period {
				o.Took = b.took
			}
			all = append(all, o)
			continue
		}
		left = append(left, d)
		if took < 2*period {
			continue
		}
		o.End, o.Errno, o.Text = event.Hangs, "", ""
		o.Thread = &event.Thread{ID: int(d.errand.ID), State: "S", Call: w.calls[name], Wchan: "request_wait_answer", Resource: w.resourceOf(name, d.errand.Where)}
		if o.Thread.Resource != nil && o.Thread.Resource.Name == "running" {
			o.Thread.State, o.Thread.Resource = "R", nil
		}
		all = append(all, o)
	}
	w.doing = left
	return all
}

func (w *world) until(to int64) {
	for w.now+period <= to+1 {
		w.tick(period)
	}
}

// add has a site's mimics come.
func (w *world) add(name string, region string, m event.Mimic) {
	if w.sources[name] == nil {
		w.names = append(w.names, name)
	}
	m.Site = siteOf(name)
	if site, ok := w.regions[region]; ok {
		m.Region = site
	} else {
		m.Region = event.Site{Kind: event.Region, Package: "example.com/m/wal", File: "/src/" + region + ".go", Line: 1, Func: region}
		w.regions[region] = m.Region
	}
	m.Chain = []event.Frame{{Func: region, File: region + ".go", Line: 10}, {Func: "(*WAL)." + name, File: name + ".go", Line: 20}}
	w.sources[name] = &source{mimic: m, on: true}
}

func (w *world) failure(name, text string) {
	w.fails = append(w.fails, event.Mimic{Deed: event.SeeFailure, Site: siteOf(name), At: w.now, Err: text})
}

func number(s string) int64 {
	n, err := strconv.ParseInt(s, 0, 64)
	if err != nil {
		panic(err)
	}
	return n
}

func nanoseconds(s string) int64 {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		panic(err)
	}
	return int64(f * 1e9)
}

// told renders a finding for the record of a story.
func told(f event.Finding) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%.2f %s, %s, episode %d: %s\n", float64(f.At)/1e9, f.Verdict, f.Class, f.Episode-firstEpisode, f.What)
	fmt.Fprintf(&b, "  at %s since %.2f\n", f.Place.Site.Place(), float64(f.Place.Since)/1e9)
	for _, l := range f.Chain {
		region := ""
		if l.Region != nil {
			region = l.Region.Func
		}
		fmt.Fprintf(&b, "  link %s, in %s, by", l.What, region)
		for _, frame := range l.Stack {
			fmt.Fprintf(&b, " %s", frame.Func)
		}
		b.WriteByte('\n')
	}
	for _, e := range f.Evidence {
		fmt.Fprintf(&b, "  %s: %s\n", e.Source, e.Text)
	}
	fmt.Fprintf(&b, "  refuted if %s\n", f.Refuted)
	return b.String()
}
