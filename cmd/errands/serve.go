package errands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/clock"
)

// server is the helper's half.
type server struct {
	proc   int // descriptor of the agent's /proc/self, -1 before setup
	gate   gate
	tasks  chan task
	marks  atomic.Pointer[Marks]
	names  sync.WaitGroup // files that have a name
	keeper keeper

	mu  sync.Mutex // guards out
	out io.Writer
}

// lastNames is how long files with a name may take to lose it at the end.
const lastNames = time.Second

// Serve does the errands that are asked for on in, and tells what becomes of them on
// out, until in ends or ctx is done. It changes the whole process, which it has for
// itself. The error says why there was nothing to serve.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	// The parent's death is told to the thread that has asked for it.
	runtime.LockOSThread()
	alone()
	s := &server{proc: -1, out: out, tasks: make(chan task)}
	defer s.leave()
	orders := make(chan order)
	ended := make(chan error, 1)
	go func() {
		ended <- lines(in, maxOrder, func(o order) error {
			select {
			case orders <- o:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-ended:
			return err
		case o := <-orders:
			if err := s.obey(o); err != nil {
				return err
			}
		}
	}
}

func (s *server) obey(o order) error {
	switch {
	case o.Setup != nil:
		err := s.begin(*o.Setup)
		text := ""
		if err != nil {
			text = err.Error()
		}
		s.report(report{Ready: &ready{Err: text}})
		return err
	case s.proc < 0:
		return errors.New("the first line does not say where the program is")
	case o.Marks != nil:
		s.marks.Store(o.Marks)
	case o.Release != "":
		s.keeper.release(o.Release, s.marks.Load())
	case o.Errand != nil:
		select {
		case s.tasks <- *o.Errand:
		default: // the agent counts, so this is a thread that is just about to be free
			t := *o.Errand
			go func() { s.tasks <- t }()
		}
	}
	return nil
}

// leave waits until no file has a name any more.
func (s *server) leave() {
	none := make(chan struct{})
	go func() { s.names.Wait(); close(none) }()
	late := time.NewTimer(lastNames)
	defer late.Stop()
	select {
	case <-none:
	case <-late.C:
	}
}

func (s *server) report(r report) {
	b, err := encode(r, maxReport)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = s.out.Write(b) // an agent that does not listen has ended
}

// begin goes to where the program is, with as many threads as there may be errands:
// later there is no permission to go.
func (s *server) begin(su setup) error {
	if s.proc >= 0 || su.Threads < 1 || su.Threads > 1024 {
		return errors.New("the setup makes no sense")
	}
	fd, err := unix.Open("/proc/self", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open /proc/self: %w", err)
	}
	s.proc = fd
	if s.gate, err = openGate(su); err != nil {
		return err
	}
	defer s.gate.close()
	entered, changed := make(chan error), make(chan struct{})
	restricted := make(chan error)
	for i := 0; i < su.Threads; i++ {
		go s.thread(entered, changed, restricted)
	}
	var first error
	for i := 0; i < su.Threads; i++ {
		if err := <-entered; first == nil {
			first = err
		}
	}
	if first == nil {
		first = s.gate.become()
	}
	if first != nil {
		return first
	}
	close(changed)
	for i := 0; i < su.Threads; i++ {
		if err := <-restricted; first == nil {
			first = err
		}
	}
	if first == nil {
		first = follow(su.Agent)
	}
	s.clean(su.Clean)
	return first
}

// thread is one that does errands, one after the other.
func (s *server) thread(entered chan<- error, changed <-chan struct{}, restricted chan<- error) {
	runtime.LockOSThread()
	tid := unix.Gettid()
	stat, err := unix.Openat(s.proc, "task/"+strconv.Itoa(tid)+"/schedstat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		stat = -1 // a kernel without schedstats: time without a processor counts
	}
	entered <- s.gate.enter()
	<-changed
	restricted <- s.gate.restrict()
	for t := range s.tasks {
		began, before := clock.Monotonic(), waited(stat)
		s.report(report{Begun: &begun{t.ID, tid, began}})
		e := s.do(t)
		idle := waited(stat) - before // first: what it waits after this counts as time that it took
		e.ID, e.When = t.ID, clock.Monotonic()
		e.Took = e.When - began - idle
		s.report(report{Ended: &e})
	}
}

// do does an errand, and says how it ended.
func (s *server) do(t task) ended {
	j := &job{s: s, task: t, marks: s.marks.Load()}
	defer j.close()
	text, err := j.run()
	e := conclude(text, err)
	e.Kept = j.kept
	return e
}

// run calls what the deed is done by. The text is of one that is done.
func (j *job) run() (string, error) {
	switch j.Deed {
	case event.DoDial, event.DoHandshake:
		return j.connect()
	case event.DoWrite:
		return j.write()
	case event.DoSync:
		return j.sync()
	case event.DoRead:
		return j.read()
	case event.DoTruncate:
		return j.truncate()
	case event.DoOpen:
		return j.open()
	case event.DoDirectory:
		return j.directory()
	case deedClean:
		return "", j.clean()
	}
	return "", unable("this is not done by the helper")
}

// deedClean takes a name away that a helper before has left.
const deedClean event.Deed = "clean"

// clean has names taken away, by threads that are where the program is.
func (s *server) clean(names []string) {
	for _, n := range names {
		t := task{Deed: deedClean, Path: []byte(n)}
		go func() { s.tasks <- t }()
	}
}
