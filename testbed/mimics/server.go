package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/lifesign-go/lifesign/testbed/internal/child"
	"github.com/lifesign-go/lifesign/testbed/internal/report"
	"github.com/lifesign-go/lifesign/testbed/internal/subject"
	"github.com/lifesign-go/lifesign/testbed/internal/trouble"
)

// server starts a NATS server with its store in data, and natsload, behind a
// wire if that is what goes wrong.
func (b bench) server(ctx context.Context, t trial, s *stage, data string) error {
	log, err := os.Create(filepath.Join(s.dir, logName))
	if err != nil {
		return fmt.Errorf("make lifesign's log: %w", err)
	}
	s.later(func() { log.Close() })
	n, err := subject.Start(ctx, subject.Options{
		Dir: s.dir, Store: data, Binary: b.woven(t.subject), Command: b.lifesign(t, s), Stderr: log,
	})
	if err != nil {
		return err
	}
	s.later(n.Stop)
	s.done = n.Done()
	url := n.URL
	if t.on == wire {
		_, address, _ := strings.Cut(url, "://")
		m, at, err := trouble.Wire(ctx, filepath.Join(b.bin, "cutproxy"), address, "")
		if err != nil {
			return err
		}
		s.later(m.Stop)
		s.makers, url = append(s.makers, m), "nats://"+at
	}
	args := append([]string{"-url", url, "-duration", (t.phases() + slack).String(), "-progress", "100ms"}, t.load...)
	cmd := exec.CommandContext(ctx, filepath.Join(b.bin, "natsload"), args...)
	lines, w := io.Pipe()
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = w, log, grace
	load, err := child.Start(cmd)
	if err != nil {
		return err
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		_ = report.Each(lines, func(l report.Line) { s.work.Store(l.Acked) })
		_, _ = io.Copy(io.Discard, lines)
	}()
	s.later(func() {
		load.Stop(grace)
		w.Close()
		<-read
	})
	return s.working(ctx)
}

// members is how many a cluster of etcd has.
const members = 3

// cluster starts an etcd cluster. Each member is a process; wires are before all
// of them, and lifesign watches the first. Only its clients are the load.
func (b bench) cluster(ctx context.Context, t trial, s *stage) error {
	var peers, listen [members]string
	for i := range members {
		port, err := freePort()
		if err != nil {
			return err
		}
		listen[i] = port
		m, at, err := trouble.Wire(ctx, filepath.Join(b.bin, "cutproxy"), port, "")
		if err != nil {
			return err
		}
		s.later(m.Stop)
		s.makers = append(s.makers, m)
		peers[i] = at
	}
	args := func(i int) []string {
		return []string{"-dir", filepath.Join(s.dir, "store", fmt.Sprint("member", i)), "-member", fmt.Sprint(i), "-peer", listen[i], "-peers", strings.Join(peers[:], ",")}
	}
	for i := range members {
		if err := os.MkdirAll(args(i)[1], 0o700); err != nil {
			return fmt.Errorf("make a member's directory: %w", err)
		}
	}
	for i := 1; i < members; i++ {
		log, err := os.Create(filepath.Join(s.dir, fmt.Sprintf("member%d.log", i)))
		if err != nil {
			return fmt.Errorf("make a member's log: %w", err)
		}
		s.later(func() { log.Close() })
		lasts := (t.phases() + slack).String()
		cmd := exec.CommandContext(ctx, b.plain(t.subject), append(args(i), "-after", "0", "-for", lasts, "-idle")...)
		cmd.Stdout, cmd.Stderr = log, log
		p, err := child.Start(cmd)
		if err != nil {
			return err
		}
		s.later(func() { p.Stop(grace) })
	}
	return b.alone(ctx, t, s, append(args(0), t.load...))
}

// freePort is an address on loopback that nobody has at the moment.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
