package errands

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/event"
)

// eventually waits for a minute at most.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// When the disk's share is used up, what nobody suspects waits, and the newest of each
// operation alone; what a suspicion asks for does not wait.
func TestShareIsKept(t *testing.T) {
	name := file(t, t.TempDir(), "file")
	h := helperOf(t, start(t, "idle").Process.Pid)
	for i := 0; i < 2; i++ { // after the first it is known on what disk it is
		want(t, do(t, h, errand(event.DoSync, name)), event.Done, "", "")
	}
	h.post(func() {
		for _, b := range h.loop.budgets.all {
			b.share, b.saved = 0, -1
		}
	})
	first := errand(event.DoSync, name)
	h.Do(first)
	eventually(t, "one is postponed", func() bool { return h.Counts().Postponed == 1 })
	for _, where := range []event.Where{event.Memory, event.Beside, event.Nearby} {
		e := errand(event.DoSync, name)
		e.Where = where
		want(t, do(t, h, e), event.Done, "", "")
	}
	again := errand(event.DoSync, name)
	again.Again = true
	want(t, do(t, h, again), event.Done, "", "")
	want(t, do(t, h, dialing(event.DoDial, "tcp", listener(t))), event.Done, "", "")
	newer := first
	lastID++
	newer.ID = lastID
	h.Do(newer)
	want(t, await(t, h, first.ID), event.Unable, "", "a newer one of the same operation")
	h.post(func() {
		for _, b := range h.loop.budgets.all {
			b.saved = 1
		}
	})
	want(t, await(t, h, newer.ID), event.Done, "", "")
	if c := h.Counts(); c.Replaced != 1 || c.Postponed != 2 || c.Waiting != 0 {
		t.Errorf("%+v", c)
	}
}

// However little the helper does, Do returns, and what waits is bounded.
func TestHelperThatDoesNothing(t *testing.T) {
	name := file(t, t.TempDir(), "file")
	h := helperOf(t, start(t, "idle").Process.Pid)
	want(t, do(t, h, errand(event.DoSync, name)), event.Done, "", "")
	pid := helperPID(t, h)
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	const n = 1000
	for i := 0; i < n; i++ {
		e := errand(event.DoWrite, name)
		e.Mimic.Data = make([]byte, maxWrite)
		h.Do(e)
	}
	if c := h.Counts(); c.Waiting > maxWaiting {
		t.Errorf("%d wait", c.Waiting)
	}
	if err := unix.Kill(pid, unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	told := 0
	eventually(t, "each has ended", func() bool {
		for _, o := range h.Outcomes(nil) {
			if o.End != event.Hangs {
				told++
			}
		}
		return told == n
	})
}
