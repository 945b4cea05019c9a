package attach

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// never tells of goroutines in operations that nothing can serve. To stand in
// one is how some goroutines are meant to end; whether it was meant is judged
// by what the goroutine did before.
func (t *teller) never(d *Dump) {
	for i := range d.Goroutines {
		g := &d.Goroutines[i]
		if kindOf(g) != event.Never {
			continue
		}
		key := fmt.Sprintf("never %d", g.ID)
		t.keep(key)
		why := t.unmeant(g)
		switch {
		case why == "":
			t.tell(key, t.neverFinding(g, event.Unknown, event.Undecided, "whether it is meant to cannot be told"))
		case t.w.stood(g):
			t.tell(key, t.neverFinding(g, event.Stuck, event.Proven, why))
		default:
			t.a.Pending = true
		}
	}
}

func (t *teller) neverFinding(g *Goroutine, v event.Verdict, c event.Class, why string) event.Finding {
	object := g.Reason
	f := t.finding(v, c, fmt.Sprintf("goroutine %d is in an operation that nothing can serve (%s); %s", g.ID, g.Reason, why), event.Never, object, []*Goroutine{g})
	f.Refuted = fmt.Sprintf("goroutine %d moves", g.ID)
	return f
}

// unmeant says why a goroutine in an operation that nothing can serve is not
// meant to be there, "" if that is not known.
func (t *teller) unmeant(g *Goroutine) string {
	switch {
	case g.Reason == "chan send (nil chan)":
		return "it has a value to send"
	case request(g) != "":
		return "it serves a request, which is never answered"
	case t.w.seen[g.ID].moved && g.ID != 1:
		return "it has done other things before"
	}
	return "" // main functions like to wait so
}

// group is goroutines that wait for the same: one lock, or at one place.
type group struct {
	key    string
	kind   event.Kind
	object string
	all    []*Goroutine
}

// groups tells of goroutines that wait for locks, to send, and in calls.
func (t *teller) groups(d *Dump) {
	byKey := map[string]*group{}
	var order []*group
	for i := range d.Goroutines {
		g := &d.Goroutines[i]
		kind := kindOf(g)
		if kind == "" || kind == event.Never {
			continue
		}
		key, object := groupOf(g, kind)
		if byKey[key] == nil {
			byKey[key] = &group{key: key, kind: kind, object: object}
			order = append(order, byKey[key])
		}
		byKey[key].all = append(byKey[key].all, g)
	}
	for _, gr := range order {
		t.group(gr)
	}
}

func groupOf(g *Goroutine, kind event.Kind) (key, object string) {
	own := g.own()
	place := fmt.Sprintf("%s:%d", own.File, own.Line)
	switch kind {
	case event.Call:
		return "call " + place, inward(g)
	case event.Send:
		return "send " + place, "a channel"
	}
	name := "a sync.RWMutex"
	if kind == event.Lock {
		name = "a sync.Mutex"
	}
	if addr := lockAddr(g); addr != "" {
		if kind == event.RWLock { // writers queue at a Mutex inside it
			name = "the sync.RWMutex with the Mutex"
		} else {
			name = "the sync.Mutex"
		}
		return "lock " + addr, fmt.Sprintf("%s at %s", name, addr)
	}
	return "lock at " + place, name
}

// group tells of one group.
func (t *teller) group(gr *group) {
	var standing []*Goroutine
	waiting := false // for a second dump
	for _, g := range gr.all {
		if !t.w.overdue(g) {
			continue
		}
		if t.w.stood(g) {
			standing = append(standing, g)
		} else {
			waiting = true
		}
	}
	t.a.Pending = t.a.Pending || waiting
	if len(standing) > 0 || waiting {
		t.keep(gr.key)
	}
	if len(standing) == 0 {
		if gr.kind.IsLock() {
			t.convoy(gr)
		}
		return
	}
	sort.SliceStable(standing, func(i, k int) bool { return standing[i].Minutes > standing[k].Minutes })
	t.standing(gr, standing)
}

