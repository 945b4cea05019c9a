package unit

import (
	"context"
	"errors"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/hook"
)

// told has nothing escalate, and counts who is told of.
func told(t *testing.T) func() int {
	t.Helper()
	quiet(t)
	var n int32
	contained(t, Config{Most: 100, Same: 100, Report: func(*Crash) { atomic.AddInt32(&n, 1) }})
	return func() int {
		quiet(t)
		return int(atomic.LoadInt32(&n))
	}
}

// handle is a handler that is woven, with a guard and as a request.
func handle(f func()) {
	defer Pass(Begin())
	defer hook.Unwind(hook.Here())
	hook.Begin(inHandler)
	f()
}

// try calls f and returns what it panics with.
func try(f func()) (v any) {
	defer func() { v = recover() }()
	f()
	return nil
}

func TestPanicsPassHandlers(t *testing.T) {
	value := errors.New("a value")
	for name, test := range map[string]struct {
		f     func()
		want  any // that goes on
		tells int
	}{
		"a panic":      {func() { panic(value) }, value, 1},
		"no panic":     {func() {}, nil, 0},
		"recovered":    {func() { try(func() { panic(value) }) }, nil, 0},
		"given up":     {func() { panic(http.ErrAbortHandler) }, http.ErrAbortHandler, 0},
		"in another":   {func() { handle(func() { panic(value) }) }, value, 1},
		"caught there": {func() { try(func() { handle(func() { panic(value) }) }) }, nil, 0},
		"in a unit": {func() {
			Do(context.Background(), func(context.Context) error { handle(func() { panic(value) }); return nil })
		}, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			count := told(t)
			if got := try(func() { handle(test.f) }); got != test.want {
				t.Errorf("%v goes on, want %v", got, test.want)
			}
			if n := count(); n != test.tells {
				t.Errorf("%d crashes are told, want %d", n, test.tells)
			}
			if why, draining := Draining(); draining {
				t.Error(why)
			}
		})
	}
}

func TestHandlersAreNotCounted(t *testing.T) {
	contained(t, Config{Most: 1, Same: 1})
	for i := 0; i < 10; i++ {
		try(func() { handle(func() { panic("again") }) })
	}
	if why, draining := Draining(); draining {
		t.Error(why)
	}
	try(func() { handle(locking) })
	hook.Unlock(&mu)
	if why, draining := Draining(); !draining || !strings.Contains(why, "locked") {
		t.Errorf("after a lock was left: %v %q", draining, why)
	}
}

// answer is a method that is woven.
func answer(f func()) (text string, err error) {
	defer Answer(Begin(), &err, errAnswer)
	defer hook.Unwind(hook.Here())
	hook.Begin(inHandler)
	f()
	return "well", nil
}

var errAnswer = errors.New("an answer")

func TestMethodsAnswer(t *testing.T) {
	count := told(t)
	if text, err := answer(func() {}); text != "well" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if text, err := answer(func() { panic("in a method") }); text != "" || err != errAnswer {
		t.Errorf("crashed: %q, %v", text, err)
	}
	if n := count(); n != 1 {
		t.Errorf("%d crashes are told", n)
	}
	within := false
	if _, err := answer(func() { answer(func() { panic("in one that is called") }); within = true }); err != errAnswer || within {
		t.Errorf("within another: %v, it went on: %v", err, within)
	}
	if n := count(); n != 2 {
		t.Errorf("%d crashes are told", n)
	}
}

// closing is a connection that tells when it is closed.
type closing struct {
	net.Conn
	closed chan bool
}

func (c closing) Close() error { close(c.closed); return nil }

func TestGoroutinesEndAlone(t *testing.T) {
	count := told(t)
	conn := func() (closing, <-chan bool) {
		c := closing{closed: make(chan bool)}
		return c, c.closed
	}
	first, closed := conn()
	go Go0(For(first, nil, 1), func() { panic("0") })
	<-closed
	first, closed = conn()
	go Go0R(For(first), func() int { panic("0") })
	<-closed
	second, closed := conn()
	go Go1(For(), func(c net.Conn) { panic("1") }, net.Conn(second))
	<-closed
	second, closed = conn()
	go Go1R(nil, func(c closing) error { panic("1") }, second)
	<-closed
	second, closed = conn()
	go Go2(nil, func(n int, c closing) { panic("2") }, 1, second)
	<-closed
	second, closed = conn()
	go Go2R(nil, func(n int, c closing) error { panic("2") }, 1, second)
	<-closed
	second, closed = conn()
	go Go3(nil, func(a, b int, c closing) { panic("3") }, 1, 2, second)
	<-closed
	second, closed = conn()
	go Go3R(nil, func(a, b int, c closing) error { panic("3") }, 1, 2, second)
	<-closed
	if count() == 0 {
		t.Error("no crash is told")
	}
}

// TestGoroutinesThatDoNotCrash end as without a guard, and their connections stay.
func TestGoroutinesThatDoNotCrash(t *testing.T) {
	count := told(t)
	c := closing{closed: make(chan bool)}
	var group sync.WaitGroup
	group.Add(3)
	go Go1(For(c), func(n int) { group.Done() }, 1)
	go Go1(For(c), func(n int) { defer group.Done(); runtime.Goexit() }, 1)
	go Go1(For(c), func(n int) { defer group.Done(); defer func() { _ = recover() }(); panic("caught") }, 1)
	group.Wait()
	time.Sleep(10 * time.Millisecond)
	select {
	case <-c.closed:
		t.Error("the connection was closed")
	default:
	}
	if n := count(); n != 0 {
		t.Errorf("%d crashes are told", n)
	}
}
