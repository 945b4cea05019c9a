package errands

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/look"
	"github.com/lifesign-go/lifesign/internal/proc"
)

// Bounds of the life of a helper.
const (
	selfPID     = 0 // stands for /proc/self in placeOf
	maxLeft     = 3 // helpers that were killed and hang in the kernel
	minBackoff  = 100 * time.Millisecond
	maxBackoff  = 30 * time.Second
	settled     = time.Minute            // a helper that has lived as long starts the backing off anew
	lookAgain   = 250 * time.Millisecond // between two looks at where the program is
	grace       = time.Second            // for a helper to end by itself
	graceKilled = 2 * time.Second        // and after it was killed
	closing     = 250 * time.Millisecond // both, when the agent ends
	inHand      = 64                     // lines that the helper has not read
	evidence    = 100 * time.Millisecond // for what the kernel says of a thread
)

// child is a helper process, as the agent has it.
type child struct {
	place place
	since time.Time
	lines chan []byte   // to it; closed to have it end
	gone  chan struct{} // closed when it has ended
	ready bool
	sent  *Marks // what it was told last

	process atomic.Pointer[os.Process] // nil before it has begun
	patient *proc.Patient
	pulse   *proc.Pulse
}

// starts is what bounds how often helpers are started.
type starts struct {
	next    time.Time
	backoff time.Duration
	last    string // why the last one ended
}

// post has f run by the loop, unless that has ended.
func (h *Helper) post(f func()) {
	select {
	case h.events <- f:
	case <-h.ended:
	}
}

// helped sees to it that there is a helper where the program is now. It returns why
// there can be none.
func (l *loop) helped(now int64) string {
	if l.child != nil && (l.alone || time.Duration(now-l.looked) < lookAgain) {
		return ""
	}
	p, err := placeOf("/proc", l.h.config.PID)
	if l.child != nil && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH)) {
		l.alone = true // it has ended, and nobody has said so yet
		return ""
	}
	if err != nil {
		return "where the program is cannot be seen: " + plainError(err)
	}
	l.looked = now
	if l.child != nil && !l.child.place.equal(p) {
		l.retire("the program has other credentials than when it was begun, or another root")
		l.starts.next = time.Time{}
	}
	if l.child != nil {
		return ""
	}
	if l.left >= maxLeft {
		return fmt.Sprintf("%d helpers hang in the kernel", l.left)
	}
	if wait := time.Until(l.starts.next); wait > patience {
		return "there is no helper: " + l.starts.last
	} else if wait <= 0 {
		l.start(p)
	}
	return ""
}

// start starts a helper.
func (l *loop) start(p place) {
	c := &child{place: p, since: time.Now(), lines: make(chan []byte, inHand), gone: make(chan struct{})}
	s := p.setup(l.mine, l.h.config.PID, threads)
	s.Clean, l.clean = l.clean, nil
	if b, err := encode(order{Setup: &s}, maxOrder); err == nil {
		c.lines <- b
	}
	l.child = c
	l.h.count(func(n *Counts) { n.Starts++ })
	go func() {
		// The helper is to end with the thread that has made it, which ends with
		// this goroutine (PR_SET_PDEATHSIG).
		runtime.LockOSThread()
		why := l.h.live(c)
		l.h.post(func() { l.died(c, why) })
	}()
}

// tail keeps the first of what a helper says at its end.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if room := 512 - len(t.text); room > 0 {
		t.text = append(t.text, b[:min(room, len(b))]...)
	}
	return len(b), nil
}

// live starts a helper, carries between it and the loop, and returns when it has ended,
// with why.
func (h *Helper) live(c *child) string {
	defer close(c.gone)
	said := &tail{}
	command := append([]string(nil), h.config.Command...)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Args[0] = "lifesign"
	cmd.Env = append(os.Environ(), "GOMAXPROCS=2", "GOTRACEBACK=single")
	cmd.Dir = "/"
	cmd.Stderr = said
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // a terminal's signals are for the agent
	in, err := cmd.StdinPipe()
	if err != nil {
		return err.Error()
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err.Error()
	}
	if err := cmd.Start(); err != nil {
		return "it cannot be started: " + err.Error()
	}
	c.process.Store(cmd.Process)
	pid := cmd.Process.Pid
	lacks := join(h.config.PID, pid)
	h.post(func() { h.loop.begun(c, pid, lacks) })
	go func() { // ends when lines is closed, or the helper has ended
		defer in.Close()
		for {
			select {
			case b, ok := <-c.lines:
				if !ok {
					return
				}
				if _, err := in.Write(b); err != nil {
					return
				}
			case <-c.gone:
				return
			}
		}
	}()
	err = lines(out, maxReport, func(r report) error {
		h.post(func() { h.loop.hear(c, r) })
		return nil
	})
	if err != nil {
		_ = cmd.Process.Kill()
		_, _ = io.Copy(io.Discard, out)
	}
	err = cmd.Wait()
	said.mu.Lock()
	defer said.mu.Unlock()
	text := strings.TrimSpace(string(bytes.TrimRight(said.text, "\x00")))
	if text, _, _ = strings.Cut(text, "\n"); text != "" {
		return text
	}
	if err != nil {
		return err.Error()
	}
	return "it has ended"
}

