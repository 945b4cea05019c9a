package main

import "sync"

// gate lets everybody pass until it is held.
type gate struct {
	first func() // called when the first comes to a held gate

	mu   sync.Mutex // guards what follows
	open chan struct{}
	held bool // somebody has come since the gate was held
}

func newGate(first func()) *gate {
	g := &gate{first: first, open: make(chan struct{})}
	close(g.open)
	return g
}

func (g *gate) hold() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.isOpen() {
		g.open, g.held = make(chan struct{}), false
	}
}

func (g *gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.isOpen() {
		close(g.open)
	}
}

func (g *gate) isOpen() bool {
	select {
	case <-g.open:
		return true
	default:
		return false
	}
}

// pass ignores that the caller may have been interrupted: the kernel waits for
// an answer all the same.
func (g *gate) pass() {
	g.mu.Lock()
	open := g.open
	first := !g.isOpen() && !g.held
	g.held = g.held || first
	g.mu.Unlock()
	if first {
		g.first()
	}
	<-open
}
