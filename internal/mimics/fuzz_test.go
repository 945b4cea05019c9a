package mimics

import (
	"math/rand"
	"reflect"
	"testing"

	"github.com/lifesign-go/lifesign/event"
)

// maker makes mimics and outcomes out of bytes, hostile ones among them.
type maker struct{ data []byte }

func (m *maker) upTo(n int) int {
	if len(m.data) == 0 {
		return 0
	}
	b := m.data[0]
	m.data = m.data[1:]
	return int(b) % n
}

var deeds = []event.Deed{
	event.DoWrite, event.DoSync, event.DoRead, event.DoTruncate, event.DoOpen, event.DoDirectory, event.DoDial, event.DoHandshake,
	event.SeeConnection, event.SeeListener, event.SeePool, event.SeeOwn, event.SeeFailure, event.SeeTrend, "",
}

func (m *maker) mimic(at int64) event.Mimic {
	name := string(rune('a' + m.upTo(4)))
	one := event.Mimic{
		At: at, Deed: deeds[m.upTo(len(deeds))], Site: siteOf(name), Region: event.Site{Func: string(rune('r' + m.upTo(2)))},
		Pass: uint64(m.upTo(4)), Path: []string{"", "/", "x", "/a/b", "/a/c"}[m.upTo(5)], Address: []string{"", "h:1"}[m.upTo(2)],
		Offset: int64(m.upTo(3) - 1), Size: int64(m.upTo(3)), Data: []byte("data")[:m.upTo(5)],
	}
	if m.upTo(2) == 0 {
		one.Err = []string{"no", "panicked: x"}[m.upTo(2)]
	}
	if m.upTo(2) == 0 {
		one.Numbers = map[string]int64{}
		for _, key := range []string{"unacked", "retransmits", "sendqueue", "acked", "lastack", "waiting", "max", "inuse", "waits", "hangs", "goroutines"} {
			if m.upTo(2) == 0 {
				one.Numbers[key] = int64(m.upTo(256)) - 3
			}
		}
	}
	return one
}

func (m *maker) outcome(at int64, last uint64) event.Outcome {
	o := event.Outcome{
		ID: uint64(m.upTo(int(last%200) + 2)), At: at, Took: int64(m.upTo(40)-1) * period,
		End:   []event.End{event.Done, event.Failed, event.Differ, event.Hangs, event.Hangs, event.Unable, ""}[m.upTo(7)],
		Errno: []string{"", "EIO", "ENOENT", "ENOTCONN"}[m.upTo(4)], Device: []string{"", "8:1"}[m.upTo(2)],
	}
	if o.End == event.Hangs && m.upTo(3) > 0 {
		o.Thread = &event.Thread{ID: m.upTo(2), State: []string{"S", "R", "D"}[m.upTo(3)]}
		if m.upTo(3) > 0 {
			kinds := []event.ResourceKind{"", event.OnFUSE, event.OnDevice, event.OnFrozen, event.OnSocket}
			o.Thread.Resource = &event.Resource{Kind: kinds[m.upTo(5)], Name: "it", InFlight: uint64(m.upTo(2)), Completed: uint64(m.upTo(2))}
		}
	}
	return o
}

// FuzzStep feeds the judge with anything. It must not panic, the same steps give the
// same answers, and the books must balance: an errand is given once, no more than
// one at a time is outstanding of a site where the program does it, and what is
// counted as hanging does.
func FuzzStep(f *testing.F) {
	f.Add([]byte("0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0123456789"))
	for seed := int64(0); seed < 100; seed++ {
		r := rand.New(rand.NewSource(seed))
		data := make([]byte, r.Intn(3000))
		r.Read(data)
		f.Add(data)
	}
	f.Fuzz(anything)
}

// anything plays what bytes come to.
func anything(t *testing.T, data []byte) {
	a, b := New(Config{}), New(Config{})
	m := &maker{data}
	now, last := int64(1), uint64(0)
	open := map[uint64]bool{} // episodes of which something that takes an action is told
	for step := 0; step < 100 && len(m.data) > 0; step++ {
		now += int64(m.upTo(30)-2) * period
		late := int64(m.upTo(4)) * period
		var mimics []event.Mimic
		var outcomes []event.Outcome
		for n := m.upTo(4); n > 0; n-- {
			mimics = append(mimics, m.mimic(now))
		}
		for n := m.upTo(6); n > 0; n-- {
			outcomes = append(outcomes, m.outcome(now, last))
		}
		gs := []event.Goroutine{{ID: 1, Records: []event.Record{{Site: siteOf("a"), Since: now - int64(m.upTo(20))*period}}, Regions: []event.RegionMark{{Site: event.Site{Func: "r"}, Count: uint64(m.upTo(9))}}}}
		a.Marks(gs)
		b.Marks(gs)
		x, y := a.Step(now, late, mimics, outcomes), b.Step(now, late, mimics, outcomes)
		if !reflect.DeepEqual(x, y) {
			t.Fatalf("step %d: %+v and %+v", step, x, y)
		}
		for _, e := range x.Errands {
			if e.ID != last+1 || e.Where == "" || !e.Mimic.Deed.Helpers() {
				t.Fatalf("step %d: a strange errand: %+v", step, e)
			}
			last = e.ID
		}
		for _, f := range x.Findings {
			if f.Verdict == "" || f.Class == "" || f.What == "" || f.Episode <= firstEpisode {
				t.Fatalf("step %d: a strange finding: %+v", step, f)
			}
			if acts := f.Verdict == event.Stuck || f.Verdict == event.Wrong; acts == open[f.Episode] && (acts || f.Verdict == event.Working) {
				t.Fatalf("step %d: %s, while that episode is open: %v", step, f.Verdict, open[f.Episode])
			} else if acts || f.Verdict == event.Working {
				open[f.Episode] = acts
			}
		}
		balance(t, a, step)
		a.Stuck()
	}
}

// balance holds the books against what is outstanding.
func balance(t *testing.T, j *Judge, step int) {
	hanging := 0
	hung, busy := map[*place]int{}, map[*place]int{}
	for _, e := range j.errands {
		if e.late {
			hanging++
		}
		if e.late && e.where == event.Here {
			hung[e.region]++
		}
		if e.where == event.Here && e.mimic.Deed == e.s.deed {
			if busy[e.s.place]++; busy[e.s.place] > 1 {
				t.Fatalf("step %d: two errands of %s", step, e.s.place.site.Func)
			}
		}
		if j.byID[e.id] != e {
			t.Fatalf("step %d: errand %d is not known by its number", step, e.id)
		}
	}
	if j.counts.Hanging != hanging || len(j.byID) != len(j.errands) {
		t.Fatalf("step %d: %d counted as hanging, and %d do; %d errands, and %d by number", step, j.counts.Hanging, hanging, len(j.errands), len(j.byID))
	}
	for _, p := range j.places {
		if p.hung != hung[p] {
			t.Fatalf("step %d: of the checker of %s %d are counted as hanging, and %d do", step, p.site.Func, p.hung, hung[p])
		}
		if (p.busy != nil) != (busy[p] > 0) {
			t.Fatalf("step %d: %s is busy: %v", step, p.site.Func, p.busy != nil)
		}
	}
	for _, q := range j.inquiries {
		if q.closed || q.s.inquiry != q {
			t.Fatalf("step %d: an inquiry that is closed, or not its subject's", step)
		}
	}
}