// join takes the helper to the program's control groups, so that what these limit
// limits it too. What is not permitted is said.
func join(program, helper int) string {
	theirs, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(program), "cgroup"))
	if err != nil {
		return "its control groups are the agent's: " + plainError(err)
	}
	own, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(helper), "cgroup"))
	if bytes.Equal(theirs, own) {
		return ""
	}
	lacks := ""
	k := proc.Kernel{Proc: "/proc", Sys: "/sys", PID: program}
	for _, dir := range k.GroupDirs() {
		name := filepath.Join(dir, "cgroup.procs")
		if err := os.WriteFile(name, []byte(strconv.Itoa(helper)), 0); err != nil {
			lacks = "it is not in the program's control group " + dir + ": " + plainError(err)
		}
	}
	return lacks
}

// begun notes that a helper runs.
func (l *loop) begun(c *child, pid int, lacks string) {
	k := proc.Kernel{Proc: "/proc", Sys: "/sys", PID: pid, Arch: runtime.GOARCH}
	memory := look.Process(pid)
	k.Read = func(addr uint64, buf []byte) error { return look.Fill(memory, addr, buf) }
	c.patient, c.pulse = proc.NewPatient(k, evidence), k.Pulse()
	l.h.count(func(n *Counts) { n.Lacks = lacks })
}

// ready notes that a helper is where the program is, or cannot be.
func (l *loop) ready(c *child, why string) {
	if c.ready = why == ""; !c.ready {
		l.starts.last = why
		l.fail(why)
	}
}

// fail ends what waits for a helper.
func (l *loop) fail(why string) {
	for i := range l.waiting {
		l.unable(&l.waiting[i], "there is no helper: "+why)
	}
	l.waiting = nil
}

// send sends an errand, and before it what the program watches, if that has changed.
func (c *child) send(m *Marks, t task) bool {
	if !c.sent.equal(m) {
		if !c.put(order{Marks: m}) {
			return false
		}
		c.sent = m
	}
	return c.put(order{Errand: &t})
}

func (c *child) put(o order) bool {
	b, err := encode(o, maxOrder)
	if err != nil {
		return false
	}
	select {
	case c.lines <- b:
		return true
	default:
		return false
	}
}

// died notes that a helper has ended.
func (l *loop) died(c *child, why string) {
	if c.pulse != nil {
		c.pulse.Close()
	}
	if c != l.child {
		return
	}
	l.child, l.held = nil, held{}
	l.h.count(func(n *Counts) { n.Deaths++ })
	if l.starts.last == "" || c.ready {
		l.starts.last = why
	}
	l.starts.backoff = min(max(2*l.starts.backoff, minBackoff), maxBackoff)
	if time.Since(c.since) > settled {
		l.starts.backoff = minBackoff
	}
	l.starts.next = time.Now().Add(l.starts.backoff)
	l.strand("the helper has ended: " + why)
}

// strand ends what was under way.
func (l *loop) strand(why string) {
	for id, r := range l.running {
		delete(l.running, id)
		if r.name != "" && len(l.clean) < maxHanging {
			l.clean = append(l.clean, r.name)
		}
		if !r.mute {
			l.h.say(outcome(r.Errand, event.Unable, why))
		}
	}
}

// retire has the helper end, which may take as long as it likes: another one takes its
// place.
func (l *loop) retire(why string) {
	c := l.child
	l.child, l.held = nil, held{}
	l.strand(why)
	close(c.lines)
	c.finish(grace, graceKilled, func(n int) {
		l.h.post(func() { l.left += n })
	})
}

// finish waits for a helper whose lines are closed, kills it if that takes too long, and
// leaves it if that does not help either: left is told one more when it is left, and one
// less when it has ended after all.
func (c *child) finish(first, second time.Duration, left func(n int)) (done chan struct{}) {
	done = make(chan struct{})
	go func() {
		defer close(done)
		if c.ends(first) {
			return
		}
		if p := c.process.Load(); p != nil {
			_ = p.Kill()
		}
		if c.ends(second) || left == nil {
			return
		}
		left(1)
		<-c.gone
		left(-1)
	}()
	return done
}

func (c *child) ends(in time.Duration) bool {
	late := time.NewTimer(in)
	defer late.Stop()
	select {
	case <-c.gone:
		return true
	case <-late.C:
		return false
	}
}

// end ends all of it.
func (l *loop) end() {
	l.take(0)
	for i := range l.waiting {
		l.unable(&l.waiting[i], "the helper has been closed")
	}
	l.strand("the helper has been closed")
	if c := l.child; c != nil {
		close(c.lines)
		done := c.finish(closing, closing, nil)
		for ended := false; !ended; {
			select {
			case <-done:
				ended = true
			case f := <-l.h.events: // what its goroutines still have to say
				f()
			}
		}
		if c.pulse != nil {
			c.pulse.Close()
		}
	}
}
