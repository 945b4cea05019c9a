package judge

import (
	"fmt"
	"math/rand"
	"sort"
	"strings"
	"testing"

	"github.com/lifesign-go/lifesign/event"
)

// twin is the structural part of the judge as one would write it first: the
// largest set of goroutines of which each waits for one in the set, found by
// taking away who does not until nobody is left to take away. Where a word is
// missing it takes whatever may be.
type twin struct {
	s *event.Sample
}

// hopeless returns those who will never go on if the sample tells the truth.
func (t twin) hopeless() map[uint64]bool {
	in := map[uint64]bool{}
	for _, g := range t.s.Goroutines {
		if r, ok := g.Waits(); ok && r.Site.Kind.IsLock() && !r.Site.Idle && r.Object != 0 {
			word, asked := t.s.Words[r.Object]
			in[g.ID] = !asked || word.Err != "" || word.Writer != event.NoWriter
		}
	}
	for again := true; again; {
		again = false
		for _, g := range t.s.Goroutines {
			if r, _ := g.Waits(); in[g.ID] && !t.blocked(r, in) {
				delete(in, g.ID)
				again = true
			}
		}
	}
	for id, yes := range in {
		if !yes {
			delete(in, id)
		}
	}
	return in
}

// blocked reports whether a wait cannot end because of those in the set.
func (t twin) blocked(wait event.Record, in map[uint64]bool) bool {
	var excl, hopelessExcl, readers, hopelessReaders, queued int
	count := func(r event.Record, hopeless bool) {
		n, h := &excl, &hopelessExcl
		if r.Site.Kind == event.RLock {
			n, h = &readers, &hopelessReaders
		}
		*n++
		if hopeless {
			*h++
		}
	}
	for _, g := range t.s.Goroutines {
		for _, r := range g.Records {
			if r.Object == wait.Object && r.Held {
				count(r, in[g.ID] || t.lost(g) || t.left(g, r))
			}
		}
		if r, _ := g.Waits(); r.Object == wait.Object && r.Site.Kind == event.RWLock && in[g.ID] {
			queued++
		}
	}
	for _, o := range t.s.Orphans {
		if o.Record.Object == wait.Object {
			count(o.Record, true)
		}
	}
	if t.s.Foreign[wait.Object] || excl > 1 {
		return false
	}
	word, asked := t.s.Words[wait.Object]
	if !asked || word.Err != "" || word.Writer != event.Holding && word.Writer != event.Pending {
		return hopelessExcl+hopelessReaders > 0
	}
	if word.Writer == event.Holding {
		return hopelessExcl > 0
	}
	stale := readers - word.Readers
	if stale < 0 {
		stale = 0
	}
	return hopelessReaders > stale && (wait.Site.Kind != event.RLock || queued > 0)
}

// left reports whether g has left the function that alone releases what r says
// it holds.
func (t twin) left(g event.Goroutine, r event.Record) bool {
	look := t.s.Looks[g.ID]
	return r.Site.Confined && look.Err == "" && !look.Coarse && len(look.Stack) > 0 && !inFunc(r.Site, look.Stack)
}

// lost reports whether g, which may wait for no lock, can never go on.
func (t twin) lost(g event.Goroutine) bool {
	r, ok := g.Waits()
	look, looked := t.s.Looks[g.ID]
	if looked && look.Err == "" {
		if look.Status == event.Gone {
			return true
		}
		return look.Status == event.Waiting && unservable(look.Reason) && (!ok || !r.Site.Kind.IsLock() && onStack(r.Site, look.Stack))
	}
	return ok && r.Site.Kind == event.Never
}

