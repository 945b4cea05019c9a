package main

import (
	"bufio"
	"fmt"
	"math/rand"
	"net"
	"strings"
	"time"
)

// patience is how long a client waits for an answer. It is no measure of service: a
// server that is slow is not down.
const patience = 30 * time.Second

// mistake is what the server answers to who has met the bug.
const mistake = "error the server has made a mistake"

// client is a player, and notes how it is served. It belongs to one goroutine.
type client struct {
	id, clients int
	addr        string
	crash       int // one request in so many meets the bug; 0 is none
	random      *rand.Rand
	conn        net.Conn
	in          *bufio.Scanner
	acked       int // changes that the server has acknowledged

	tally
}

// tally is what clients note.
type tally struct {
	requests, crashes  int
	failed             int // requests that were not answered, of those that do not meet the bug
	lost, lostByCrash  int // changes that were acknowledged, and undone: by crashes of others; by the client's own
	outages            int
	without, longest   time.Duration // without service
	latencies          []time.Duration
	lastServed, downAt time.Time
}

func (t *tally) add(o tally) {
	t.requests += o.requests
	t.crashes += o.crashes
	t.failed += o.failed
	t.lost += o.lost
	t.lostByCrash += o.lostByCrash
	t.latencies = append(t.latencies, o.latencies...)
}

// login says hello until it is answered, or over is closed. own tells whether the
// client's own crash has made that necessary.
func (c *client) login(over <-chan struct{}, own bool) bool {
	for {
		select {
		case <-over:
			return false
		default:
		}
		if c.conn != nil {
			c.conn.Close()
		}
		conn, err := net.Dial("tcp", c.addr)
		if err != nil {
			time.Sleep(5 * time.Millisecond)
			continue
		}
		c.conn, c.in = conn, bufio.NewScanner(conn)
		before := c.acked
		if _, ok := c.ask(fmt.Sprintf("hello %d", c.id)); !ok {
			continue
		}
		switch undone := before - c.acked; {
		case undone > 0 && own:
			c.lostByCrash += undone
		case undone > 0:
			c.lost += undone
		}
		c.served()
		return true
	}
}

// ask sends a line and returns the answer; ok is false if there was none.
func (c *client) ask(line string) (answer string, ok bool) {
	c.conn.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintln(c.conn, line); err != nil || !c.in.Scan() {
		return "", false
	}
	answer = c.in.Text()
	var gold, items, changes int
	if n, _ := fmt.Sscanf(answer, "ok %d gold %d items %d changes", &gold, &items, &changes); n == 3 {
		c.acked = changes
	}
	return answer, true
}

// served and down note since when there is service, and since when there is none.
func (c *client) served() {
	now := time.Now()
	if !c.downAt.IsZero() {
		gap := now.Sub(c.downAt)
		c.outages++
		c.without += gap
		if gap > c.longest {
			c.longest = gap
		}
		c.downAt = time.Time{}
	}
	c.lastServed = now
}

func (c *client) down() {
	if c.downAt.IsZero() {
		c.downAt = c.lastServed
	}
}

// play makes requests until over is closed, with think between two on average.
func (c *client) play(over <-chan struct{}, think time.Duration) {
	defer func() {
		if c.conn != nil {
			c.conn.Close()
		}
	}()
	if !c.login(over, false) {
		return
	}
	for {
		select {
		case <-over:
			return
		case <-time.After(think/2 + time.Duration(c.random.Int63n(int64(think)+1))):
		}
		request, bad := c.choose()
		begun := time.Now()
		answer, ok := c.ask(request)
		c.requests++
		switch {
		case bad:
			c.crashes++
			if _, alive := c.ask("look"); !alive && !c.login(over, true) {
				return
			}
		case !ok || strings.HasPrefix(answer, mistake):
			c.failed++
			c.down()
			if !c.login(over, false) {
				return
			}
		default:
			c.latencies = append(c.latencies, time.Since(begun))
			c.served()
		}
	}
}

// choose makes up a request; bad is one that meets the bug.
func (c *client) choose() (request string, bad bool) {
	if c.crash > 0 && c.random.Intn(c.crash) == 0 {
		requests := []string{"buy lamp", "give -1 5", "look 7"}
		return requests[c.random.Intn(len(requests))], true
	}
	switch n := c.random.Intn(10); {
	case n < 3:
		return "buy sword", false
	case n < 6:
		return "sell shield", false
	case n < 7:
		return fmt.Sprintf("give %d %d", 1+c.random.Intn(c.clients), 1+c.random.Intn(5)), false
	}
	return "look", false
}
