package lifesign

import (
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/hook"
	"github.com/lifesign-go/lifesign/internal/page"
)

// mark returns what a reader of the page sees of the worker with that name.
func mark(t testing.TB, name string) (event.WorkerMark, bool) {
	t.Helper()
	var r page.Reading
	if err := page.NewViewReader(hook.Vitals()).Read(&r); err != nil {
		t.Fatal(err)
	}
	if r.Damaged > 0 {
		t.Errorf("%d entries of the page make no sense", r.Damaged)
	}
	for _, w := range r.Workers {
		if w.Name == name {
			return w, true
		}
	}
	return event.WorkerMark{}, false
}

func TestWorkerIsSeenFromOutside(t *testing.T) {
	hook.Vitals().SetClock(5e9)
	w := NewWorker("ingest", AllOf("queue"))
	m, _ := mark(t, "ingest")
	if m.Busy || m.Group != "queue" || !m.All {
		t.Errorf("a new worker is %+v", m)
	}
	work := w.Busy(2 * time.Second)
	m, _ = mark(t, "ingest")
	if !m.Busy || m.Budget != 2e9 || m.Since != 5e9 || m.Last != 5e9 {
		t.Errorf("a busy worker is %+v", m)
	}
	hook.Vitals().SetClock(6e9)
	w.Progress()
	next, _ := mark(t, "ingest")
	if next.Progress != m.Progress+1 || next.Last != 6e9 || next.Since != 5e9 || next.Seq != m.Seq {
		t.Errorf("after progress it is %+v", next)
	}
	second := w.Busy(-1)
	m, _ = mark(t, "ingest")
	if !m.Busy || m.Seq == next.Seq || m.Budget != 0 {
		t.Errorf("with its second work it is %+v", m)
	}
	work.Done()
	if m, _ = mark(t, "ingest"); !m.Busy {
		t.Error("the end of the first work has ended the second one")
	}
	second.Done()
	second.Done()
	w.Idle()
	if m, _ = mark(t, "ingest"); m.Busy {
		t.Errorf("an idle worker is %+v", m)
	}
	w.Close()
	w.Close()
	if m, ok := mark(t, "ingest"); ok {
		t.Errorf("a closed worker is still there: %+v", m)
	}
	Work{}.Done()
}

func TestWorkerLearnsThatItWasReported(t *testing.T) {
	w := NewWorker("reported")
	ctx := w.Context()
	if ctx != w.Context() {
		t.Error("there are two contexts")
	}
	work := w.Busy(time.Second)
	if w.Reported() || ctx.Err() != nil {
		t.Fatal("it was not reported")
	}
	m, _ := mark(t, "reported")
	hook.Vitals().Report(m.Index, m.Seq)
	if m, _ = mark(t, "reported"); !m.Reported || !w.Reported() {
		t.Errorf("it was reported and is %+v", m)
	}
	eventually(t, "its context ends", func() bool { return ctx.Err() != nil })
	work.Done()
	if !w.Reported() {
		t.Error("it was reported, and forgets it with the work done")
	}
	w.Close()
	if !w.Reported() {
		t.Error("it was reported, and forgets it when closed")
	}
	next := NewWorker("successor")
	defer next.Close()
	if next.Reported() {
		t.Error("a new worker takes over that the last one in its place was reported")
	}
}

func TestContextEndsWithItsWorker(t *testing.T) {
	w := NewWorker("context")
	before := w.Context()
	w.Close()
	late := NewWorker("context")
	late.Close()
	if before.Err() == nil || late.Context().Err() == nil {
		t.Error("the context of a closed worker goes on")
	}
}

// Rows cannot be taken back, so workers that come and go must share them.
func TestWorkersShareRows(t *testing.T) {
	var rows uint64
	for i := 0; i < 100; i++ {
		w := NewWorker("churn")
		w.Busy(time.Second)
		w.Close()
		if n := hook.Vitals().Header.SiteCount; i == 0 {
			rows = n
		} else if n != rows {
			t.Fatalf("%d rows after %d workers, %d after the first", n, i+1, rows)
		}
	}
}

func TestWorkersWithoutRoom(t *testing.T) {
	var all []*Worker
	for len(all) <= len(hook.Vitals().Workers) {
		all = append(all, NewWorker("crowd"))
	}
	last := all[len(all)-1]
	if last.at != -1 || hook.Vitals().Header.WorkersLost == 0 {
		t.Errorf("the page has room for %d workers, and one more got place %d", len(all)-1, last.at)
	}
	last.Busy(time.Second).Done()
	last.Progress()
	for _, w := range all {
		w.Close()
	}
}

func TestWorkerAllocatesNothing(t *testing.T) {
	w := NewWorker("allocations")
	defer w.Close()
	if n := testing.AllocsPerRun(100, func() {
		k := w.Busy(time.Second)
		w.Progress()
		k.Done()
		w.Idle()
		w.Reported()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkWorker(b *testing.B) {
	w := NewWorker("bench")
	defer w.Close()
	b.Run("plain", func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			sink++
		}
	})
	b.Run("busy and done", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; i < b.N; i++ {
			sink++
			w.Busy(time.Second).Done()
		}
	})
	b.Run("progress", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; i < b.N; i++ {
			sink++
			w.Progress()
		}
	})
}

var sink int
