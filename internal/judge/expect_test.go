package judge

import (
	"fmt"
	"strings"

	"github.com/lifesign-go/lifesign/event"
)

// expect compares the next finding, or what it says, with a line.
func (p *player) expect(args []string) error {
	rest := strings.Join(args[1:], " ")
	switch args[0] {
	case "nothing":
		if len(p.found) > 0 {
			return fmt.Errorf("got %s", p.found[0].What)
		}
	case "looks":
		if got := spaced(p.last.Look); got != rest {
			return fmt.Errorf("got %s", got)
		}
	case "chain":
		if got := spaced(ids(p.current.Chain)); got != rest {
			return fmt.Errorf("got %s", got)
		}
	case "waiters":
		if got := spaced(ids(p.current.Waiters)); got != rest {
			return fmt.Errorf("got %s", got)
		}
	default:
		if len(p.found) == 0 {
			return fmt.Errorf("got nothing by %.1f s", float64(p.world.now)/1e9)
		}
		p.current, p.found = p.found[0], p.found[1:]
		if got := fmt.Sprintf("%s %s", p.current.Verdict, p.current.Class); got != args[0]+" "+args[1] {
			return fmt.Errorf("got %s: %s", got, p.current.What)
		}
		if part := strings.Join(args[2:], " "); !strings.Contains(p.current.What, part) {
			return fmt.Errorf("got %s", p.current.What)
		}
	}
	return nil
}

func ids(links []event.Link) (all []uint64) {
	for _, l := range links {
		all = append(all, l.Goroutine)
	}
	return all
}

func spaced(ids []uint64) string { return strings.Trim(fmt.Sprint(ids), "[]") }

// record writes what the judge did at this sample, if anything; of calls for
// the same again and again only how many there were.
func (p *player) record() {
	a := p.last
	var locks []string
	for _, w := range a.Words {
		locks = append(locks, p.world.nameOf(w))
	}
	at, asks := float64(p.world.now)/1e9, ""
	if len(a.Look)+len(a.Words) > 0 {
		asks = fmt.Sprintf("look at [%s], read [%s]", spaced(a.Look), strings.Join(locks, " "))
	}
	switch {
	case asks != "" && asks == p.asks:
		p.again++
	case asks != "":
		p.flush()
		fmt.Fprintf(&p.log, "%.1f %s\n", at, asks)
		p.asks = asks
	}
	if len(a.Findings) > 0 {
		p.flush()
		fmt.Fprintf(&p.log, "%.1f\n", at)
	}
	for _, f := range a.Findings {
		p.finding(f)
	}
	for _, d := range a.Dead {
		fmt.Fprintf(&p.log, "  worker %d is told that its work %d is taken for dead\n", d.Index, d.Seq)
	}
}

// flush ends a run of equal calls.
func (p *player) flush() {
	if p.again > 0 {
		fmt.Fprintf(&p.log, "    and %d times more\n", p.again)
	}
	p.asks, p.again = "", 0
}

func (p *player) finding(f event.Finding) {
	b := &p.log
	fmt.Fprintf(b, "  %s, %s: %s\n  place %s since %.1f, cycle %t\n", f.Verdict, f.Class, f.What, f.Place.Site.Place(), float64(f.Place.Since)/1e9, f.Cycle)
	for _, l := range f.Chain {
		fmt.Fprintf(b, "  link %d%s%s, %d frames\n", l.Goroutine, p.step("holds", l.Holds), p.step("waits", l.Waits), len(l.Stack))
	}
	for _, l := range f.Waiters {
		fmt.Fprintf(b, "  waiter %d%s\n", l.Goroutine, p.step("waits", l.Waits))
	}
	for _, e := range f.Evidence {
		fmt.Fprintf(b, "  %s: %s\n", e.Source, e.Text)
	}
	fmt.Fprintf(b, "  refuted if %s\n", f.Refuted)
}

func (p *player) step(verb string, s *event.Step) string {
	if s == nil {
		return ""
	}
	return fmt.Sprintf(", %s %s at %s:%d", verb, s.Site.Kind, s.Site.File[len("/src/server/"):], s.Site.Line)
}
