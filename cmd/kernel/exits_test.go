package kernel

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/clock"
)

func listen(t *testing.T, pids ...int) *Exits {
	t.Helper()
	e, err := NewExits(pids...)
	if err != nil {
		t.Fatalf("listen to the process connector (this takes root): %v", err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// next returns the end of thread tid, which must be the next that comes of its
// process, but for threads that the runtime ends.
func next(t *testing.T, e *Exits, pid, tid int) ExitOf {
	t.Helper()
	late := time.After(30 * time.Second)
	for {
		select {
		case x := <-e.C():
			if x.PID != pid {
				t.Errorf("told of %+v, want the process %d alone", x, pid)
			}
			if x.TID == tid {
				return x
			}
		case <-late:
			t.Fatalf("the end of thread %d was not told", tid)
		}
	}
}

func TestExitCodesOfThreads(t *testing.T) {
	p := start(t, "threads")
	e := listen(t, p.Process.Pid)
	for _, test := range []struct {
		command string
		code    int
	}{
		{"exit", 0},
		{"kill", 0x1f},
		{"exit", 0},
		{"leader", 0x1f},
		{"kill", 0x1f},
		{"group 3", 0x300},
	} {
		before := clock.Monotonic()
		tid := p.number(test.command)
		x := next(t, e, p.Process.Pid, tid)
		after := clock.Monotonic()
		if x.Code != test.code {
			t.Errorf("%s: thread %d ended with %#x, want %#x", test.command, tid, x.Code, test.code)
		}
		if x.At < before || x.At > after {
			t.Errorf("%s: at %d, want between %d and %d", test.command, x.At, before, after)
		}
		if test.command == "leader" && tid != p.Process.Pid {
			t.Errorf("leader: it was thread %d, want %d", tid, p.Process.Pid)
		}
		if !strings.HasPrefix(test.command, "group") && p.tell("alive") != "alive" {
			t.Errorf("%s: the process does not go on", test.command)
		}
		t.Logf("%s: told %v after it came", test.command, time.Duration(after-x.At))
	}
	if n := e.Lost(); n != 0 {
		t.Errorf("%d losses", n)
	}
}

// Every thread of a process that is killed has the same code.
func TestExitCodesOfKilledProcess(t *testing.T) {
	p := start(t, "threads")
	p.tell("alive")
	e := listen(t, p.Process.Pid)
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for !seen[p.Process.Pid] || len(seen) < 2 {
		select {
		case x := <-e.C():
			if x.Code != int(unix.SIGKILL) {
				t.Errorf("%+v, want code 9", x)
			}
			seen[x.TID] = true
		case <-time.After(30 * time.Second):
			t.Fatalf("only the ends of %v were told", seen)
		}
	}
}

// What others do costs no message, and what one asks for can change.
func TestExitsOfOthersAreFiltered(t *testing.T) {
	p, q := start(t, "threads"), start(t, "threads")
	e := listen(t, q.Process.Pid)
	p.number("many 200")
	next(t, e, q.Process.Pid, q.number("exit"))

	if err := e.Only(p.Process.Pid, q.Process.Pid); err != nil {
		t.Fatal(err)
	}
	for _, one := range []*process{p, q} {
		tid := one.number("exit")
		for x := range e.C() {
			if x.TID == tid && x.PID == one.Process.Pid {
				break
			}
		}
	}

	// More than the kernel can tell apart: this side does.
	many := []int{p.Process.Pid}
	for i := 0; i < 2*maxFiltered; i++ {
		many = append(many, math.MaxInt32-i)
	}
	if err := e.Only(many...); err != nil {
		t.Fatal(err)
	}
	q.number("many 20")
	next(t, e, p.Process.Pid, p.number("exit"))

	// And without a limit.
	if err := e.Only(); err != nil {
		t.Fatal(err)
	}
	tid := q.number("exit")
	for x := range e.C() {
		if x.PID == q.Process.Pid && x.TID == tid {
			break
		}
	}
}

// The filter throws away before the socket's buffer: with one that holds next to
// nothing, a storm of others loses nothing.
func TestStormOfOthersLosesNothing(t *testing.T) {
	p, q := start(t, "threads"), start(t, "threads")
	e, err := newExits(1, 1, q.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	p.number("many 2000")
	next(t, e, q.Process.Pid, q.number("kill"))
	if n := e.Lost(); n != 0 {
		t.Errorf("%d losses, want none", n)
	}
}

// A loss is counted, and what comes after it is told.
func TestLossIsCounted(t *testing.T) {
	p := start(t, "threads")
	e, err := newExits(1, 1, p.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	p.number("many 2000") // nobody receives
	end := time.Now().Add(30 * time.Second)
	for e.Lost() == 0 {
		select {
		case <-e.C():
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(end) {
			t.Fatal("2000 ends came and none was lost of a buffer for a few")
		}
	}
	// The next ones may be lost too, until what lies in the buffer is received.
	for time.Now().Before(end) {
		tid := p.number("exit")
		for quiet := false; !quiet; {
			select {
			case x := <-e.C():
				if x.TID == tid {
					return
				}
			case <-time.After(100 * time.Millisecond):
				quiet = true
			}
		}
	}
	t.Fatal("nothing was told after the loss")
}

func TestCloseEndsTheChannel(t *testing.T) {
	e, err := NewExits()
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < 2; i++ {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
	for range e.C() {
	}
	if err := e.Only(1); err == nil {
		t.Error("a closed one lets itself be limited")
	}
}

// In a PID namespace the kernel never answers; that must be an error and no wait.
func TestNamespaceIsRefused(t *testing.T) {
	c := helper(t, "listen")
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID}
	out, err := c.Output()
	if err == nil || !strings.Contains(string(out), "only in the initial user and PID namespace") {
		t.Errorf("it says %q, %v", out, err)
	}
}

// Without rights it either listens (since Linux 6.6) or says that it may not.
func TestUnprivilegedIsToldWhy(t *testing.T) {
	h := helper(t, "listen")
	h.Path = forAnybody(t, h.Path)
	h.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := h.Output()
	t.Logf("%s %v", out, err)
	if err == nil && string(out) != "it listens\n" {
		t.Errorf("it says %q", out)
	}
	if err != nil && !strings.Contains(string(out), "process connector: operation not permitted") {
		t.Errorf("it says %q, %v", out, err)
	}
}

// exitMessage is a message as the kernel makes it.
func exitMessage(x ExitOf) []byte {
	order := binary.NativeEndian
	b := append(listenRequest(0, 7)[:connectorHeader], make([]byte, 40)...)
	order.PutUint32(b, uint32(len(b)))
	order.PutUint32(b[atWhat:], eventExit)
	order.PutUint64(b[atTime:], uint64(x.At))
	order.PutUint32(b[atData:], uint32(x.TID))
	order.PutUint32(b[atData+4:], uint32(x.PID))
	order.PutUint32(b[atData+8:], uint32(x.Code))
	return b
}

func TestParseConnector(t *testing.T) {
	want := ExitOf{PID: 10, Exit: event.Exit{TID: 12, Code: 0x1f, At: 1 << 40}}
	b := exitMessage(want)
	m, ok := parseConnector(b)
	if !ok || m.what != eventExit || m.exit != want {
		t.Errorf("%+v %v, want %+v", m, ok, want)
	}
	answer := listenRequest(0, 7)
	binary.NativeEndian.PutUint32(answer, uint32(len(answer)+16))
	answer = append(answer, make([]byte, 16)...)
	binary.NativeEndian.PutUint32(answer[atData:], 1)
	if m, ok := parseConnector(answer); !ok || m.what != eventNone || m.ack != 7 || m.err != 1 {
		t.Errorf("%+v %v, want the answer 7 with error 1", m, ok)
	}
	for n := range b[:atData+12] {
		if m, ok := parseConnector(b[:n]); ok {
			t.Errorf("the first %d bytes are taken for %+v", n, m)
		}
	}
	b[16] = 2 // somebody else's connector
	if m, ok := parseConnector(b); ok {
		t.Errorf("another connector's message is taken for %+v", m)
	}
}

func FuzzParseConnector(f *testing.F) {
	f.Add(exitMessage(ExitOf{PID: 1, Exit: event.Exit{TID: 2, Code: 9, At: 3}}))
	f.Add(listenRequest(connectorListen, 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, ok := parseConnector(b)
		if ok && m.what == eventExit && len(b) < atData+12 {
			t.Errorf("%d bytes are an exit: %s", len(b), fmt.Sprintf("%+v", m))
		}
	})
}
