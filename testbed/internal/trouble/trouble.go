// Package trouble makes things go wrong for a program: a disk (hungfs) or a wire
// (cutproxy), which are programs of the testbed that take commands and say when
// what was commanded first happened to somebody.
package trouble

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lifesign-go/lifesign/testbed/internal/child"
)

const (
	// Patience is how long an answer may take: until somebody meets what was commanded.
	Patience = 15 * time.Second
	slack    = 20 * time.Second // to end
)

// Maker is a running program that makes things go wrong. It is for one goroutine.
type Maker struct {
	name     string
	commands io.WriteCloser
	answers  chan string
	proc     *child.Proc
}

// Disk mounts a hungfs below dir and returns where.
func Disk(ctx context.Context, program, dir string) (m *Maker, mount string, err error) {
	mount, store := filepath.Join(dir, "disk"), filepath.Join(dir, "store")
	for _, name := range []string{mount, store} {
		if err := os.Mkdir(name, 0o755); err != nil {
			return nil, "", fmt.Errorf("make a disk: %w", err)
		}
	}
	m, _, err = start(exec.CommandContext(ctx, program, "-mount", mount, "-store", store), "the disk")
	return m, mount, err
}

// Wire starts a cutproxy before an address, at another address, any on loopback
// if that is "", and returns it.
func Wire(ctx context.Context, program, to, at string) (m *Maker, address string, err error) {
	args := []string{"-to", to}
	if at != "" {
		args = append(args, "-listen", at)
	}
	return start(exec.CommandContext(ctx, program, args...), "the wire")
}

// start returns when the program is ready, and what else it says then.
func start(cmd *exec.Cmd, name string) (m *Maker, rest string, err error) {
	m = &Maker{name: name, answers: make(chan string)}
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // it has something to undo
	if m.commands, err = cmd.StdinPipe(); err != nil {
		return nil, "", err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if m.proc, err = child.Start(cmd); err != nil {
		return nil, "", err
	}
	go func() {
		defer close(m.answers)
		for s := bufio.NewScanner(out); s.Scan(); {
			m.answers <- s.Text()
		}
	}()
	if _, rest, err = m.answer(context.Background(), "ready"); err != nil {
		m.Stop()
		return nil, "", err
	}
	return m, rest, nil
}

// Tell gives a command and returns the time, on CLOCK_MONOTONIC, of the answer
// that begins with word.
func (m *Maker) Tell(ctx context.Context, command, word string) (at int64, err error) {
	if _, err := io.WriteString(m.commands, command+"\n"); err != nil {
		return 0, fmt.Errorf("tell %s to %s: %w", m.name, command, err)
	}
	at, _, err = m.answer(ctx, word)
	return at, err
}

// answer waits for the line that begins with word and returns its time, and
// what is behind that.
func (m *Maker) answer(ctx context.Context, word string) (at int64, rest string, err error) {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	select {
	case line, ok := <-m.answers:
		if text, found := strings.CutPrefix(line, word+" "); found {
			text, rest, _ = strings.Cut(text, " ")
			at, err = strconv.ParseInt(text, 10, 64)
			return at, rest, err
		}
		if !ok {
			line = "nothing, and ends"
		}
		return 0, "", fmt.Errorf("%s says %s, want %s", m.name, line, word)
	case <-ctx.Done():
		return 0, "", fmt.Errorf("%s does not say %s: %w", m.name, word, context.Cause(ctx))
	}
}

// Stop ends the program, which answers what waits, unmounts and closes. Whoever
// still works on it gets errors from then on.
func (m *Maker) Stop() {
	m.commands.Close()
	go func() {
		for range m.answers { // it may want to say something yet
		}
	}()
	select {
	case <-m.proc.Done():
	case <-time.After(slack):
	}
	m.proc.Stop(0)
}
