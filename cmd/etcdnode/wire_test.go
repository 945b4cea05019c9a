package etcdnode_test

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// wire is a way to a node that can be made worse: cut, so that connections end and
// none begin, deaf, so that they stay and nothing comes through, mute, so that only answers do not
// come through, and slow.
type wire struct {
	to   string
	l    net.Listener
	wait sync.WaitGroup

	mu    sync.Mutex // guards what follows
	cond  *sync.Cond // of what stops bytes
	cut   bool
	deaf  bool
	mute  bool
	over  bool
	delay time.Duration
	conns map[net.Conn]bool
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{to: to, l: l, conns: map[net.Conn]bool{}}
	w.cond = sync.NewCond(&w.mu)
	w.wait.Add(1)
	go w.accept()
	t.Cleanup(func() {
		l.Close()
		w.mu.Lock()
		w.over = true
		w.hangUp()
		w.cond.Broadcast()
		w.mu.Unlock()
		w.wait.Wait()
	})
	return w
}

func (w *wire) at() string { return w.l.Addr().String() }

// set changes the wire by f.
func (w *wire) set(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
	if w.cut {
		w.hangUp()
	}
	w.cond.Broadcast()
}

func (w *wire) Cut(v bool)            { w.set(func() { w.cut = v }) }
func (w *wire) Deaf(v bool)           { w.set(func() { w.deaf = v }) }
func (w *wire) Mute(v bool)           { w.set(func() { w.mute = v }) }
func (w *wire) Delay(d time.Duration) { w.set(func() { w.delay = d }) }

// hangUp ends all connections. The caller holds w.mu.
func (w *wire) hangUp() {
	for c := range w.conns {
		c.Close()
	}
}

// take notes a connection, and reports whether it may be.
func (w *wire) take(c net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut || w.over {
		c.Close()
		return false
	}
	w.conns[c] = true
	return true
}

func (w *wire) drop(c net.Conn) {
	c.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.conns, c)
}

func (w *wire) accept() {
	defer w.wait.Done()
	for {
		c, err := w.l.Accept()
		if err != nil {
			return
		}
		w.wait.Add(1)
		go func() {
			defer w.wait.Done()
			w.carry(c)
		}()
	}
}

func (w *wire) carry(c net.Conn) {
	if !w.take(c) {
		return
	}
	defer w.drop(c)
	n, err := net.Dial("tcp", w.to)
	if err != nil || !w.take(n) {
		return
	}
	defer w.drop(n)
	done := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{c, n}, {n, c}} {
		go func() {
			defer func() { done <- struct{}{} }()
			defer way[0].Close()
			defer way[1].Close()
			w.copy(way[1], way[0], way[0] == n)
		}()
	}
	<-done
	<-done
}

// copy carries what comes, late and only while the wire lets it.
func (w *wire) copy(to io.Writer, from io.Reader, answers bool) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		w.mu.Lock()
		for (w.deaf || w.mute && answers) && !w.over && !w.cut {
			w.cond.Wait()
		}
		delay := w.delay
		w.mu.Unlock()
		time.Sleep(delay)
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}
