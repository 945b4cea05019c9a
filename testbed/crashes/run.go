package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/lifesign-go/lifesign/testbed/internal/child"
)

const (
	patience = time.Minute            // until something has happened that must
	pace     = 2 * time.Millisecond   // between two requests of who watches the service
	quiet    = 300 * time.Millisecond // that a contained crash is watched for
)

// outcome is what became of one crash.
type outcome struct {
	contained bool          // the same process serves on
	draining  bool          // and says that it is to be given no more work
	renewed   bool          // and was replaced by itself
	failed    int           // requests of others that got no answer
	gap       time.Duration // the longest time between two answers to others
	ended     string        // how the process has ended, as far as the harness is its parent
	dump      string        // what the dump says; "" if there is none
	said      string        // the end of the server's standard error
}

type runner struct {
	bin, dir string
	patient  bool // wait for what is draining to end: ten seconds
}

// perform has a new server crash, and watches what becomes of it.
func (r runner) perform(ctx context.Context, w way, s setting) (o outcome, err error) {
	dir, err := os.MkdirTemp(r.dir, w.name+"-")
	if err != nil {
		return o, err
	}
	srv, err := r.start(dir, s)
	if err != nil {
		return o, err
	}
	defer func() {
		srv.stop()
		o.said = srv.said()
		if srv.ended != nil {
			o.ended = srv.ended.Error()
		}
		if err == nil && s == supervised {
			o.dump, err = r.dumps(srv.dumps)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	before, err := srv.up(ctx, 0)
	if err != nil {
		return o, fmt.Errorf("%w:\n%s", err, srv.said())
	}
	poll := watch(srv.url)
	begun := time.Now()
	if w.outside != 0 {
		err = syscall.Kill(before, w.outside)
	} else {
		o.contained = srv.crash(ctx, w.name)
	}
	if err != nil {
		return o, err
	}
	if o.contained {
		time.Sleep(quiet)
	} else if _, err = srv.up(ctx, before); err != nil {
		return o, fmt.Errorf("after the crash: %w:\n%s", err, srv.said())
	}
	o.failed, o.gap = poll.end(begun, time.Now())
	if !o.contained {
		return o, nil
	}
	if now, err := srv.up(ctx, 0); err != nil || now != before {
		o.contained = false
		return o, nil
	}
	status, err := srv.get(ctx, "/ready")
	if o.draining = status == http.StatusServiceUnavailable; err == nil && r.patient && o.draining {
		_, err = srv.up(ctx, before)
		o.renewed = err == nil
	}
	return o, err
}

// server is a server that is started again when it has ended.
type server struct {
	url, dumps string
	argv       []string
	log        *os.File
	once       bool // it is started again by its supervisor, not here
	over       chan struct{}
	group      sync.WaitGroup
	ended      error // how the first one has ended by itself; after group.Wait
}

func (r runner) start(dir string, s setting) (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("find a free port: %w", err)
	}
	addr := l.Addr().String()
	l.Close()
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	srv := &server{url: "http://" + addr, log: log, over: make(chan struct{}), dumps: filepath.Join(dir, "dumps")}
	srv.argv = []string{filepath.Join(r.bin, "crashserver"), "-listen", addr}
	if s != bare {
		srv.argv = append(srv.argv, "-guard")
	}
	if s == supervised {
		srv.once = true
		srv.argv = append([]string{filepath.Join(r.bin, "lifesign"), "run", "-restart", "on-crash",
			"-listen", "tcp:" + addr, "-state", filepath.Join(dir, "state"), "-dumps", srv.dumps, "--"}, srv.argv...)
	}
	srv.group.Add(1)
	go srv.supervise()
	return srv, nil
}

// supervise is the plain restart: at once, again and again.
func (srv *server) supervise() {
	defer srv.group.Done()
	for {
		cmd := exec.Command(srv.argv[0], srv.argv[1:]...)
		cmd.Stdout, cmd.Stderr = srv.log, srv.log
		p, err := child.Start(cmd)
		if err != nil {
			srv.ended = err
			return
		}
		select {
		case <-srv.over:
			p.Stop(10 * time.Second)
			return
		case <-p.Done():
			if srv.ended == nil {
				srv.ended = p.Err()
			}
			if srv.once {
				return
			}
		}
	}
}

func (srv *server) stop() {
	close(srv.over)
	srv.group.Wait()
	srv.log.Close()
}

func (srv *server) said() string {
	text, err := os.ReadFile(srv.log.Name())
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-3000):])
}

// client makes a connection for each request: one that is kept says nothing of
// whether there is a server for others.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// work asks the server at url for its process's number.
func work(ctx context.Context, url string) (pid int, err error) {
	req, err := http.NewRequestWithContext(ctx, "GET", url+"/work", nil)
	if err != nil {
		return 0, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	if _, err := fmt.Sscanf(string(bytes.TrimSpace(body)), "ok %d", &pid); err != nil {
		return 0, fmt.Errorf("the server answers %q", body)
	}
	return pid, nil
}

// up waits until a process other than the one numbered not serves, and returns its
// number.
func (srv *server) up(ctx context.Context, not int) (int, error) {
	for {
		pid, err := work(ctx, srv.url)
		if err == nil && pid != not {
			return pid, nil
		}
		if ctx.Err() != nil {
			return 0, errors.Join(fmt.Errorf("no server answers in %v", patience), err)
		}
		time.Sleep(pace)
	}
}

// crash asks for a crash. It reports whether that was answered: contained.
func (srv *server) crash(ctx context.Context, way string) bool {
	status, err := srv.get(ctx, "/crash?way="+way)
	return err == nil && status == http.StatusInternalServerError
}

// get returns the status that the server answers with.
func (srv *server) get(ctx context.Context, path string) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, "GET", srv.url+path, nil)
	if err != nil {
		return 0, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// poller is another client, that asks again and again.
type poller struct {
	over, done chan struct{}
	answers    []time.Time
	failed     int
}

func watch(url string) *poller {
	p := &poller{over: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(p.done)
		for {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			_, err := work(ctx, url)
			cancel()
			if err != nil {
				p.failed++
			} else {
				p.answers = append(p.answers, time.Now())
			}
			select {
			case <-p.over:
				return
			case <-time.After(pace):
			}
		}
	}()
	return p
}

// end returns how many requests got no answer, and the longest time without an
// answer from begun until up, when there was one.
func (p *poller) end(begun, up time.Time) (failed int, gap time.Duration) {
	close(p.over)
	<-p.done
	last := begun
	for _, at := range append(p.answers, up) {
		if at.After(begun) && !at.After(up) {
			gap = max(gap, at.Sub(last))
			last = at
		}
	}
	return p.failed, gap
}
