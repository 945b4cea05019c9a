package proc

import (
	"sync/atomic"

	"github.com/lifesign-go/lifesign/event"
)

// State fills th, which Counters has told of, to DepthState. What could not be
// read is in its Err. Its counters stay as they are.
func (t *Tasks) State(th *event.Thread) {
	k := t.find(th.ID)
	if k == nil {
		th.Err = "it is gone"
		return
	}
	t.busy = k
	defer func() { t.busy = nil }()
	var a answers
	for f := fileSchedstat + 1; f < fileGuarded; f++ {
		if t.text[f] == nil {
			t.text[f] = make([]byte, maxText)
		}
		a[f] = t.read(k, f, t.text[f])
	}
	t.guarded(k, &a)
	k.call = a.state(th, t.k.Arch, &k.memo)
}

// question reads the files of a thread that may hang. It has descriptors and
// memory of its own, so that it can be given up.
type question struct {
	fds     [files]int // -1 for those that could not be opened
	answers answers
	text    [files][]byte
	settled int32 // atomic: who came first, answered or givenUp
}

const (
	answered = 1
	givenUp  = 2
)

func newQuestion() *question {
	q := &question{}
	for f := fileGuarded; f < files; f++ {
		q.text[f] = make([]byte, maxText)
	}
	return q
}

func (q *question) ask() {
	for f := fileGuarded; f < files; f++ {
		if q.fds[f] < 0 {
			continue
		}
		n, err := readStart(q.fds[f], q.text[f])
		q.answers[f] = answer{q.text[f][:n], err}
	}
	if !atomic.CompareAndSwapInt32(&q.settled, 0, answered) {
		q.close(nil)
	}
}

// close closes the descriptors that k does not hold.
func (q *question) close(k *task) {
	for f := fileGuarded; f < files; f++ {
		if q.fds[f] >= 0 && (k == nil || k.fds[f] < 0) {
			closeFD(q.fds[f])
		}
	}
}

// guarded reads the files of k that may hang.
func (t *Tasks) guarded(k *task, a *answers) {
	if t.q == nil {
		t.q = newQuestion()
	}
	q := t.q
	for f := fileGuarded; f < files; f++ {
		fd, err := t.open(k, f)
		q.fds[f], q.answers[f] = fd, answer{err: err}
	}
	q.settled = 0
	err := t.ask.do(q.ask)
	if err != nil && err != errHanging && atomic.CompareAndSwapInt32(&q.settled, 0, givenUp) {
		// Its descriptors are the question's from now on.
		t.q = nil
		for f := fileGuarded; f < files; f++ {
			k.drop(f)
			a[f].err = err
		}
		return
	}
	q.close(k)
	for f := fileGuarded; f < files; f++ {
		if err == errHanging {
			q.answers[f].err = err
		}
		a[f] = q.answers[f]
	}
}

// drop forgets a descriptor without closing it.
func (k *task) drop(f file) {
	if k.fds[f] >= 0 {
		k.fds[f] = -1
		atomic.AddInt32(&held, -1)
	}
}

// Resource fills th's Resource, from the state that State has put into it, and
// so brings it to DepthResource.
func (t *Tasks) Resource(th *event.Thread) {
	k := t.find(th.ID)
	if k == nil || th.Depth < event.DepthState {
		return
	}
	th.Depth = event.DepthResource
	// What is given up must not write into th, nor into what comes after it.
	own, call, seen := *th, k.call, t.seen
	err := t.deep.do(func() { t.k.wait(&own, call, seen) })
	if err != nil {
		t.seen = newPeers(t.seen)
		th.Resource = &event.Resource{Err: err.Error()}
		return
	}
	th.What, th.Resource = own.What, own.Resource
}
