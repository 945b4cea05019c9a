package main

import (
	"bufio"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

//go:embed programs/*.c programs/hang.h
var sources embed.FS

// compile builds the C programs into dir.
func compile(ctx context.Context, dir string) error {
	names, err := fs.Glob(sources, "programs/*")
	if err != nil {
		return err
	}
	for _, name := range names {
		data, err := sources.ReadFile(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), data, 0o600); err != nil {
			return err
		}
	}
	for _, name := range names {
		program, isC := strings.CutSuffix(filepath.Base(name), ".c")
		if !isC {
			continue
		}
		cmd := exec.CommandContext(ctx, "gcc", "-O1", "-g", "-fno-omit-frame-pointer", "-Wall", "-Wextra", "-Werror", "-pthread", "-o", program, program+".c", "-lrt")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("compile %s.c: %w\n%s", program, err, out)
		}
	}
	return nil
}

// stage is where one run takes place: a directory and what its keeper undoes.
type stage struct {
	bin      string // the directory of lifesign and of the testbed's programs
	programs string // that of the C programs
	dir      string // of this run; programs have it as their working directory
	keeper   *keeper
	device   string   // the loop device that its file system is on, "" if it has none
	log      *os.File // what the program and lifesign say on standard error
}

// newStage makes one that lasts no longer than life.
func newStage(bin, programs string, life time.Duration) (*stage, error) {
	k, err := startKeeper(life)
	if err != nil {
		return nil, err
	}
	s := &stage{bin: bin, programs: programs, keeper: k}
	if s.dir, err = os.MkdirTemp("", "lifesign-hang-"); err != nil {
		return nil, errors.Join(err, k.end())
	}
	if err := k.note("remove", s.dir); err != nil {
		return nil, errors.Join(err, k.end())
	}
	if s.log, err = os.Create(filepath.Join(s.dir, "log")); err != nil {
		return nil, errors.Join(err, k.end())
	}
	return s, nil
}

func (s *stage) end() error {
	err := s.keeper.end()
	s.log.Close()
	return err
}

// said returns what was said on standard error so far.
func (s *stage) said() string {
	data, err := os.ReadFile(s.log.Name())
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(data))
}

// process is a process that the keeper ends.
type process struct {
	pid   int
	ended chan struct{} // closed when it has, and err is there
	err   error
}

func (s *stage) start(cmd *exec.Cmd) (*process, error) {
	if cmd.Stderr == nil {
		cmd.Stderr = s.log
	}
	// An interrupt of the terminal is for the harness, which ends everything in order.
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	p := &process{pid: cmd.Process.Pid, ended: make(chan struct{})}
	noted := s.keeper.note("kill", strconv.Itoa(p.pid))
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p, noted
}

// gone reports whether a process has ended.
func gone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// target is a program that runs.
type target struct {
	*process
	tid   int // the subject
	in    io.Writer
	lines chan string
}

// launch starts a program, and returns when it is ready.
func (s *stage) launch(program string, args []string, bound time.Duration) (*target, error) {
	switch {
	case program == goProgram:
		program = filepath.Join(s.bin, program)
	case program != "strace":
		program = filepath.Join(s.programs, filepath.Base(program))
	}
	cmd := exec.Command(program, args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), fmt.Sprintf("HANG_SECONDS=%.0f", bound.Seconds()))
	t := &target{lines: make(chan string, 64)}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe() // Wait would close a StdoutPipe before all of it is read
	if err != nil {
		return nil, err
	}
	cmd.Stdout, t.in = w, in
	t.process, err = s.start(cmd)
	w.Close()
	if err != nil {
		return nil, err
	}
	go func() {
		defer close(t.lines)
		defer r.Close()
		for sc := bufio.NewScanner(r); sc.Scan(); {
			t.lines <- sc.Text()
		}
	}()
	line, err := t.line(patience)
	if err != nil {
		return nil, fmt.Errorf("%s is not ready: %w: %s", program, err, s.said())
	}
	if _, err := fmt.Sscanf(line, "ready %d", &t.tid); err != nil {
		return nil, fmt.Errorf("%s says %q, want ready TID", program, line)
	}
	return t, nil
}

// line returns the next line that the program prints.
func (t *target) line(within time.Duration) (string, error) {
	select {
	case line, ok := <-t.lines:
		if !ok {
			return "", errors.New("it says nothing more")
		}
		return line, nil
	case <-time.After(within):
		return "", errors.New("it says nothing")
	}
}

// release has the program do its deed, and returns when it does, in nanoseconds
// of CLOCK_MONOTONIC.
func (t *target) release() (at int64, err error) {
	if _, err := io.WriteString(t.in, "go\n"); err != nil {
		return 0, fmt.Errorf("tell the program to go on: %w", err)
	}
	line, err := t.line(patience)
	if err != nil {
		return 0, fmt.Errorf("the program does not go on: %w", err)
	}
	if _, err := fmt.Sscanf(line, "event %d", &at); err != nil {
		return 0, fmt.Errorf("the program says %q, want event TIME", line)
	}
	return at, nil
}
