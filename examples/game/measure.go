package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"syscall"
	"text/tabwriter"
	"time"
)

type measureOptions struct {
	clients    int
	time       time.Duration
	think      time.Duration
	crash      int
	modes      []string
	supervisor string
	out, errs  io.Writer
}

// result is how a mode has fared. The tally's times without service are those of a
// client that asks 200 times a second, its other figures those of all players.
type result struct {
	mode    string
	players int
	broken  []string
	tally
}

// measure puts the server under load in each mode, and tells. It is an error if the
// guarded one is not as it should be.
func measure(o measureOptions) error {
	var results []result
	for _, mode := range o.modes {
		fmt.Fprintf(o.errs, "%s: %d players for %v\n", mode, o.clients, o.time)
		r, err := o.measure(mode)
		if err != nil {
			return fmt.Errorf("mode %s: %w", mode, err)
		}
		results = append(results, r)
	}
	table(o.out, results)
	for _, r := range results {
		if r.mode == guarded && (r.crashes == 0 || r.failed+r.lost+r.outages+len(r.broken) > 0) {
			return fmt.Errorf("guarded, %d crashes must cost the others nothing: %d of their requests failed, %d changes were lost, %d outages, %d states that cannot be",
				r.crashes, r.failed, r.lost, r.outages, len(r.broken))
		}
	}
	return nil
}

// measure measures one mode.
func (o measureOptions) measure(mode string) (r result, err error) {
	r.mode = mode
	dir, err := os.MkdirTemp("", "game-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	addr, err := freeAddress()
	if err != nil {
		return r, err
	}
	file := filepath.Join(dir, "store")
	s, err := o.start(dir, "serve", "-mode", mode, "-store", file, "-listen", addr)
	if err != nil {
		return r, err
	}
	err = o.load(addr, &r)
	if stopped := s.stop(); err == nil {
		err = stopped
	}
	if err != nil {
		return r, fmt.Errorf("%w; the server has said: %s", err, s.said())
	}
	st, err := openStore(file)
	if err != nil {
		return r, err
	}
	defer st.Close()
	r.players, r.broken = st.Audit()
	return r, nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// load lets all players play, and asks besides whether there is service.
func (o measureOptions) load(addr string, r *result) error {
	if err := answers(addr); err != nil {
		return err
	}
	over := make(chan struct{})
	time.AfterFunc(o.time, func() { close(over) })
	probe := &client{id: 0, clients: o.clients, addr: addr, random: rand.New(rand.NewSource(0))}
	all := []*client{probe}
	for i := 1; i <= o.clients; i++ {
		all = append(all, &client{id: i, clients: o.clients, addr: addr, crash: o.crash, random: rand.New(rand.NewSource(int64(i)))})
	}
	var group sync.WaitGroup
	for _, c := range all {
		think := o.think
		if c == probe {
			think = 5 * time.Millisecond
		}
		group.Add(1)
		go func(c *client) {
			defer group.Done()
			c.play(over, think)
		}(c)
	}
	group.Wait()
	if err := answers(addr); err != nil { // it may be down for one that has met the bug at the end
		return err
	}
	if !probe.downAt.IsZero() {
		probe.served()
	}
	for _, c := range all {
		r.add(c.tally)
	}
	r.outages, r.without, r.longest = probe.outages, probe.without, probe.longest
	return nil
}

// answers waits until the server answers.
func answers(addr string) error {
	late := make(chan struct{})
	time.AfterFunc(time.Minute, func() { close(late) })
	c := &client{addr: addr}
	if !c.login(late, false) {
		return errors.New("the server does not answer for a minute")
	}
	return c.conn.Close()
}

func table(out io.Writer, results []result) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\t"+strings.Join(func() (names []string) {
		for _, r := range results {
			names = append(names, r.mode)
		}
		return names
	}(), "\t"))
	for _, row := range []struct {
		name string
		of   func(result) string
	}{
		{"requests", func(r result) string { return fmt.Sprint(r.requests) }},
		{"of them meet the bug", func(r result) string { return fmt.Sprint(r.crashes) }},
		{"others: requests that failed", func(r result) string { return fmt.Sprint(r.failed) }},
		{"others: acknowledged changes undone", func(r result) string { return fmt.Sprint(r.lost) }},
		{"who met it: acknowledged changes undone", func(r result) string { return fmt.Sprint(r.lostByCrash) }},
		{"outages", func(r result) string { return fmt.Sprint(r.outages) }},
		{"seconds without service", func(r result) string { return fmt.Sprintf("%.2f", r.without.Seconds()) }},
		{"the longest of them", func(r result) string { return fmt.Sprintf("%.2f", r.longest.Seconds()) }},
		{"an answer takes, median", func(r result) string { return r.latency(0.5) }},
		{"an answer takes, 99 of 100", func(r result) string { return r.latency(0.99) }},
		{"players in the store", func(r result) string { return fmt.Sprint(r.players) }},
		{"of them, what cannot be", func(r result) string { return fmt.Sprint(len(r.broken)) }},
	} {
		fmt.Fprint(w, row.name)
		for _, r := range results {
			fmt.Fprint(w, "\t"+row.of(r))
		}
		fmt.Fprintln(w)
	}
	w.Flush()
}

func (r result) latency(q float64) string {
	if len(r.latencies) == 0 {
		return "-"
	}
	sort.Slice(r.latencies, func(i, j int) bool { return r.latencies[i] < r.latencies[j] })
	return r.latencies[int(q*float64(len(r.latencies)-1))].Round(10 * time.Microsecond).String()
}

// service is a server that is started again whenever it has ended.
type service struct {
	argv []string
	log  *os.File
	ours bool // it is started again here, and not by a supervisor

	mu      sync.Mutex // guards what follows
	cmd     *exec.Cmd
	stopped bool
	ended   chan error // how the last one has ended
}

func (o measureOptions) start(dir string, args ...string) (*service, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	s := &service{log: log, ours: o.supervisor == "", ended: make(chan error, 1)}
	s.argv = append(append(strings.Fields(o.supervisor), self), args...)
	if err := s.launch(); err != nil {
		return nil, err
	}
	go s.supervise()
	return s, nil
}

func (s *service) launch() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return errors.New("it is to end")
	}
	s.cmd = exec.Command(s.argv[0], s.argv[1:]...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	return s.cmd.Start()
}

// supervise is the plain restart: at once, again and again.
func (s *service) supervise() {
	for {
		err := s.cmd.Wait()
		if err == nil || !s.ours || s.launch() != nil {
			s.ended <- err
			return
		}
	}
}

// stop has the server save everything and end.
func (s *service) stop() error {
	defer s.log.Close()
	s.mu.Lock()
	s.stopped = true
	s.cmd.Process.Signal(syscall.SIGTERM)
	s.mu.Unlock()
	if err := <-s.ended; err != nil {
		return fmt.Errorf("the server has ended with %w", err)
	}
	return nil
}

// said is the end of what the server has written.
func (s *service) said() string {
	text, err := os.ReadFile(s.log.Name())
	if err != nil {
		return err.Error()
	}
	if len(text) > 4000 {
		text = text[len(text)-4000:]
	}
	return string(text)
}