// lines is a random world, in the language of the scenarios.
func lines(r *rand.Rand) (all []string) {
	n, locks := 1+r.Intn(7), 1+r.Intn(4)
	seq := 0
	hold := func(lock int) string {
		seq++
		kind := []string{"l", "k"}[r.Intn(2)]
		if lock%2 == 1 {
			kind = []string{"r", "r", "r", "w"}[r.Intn(4)]
		}
		return fmt.Sprintf("%s#%d on L%d", kind, seq, lock)
	}
	wait := func(lock int) string {
		seq++
		kind := "l"
		if lock%2 == 1 {
			kind = []string{"r", "w"}[r.Intn(2)]
		}
		return fmt.Sprintf("%s#%d on L%d", kind, seq, lock)
	}
	for id := 1; id <= n; id++ {
		var parts []string
		for h := r.Intn(3); h > 0; h-- {
			parts = append(parts, "holds "+hold(r.Intn(locks)))
		}
		seq++
		switch r.Intn(12) {
		case 0:
			parts = append(parts, fmt.Sprintf("in never#%d", seq))
		case 1:
			parts = append(parts, fmt.Sprintf("in recv#%d", seq))
		case 2:
		default:
			parts = append(parts, "waits "+wait(r.Intn(locks)))
		}
		all = append(all, fmt.Sprintf("g %d %s", id, strings.Join(parts, ", ")))
		if last := strings.Join(parts, " "); r.Intn(10) == 0 && !strings.Contains(last, "waits") {
			all = append(all, fmt.Sprintf("is %d gone", id))
		}
	}
	for l := 0; l < locks; l++ {
		switch r.Intn(10) {
		case 0, 1:
			all = append(all, fmt.Sprintf("word L%d pending %d", l, r.Intn(4)))
		case 2, 3, 4:
			all = append(all, fmt.Sprintf("word L%d holding", l))
		case 5:
			all = append(all, fmt.Sprintf("word L%d none", l))
		case 6:
			all = append(all, fmt.Sprintf("foreign L%d", l))
		case 7:
			all = append(all, fmt.Sprintf("orphan %d %s", 100+l, hold(l)))
		}
	}
	return all
}

const sites = `
site l lock a l.go:1 f paired
site k locker a k.go:1 f paired
site w rwlock b w.go:1 f paired
site r rlock b r.go:1 f paired
site never never - n.go:1 f
site recv receive c c.go:1 f
`

// differs plays a world for two seconds and says where the judge's proofs are
// not what the twin finds.
func differs(t *testing.T, story []string) string {
	p := &player{t: t, world: newWorld(), judge: New(Config{})}
	p.play("random", sites+strings.Join(story, "\n"))
	if err := p.run("until", "2"); err != nil {
		t.Fatal(err)
	}
	// The twin is told everything.
	var all Actions
	for _, g := range p.world.cells {
		all.Look = append(all.Look, g.ID)
	}
	for _, a := range p.world.addrs {
		all.Words = append(all.Words, a)
	}
	s := p.world.sample(all)
	want := keys(twin{&s}.hopeless())
	got := map[uint64]bool{}
	for _, f := range p.found {
		for _, l := range append(f.Chain, f.Waiters...) {
			if l.Waits != nil && l.Waits.Site.Kind.IsLock() {
				got[l.Goroutine] = true
			}
		}
		if why := disconnected(f); why != "" {
			return why
		}
	}
	if fmt.Sprint(keys(got)) != fmt.Sprint(want) {
		return fmt.Sprintf("proven stuck: %v; the twin says %v", keys(got), want)
	}
	p.found = nil
	return ""
}

// disconnected says where the links of a finding's chain do not hold together.
func disconnected(f event.Finding) string {
	if !f.Place.Site.Kind.IsLock() {
		return "" // who could serve whom is not by holding something
	}
	for i, l := range f.Chain {
		next := i + 1
		if next == len(f.Chain) {
			if !f.Cycle {
				break
			}
			next = 0
		}
		n := f.Chain[next]
		behind := n.Holds == nil && n.Waits != nil && n.Waits.Site.Kind == event.RWLock && n.Waits.Object == l.Waits.Object
		if l.Waits == nil || !behind && (n.Holds == nil || n.Holds.Object != l.Waits.Object) {
			return fmt.Sprintf("link %d of %q does not lead to the next", i, f.What)
		}
	}
	return ""
}

func keys(m map[uint64]bool) []uint64 {
	all := []uint64{}
	for k := range m {
		all = append(all, k)
	}
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	return all
}

// shrink takes lines away for as long as the judge and its twin still differ.
func shrink(t *testing.T, story []string) []string {
	for i := 0; i < len(story); {
		less := append(append([]string(nil), story[:i]...), story[i+1:]...)
		if differs(t, less) != "" {
			story, i = less, 0
		} else {
			i++
		}
	}
	return story
}

func TestTwin(t *testing.T) {
	for seed := int64(0); seed < 4000; seed++ {
		story := lines(rand.New(rand.NewSource(seed)))
		if differs(t, story) != "" {
			story = shrink(t, story)
			t.Fatalf("seed %d, shrunk: %s\n%s%s", seed, differs(t, story), sites, strings.Join(story, "\n"))
		}
	}
}