// standing tells of those of a group that have not run for the budget.
func (t *teller) standing(gr *group, gs []*Goroutine) {
	first := gs[0]
	n := ""
	if len(gs) > 1 {
		n = fmt.Sprintf(", as do %d more", len(gs)-1)
	}
	switch {
	case gr.kind == event.Call:
		f := t.finding(event.Stuck, event.Inferred, fmt.Sprintf("goroutine %d has been in %s for at least %s%s: what it works on does not answer", first.ID, gr.object, ago(first), n), gr.kind, gr.object, gs)
		f.Refuted = fmt.Sprintf("goroutine %d moves", first.ID)
		t.tell(gr.key, f)
	case gr.kind.IsLock():
		f := t.finding(event.Stuck, event.Inferred, fmt.Sprintf("goroutine %d has waited for %s for at least %s%s; %s", first.ID, gr.object, ago(first), n, blind), gr.kind, gr.object, gs)
		f.Refuted = fmt.Sprintf("goroutine %d moves, or whoever holds the lock is at work", first.ID)
		t.tell(gr.key, f)
	case t.w.dammed(gr.key, gs):
		f := t.finding(event.Stuck, event.Inferred, fmt.Sprintf("%d goroutines wait to send at one place, and none has got through for at least %s", len(gs), ago(gs[len(gs)-1])), gr.kind, gr.object, gs)
		f.Refuted = "somebody receives"
		t.tell(gr.key, f)
	default:
		f := t.finding(event.Unknown, event.Undecided, fmt.Sprintf("goroutine %d has waited to send for at least %s%s; whether somebody will receive cannot be seen from here", first.ID, ago(first), n), gr.kind, gr.object, gs)
		f.Refuted = fmt.Sprintf("goroutine %d moves", first.ID)
		t.tell(gr.key, f)
	}
}

func ago(g *Goroutine) string {
	if g.Minutes == 1 {
		return "a minute"
	}
	return fmt.Sprintf("%d minutes", g.Minutes)
}

const (
	convoySize = 8  // goroutines that wait for one lock
	damSize    = 20 // goroutines that wait to send at one place
)

// convoy tells of a crowd that waits for a lock which goes round.
func (t *teller) convoy(gr *group) {
	key := "convoy " + gr.key
	if len(gr.all) < convoySize {
		return
	}
	t.keep(key)
	for _, g := range gr.all {
		if t.w.seen[g.ID].moved { // somebody has come through, and again
			f := t.finding(event.Slow, event.Inferred, fmt.Sprintf("%d goroutines wait for %s, which goes round slowly", len(gr.all), gr.object), gr.kind, gr.object, gr.all)
			f.Refuted = "none of them moves"
			t.tell(key, f)
			return
		}
	}
}

// pile is a place at which goroutines were counted.
type pile struct {
	first, last int
	since       int64 // honest time of the first count from which on there were never fewer
	standing    int   // that had not run for the budget, in the last dump
}

// dammed reports whether those that wait to send at a place are many, and more
// than in the dump before.
func (w *Watch) dammed(key string, gs []*Goroutine) bool {
	p := w.places[key]
	if p == nil {
		p = &pile{standing: len(gs)}
		w.places[key] = p
	}
	more := len(gs) > p.standing
	if len(gs) < p.standing || more {
		p.standing = len(gs)
	}
	return more && len(gs) >= damSize
}

const (
	pileSize  = 100 // goroutines that are worth a word
	maxPlaces = 1 << 14
)

// survey draws conclusions from a profile: where goroutines pile up, and
// whether a dump is worth its cost.
func (w *Watch) survey(p *Profile, a *Actions) {
	w.total = p.Total
	here := map[string]bool{}
	for i := range p.Places {
		place := &p.Places[i]
		key := "pile " + place.Key
		here[key] = true
		old := w.places[key]
		switch {
		case old == nil && len(w.places) < maxPlaces:
			w.places[key] = &pile{first: place.Count, last: place.Count, since: w.honest}
			continue
		case old == nil:
			continue
		case place.Count < old.last:
			*old = pile{first: place.Count, last: place.Count, since: w.honest}
			delete(w.episodes, key)
			continue
		}
		old.last = place.Count
		if place.Count >= pileSize && place.Count >= 2*old.first && w.honest-old.since >= int64(w.budget) && w.episodes[key] == nil {
			w.looking = true
			w.tellPile(key, place, old, a)
		}
	}
	for key := range w.places {
		if strings.HasPrefix(key, "pile ") && !here[key] {
			delete(w.places, key)
			delete(w.episodes, key)
		}
	}
}

// tellPile tells of a place at which goroutines have become more and never
// fewer for the budget.
func (w *Watch) tellPile(key string, place *Place, old *pile, a *Actions) {
	t := &teller{w: w, at: w.at, a: a}
	g := Goroutine{}
	for _, f := range place.Stack {
		g.Frames = append(g.Frames, Frame{Frame: f})
	}
	own := g.own()
	pkg, fn := cutFunc(own.Func)
	f := event.Finding{
		Verdict: event.Unknown, Class: event.Undecided, At: w.at,
		What: fmt.Sprintf("goroutines pile up at one place: %d at first, %d now, and never fewer in between", old.first, place.Count),
		Place: event.Step{
			Site:  event.Site{Kind: event.Call, Package: pkg, File: own.File, Line: own.Line, Func: fn},
			Since: w.at - (w.honest - old.since),
		},
		Evidence: []event.Evidence{t.says(event.Runtime, "the goroutine profile has counted %d there, and %d after %s", old.first, place.Count, round(time.Duration(w.honest-old.since)))},
		Refuted:  "they become fewer",
	}
	f.Chain = []event.Link{{Stack: place.Stack}}
	t.tell(key, f)
}
