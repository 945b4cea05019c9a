package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/lifesign-go/lifesign/guard"
)

// The modes: what happens to a panic.
const (
	plain     = "plain"   // it ends the process, as Go has it
	recovered = "recover" // it is recovered from, and the player plays on, as many servers have it
	guarded   = "guard"   // it ends what the player does, who is thrown out, and nothing of it is saved
)

var modes = []string{plain, recovered, guarded}

type serveOptions struct {
	listen, store, mode string
	save                time.Duration
}

// server has one goroutine a player.
type server struct {
	serveOptions
	store   *store
	players sync.WaitGroup

	mu    sync.Mutex // guards conns
	conns map[net.Conn]bool
}

// serve serves players until the process gets SIGTERM; then all are saved.
func serve(o serveOptions) error {
	if o.mode != plain && o.mode != recovered && o.mode != guarded {
		return fmt.Errorf("there is no mode %q", o.mode)
	}
	// A bug that costs one player in a while is not what this server is to end for:
	// escalation is for one that costs everybody.
	guard.Configure(guard.Config{Most: 1e6, Same: 1e6, Report: func(c *guard.Crash) { log.Print(c) }})
	st, err := openStore(o.store)
	if err != nil {
		return err
	}
	defer st.Close()
	l, err := listen(o.listen)
	if err != nil {
		return err
	}
	s := &server{serveOptions: o, store: st, conns: map[net.Conn]bool{}}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	go func() {
		<-end
		l.Close()
		s.closeAll()
	}()
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			break
		}
		if err != nil {
			return fmt.Errorf("accept players: %w", err)
		}
		s.keep(conn)
		s.players.Add(1)
		go func() {
			defer s.players.Done()
			defer s.drop(conn)
			s.play(conn)
		}()
	}
	s.closeAll()
	s.players.Wait()
	return nil
}

// listen takes the socket that a supervisor hands over (sd_listen_fds(3)), or
// makes one.
func listen(addr string) (net.Listener, error) {
	if os.Getenv("LISTEN_PID") == strconv.Itoa(os.Getpid()) && os.Getenv("LISTEN_FDS") != "" {
		return net.FileListener(os.NewFile(3, "listener"))
	}
	return net.Listen("tcp", addr)
}

func (s *server) keep(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns[conn] = true
}

func (s *server) drop(conn net.Conn) {
	conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
}

func (s *server) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		conn.Close()
	}
}

// session is one player's, from login to logout. It belongs to one goroutine.
type session struct {
	*server
	ctx    context.Context // of the unit of work that it is
	player Player
	saved  time.Time
}

// play lets the player on conn play. The session is a unit of work: a crash ends it.
func (s *server) play(conn net.Conn) {
	in := bufio.NewScanner(conn)
	var id int
	if !in.Scan() {
		return
	}
	if _, err := fmt.Sscanf(in.Text(), "hello %d", &id); err != nil {
		fmt.Fprintln(conn, "error say hello and your number first")
		return
	}
	p := &session{server: s, ctx: context.Background(), player: s.store.Load(id), saved: time.Now()}
	if s.mode == guarded {
		if err := guard.Do(p.ctx, func(ctx context.Context) error { p.ctx = ctx; return p.serve(conn, in) }); err != nil {
			fmt.Fprintln(conn, "error the server has made a mistake")
		}
	} else {
		p.serve(conn, in)
	}
	p.save() // refused if it has crashed
}

// serve answers requests.
func (p *session) serve(conn net.Conn, in *bufio.Scanner) error {
	fmt.Fprintln(conn, p.state())
	for in.Scan() {
		answer := p.answer(strings.Fields(in.Text()))
		if _, err := fmt.Fprintln(conn, answer); err != nil {
			return nil // the player has gone
		}
		if time.Since(p.saved) > p.server.serveOptions.save {
			p.save()
		}
	}
	return nil
}

// answer does what a request wants.
func (p *session) answer(request []string) (answer string) {
	if p.mode == recovered {
		defer func() {
			if v := recover(); v != nil {
				answer = "error the server has made a mistake"
			}
		}()
	}
	if err := p.do(request); err != nil {
		return "error " + err.Error()
	}
	return p.state()
}

func (p *session) state() string {
	return fmt.Sprintf("ok %d gold %d items %d changes", p.player.Gold, p.player.Items, p.player.Changes)
}

// save keeps the player as far as nothing of it is in doubt.
func (p *session) save() {
	p.saved = time.Now()
	err := guard.Commit(p.ctx, func() error { return p.store.Save(p.player) })
	if err != nil && !errors.Is(err, guard.ErrTainted) {
		log.Print(err)
	}
}
