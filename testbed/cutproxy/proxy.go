package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// direction is where bytes come from: up from who connects, down from who is
// connected to.
type direction int

const (
	up direction = iota
	down
)

// proxy forwards connections.
type proxy struct {
	address string // at which it listens, with the port
	to      string

	mu     sync.Mutex // guards what follows
	l      *net.TCPListener
	pairs  map[*pair]bool
	silent [2]bool
	speed  [2]*meter // of each direction
}

// pair is a connection and the one that it is forwarded to.
type pair struct{ from [2]*net.TCPConn } // by the direction of what is read of it

func newProxy(listen, to string) (*proxy, error) {
	p := &proxy{address: listen, to: to, pairs: map[*pair]bool{}, speed: [2]*meter{{}, {}}}
	if _, _, err := net.SplitHostPort(to); err != nil {
		return nil, fmt.Errorf("-to: %w", err)
	}
	return p, p.listen()
}

// listen begins to accept, at the same address as before.
func (p *proxy) listen() error {
	var plain net.ListenConfig
	plain.SetMultipathTCP(false) // which knows no filters
	l, err := plain.Listen(context.Background(), "tcp", p.address)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.l, p.address = l.(*net.TCPListener), l.Addr().String()
	go p.accept(p.l)
	return nil
}

// accept takes what connects until the listener is closed.
func (p *proxy) accept(l *net.TCPListener) {
	for {
		c, err := l.AcceptTCP()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(10 * time.Millisecond) // no descriptor is free
			continue
		}
		go p.forward(c)
	}
}

// forward carries both directions of a connection to their ends.
func (p *proxy) forward(c *net.TCPConn) {
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var d net.Dialer
	other, err := d.DialContext(ctx, "tcp", p.to)
	if err != nil {
		return
	}
	defer other.Close()
	x := &pair{[2]*net.TCPConn{c, other.(*net.TCPConn)}}
	p.add(x)
	defer p.remove(x)
	var wg sync.WaitGroup
	for way := range x.from {
		wg.Go(func() { p.pump(x.from[way], x.from[1-way], direction(way)) })
	}
	wg.Wait()
}

// add takes part in what is wrong at the moment.
func (p *proxy) add(x *pair) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pairs[x] = true
	for way, c := range x.from {
		// A socket that a filter cannot be attached to is closed by now.
		_ = deaf(c, p.silent[way])
		if p.speed[way].limited() {
			window(c, narrow)
		}
	}
}

func (p *proxy) remove(x *pair) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.pairs, x)
}

// pump carries one direction, and its end, or the end of all if it breaks.
func (p *proxy) pump(from, to *net.TCPConn, way direction) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf[:p.speed[way].most(len(buf))])
		if n > 0 {
			p.speed[way].wait(n)
			if _, err := to.Write(buf[:n]); err != nil {
				// Nobody is there to read: whoever writes is to know.
				from.Close()
				return
			}
		}
		if err != nil {
			to.CloseWrite()
			return
		}
	}
}

// silence drops what comes from the sides named, of new connections too.
func (p *proxy) silence(ways ...direction) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, way := range ways {
		p.silent[way] = true
	}
	return p.filter()
}

// filter makes the sockets deaf that are to be. It is called with the lock held.
func (p *proxy) filter() error {
	if p.l != nil {
		// Who connects sends the first packet, and is answered by none of its direction.
		if err := deaf(p.l, p.silent[up] || p.silent[down]); err != nil {
			return fmt.Errorf("filter the packets of new connections: %w", err)
		}
	}
	for x := range p.pairs {
		for way, c := range x.from {
			if err := deaf(c, p.silent[way]); err != nil && !errors.Is(err, net.ErrClosed) {
				return fmt.Errorf("filter the packets of %s: %w", c.RemoteAddr(), err)
			}
		}
	}
	return nil
}

// cut tells who is written to that no more comes.
func (p *proxy) cut(way direction) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for x := range p.pairs {
		x.from[way].CloseRead() // its pump then carries the end on
	}
	return nil
}

// slow forwards so many bytes a second in each direction. Little is kept
// between, so that who writes feels it.
func (p *proxy) slow(bytes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for way := range p.speed {
		p.speed[way].limit(bytes)
	}
	for x := range p.pairs {
		for _, c := range x.from {
			window(c, narrow)
		}
	}
}

// refuse closes the door: the kernel answers that nobody listens.
func (p *proxy) refuse() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.l == nil {
		return nil
	}
	err := p.l.Close()
	p.l = nil
	return err
}

// recover makes all well.
func (p *proxy) recover() error {
	p.mu.Lock()
	shut := p.l == nil
	p.silent = [2]bool{}
	for way := range p.speed {
		p.speed[way].limit(0)
	}
	for x := range p.pairs {
		for _, c := range x.from {
			window(c, wide)
		}
	}
	err := p.filter()
	p.mu.Unlock()
	if shut && err == nil {
		err = p.listen()
	}
	return err
}

func (p *proxy) close() {
	_ = p.refuse()
	p.mu.Lock()
	defer p.mu.Unlock()
	for x := range p.pairs {
		for _, c := range x.from {
			c.Close()
		}
	}
}
