package supervise

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/internal/clock"
	"github.com/lifesign-go/lifesign/internal/supervise"
)

// execTime is how long a start waits to hear that the program could be executed. An
// execve that takes longer goes on, and is a program that starts slowly.
const execTime = 10 * time.Second

// start starts the program, and tells what came of it.
func (d *Driver) start() supervise.Event {
	d.runs++
	failed := func(err error) supervise.Event {
		return supervise.Event{Kind: supervise.StartFailed, Text: fmt.Sprintf("it cannot be started: %v", err)}
	}
	path, err := exec.LookPath(d.conf.Argv[0])
	if err != nil {
		return failed(err)
	}
	w, err := d.conf.Watch(0)
	if err != nil {
		return failed(err)
	}
	env, release, err := w.Prepare()
	if err != nil {
		w.Close()
		return failed(err)
	}
	p, gate, err := d.fork(path, env)
	release()
	if err == nil {
		err = d.launch(p, gate)
	}
	if err != nil {
		w.Close()
		return failed(err)
	}
	d.watcher = w
	w.Watch(p.pid)
	d.follow(p)
	if d.conf.Ready != "" {
		go d.probe(p)
	}
	return supervise.Event{Kind: supervise.Started, PID: p.pid}
}

// fork makes the process that is to become the program, and waits in Launch. gate is
// what it waits for.
func (d *Driver) fork(path string, more []string) (p *process, gate *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make a socket pair: %w", err)
	}
	gate = os.NewFile(uintptr(pair[0]), "gate")
	defer unix.Close(pair[1])
	files := []uintptr{0, 1, 2}
	if d.conf.Output != "" {
		out, err := os.OpenFile(d.conf.Output, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			gate.Close()
			return nil, nil, err
		}
		defer out.Close()
		files[1], files[2] = out.Fd(), out.Fd()
	}
	var names []string
	for _, h := range d.held {
		files = append(files, h.file.Fd())
		names = append(names, h.name())
	}
	argv := append(append([]string(nil), d.conf.Launch...), strconv.Itoa(len(files)), strconv.Itoa(len(d.held)), path)
	argv = append(argv, d.conf.Argv...)
	files = append(files, uintptr(pair[1]))
	env := append([]string(nil), d.conf.Env...)
	for _, e := range more {
		env = append(env, forProgram+e)
	}
	env = without(env, "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")
	env = append(env, "NOTIFY_SOCKET="+d.notes.name)
	if len(names) > 0 {
		env = append(env, "LISTEN_FDNAMES="+strings.Join(names, ":"))
	}
	pid, fd, err := d.tree.fork(d.conf.Launch[0], argv, files, env)
	if err != nil {
		gate.Close()
		return nil, nil, err
	}
	if p = newProcess(pid, fd); p.start == 0 {
		err = errors.New("read /proc: its start time is not known")
	}
	p.run = d.runs
	return p, gate, err
}

// launch lets the process become the program, once it is written down that it will.
func (d *Driver) launch(p *process, gate *os.File) error {
	defer gate.Close()
	d.child = p
	d.current.Store(int64(p.pid))
	d.since = clock.Monotonic()
	err := d.write()
	if err == nil {
		_, err = gate.Write([]byte{'g'})
	}
	var answer []byte
	if err == nil {
		gate.SetReadDeadline(time.Now().Add(execTime))
		answer, err = io.ReadAll(io.LimitReader(gate, 4096))
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = nil
		}
	}
	if err == nil && len(answer) > 0 {
		err = errors.New(string(bytes.TrimSpace(answer)))
	}
	if err != nil {
		gate.Close() // it ends by itself
		p.await(nil)
		p.exit()
		p.close()
		d.child = nil
		d.current.Store(0)
		d.save()
	}
	return err
}

// forProgram is before the names of variables that are the program's, and which what
// becomes it must not take for its own: a lifesign with hooks in it would claim the
// page.
const forProgram = "LIFESIGN_LAUNCH_"

// without returns an environment without some variables.
func without(env []string, names ...string) []string {
	kept := env[:0]
next:
	for _, e := range env {
		for _, n := range names {
			if strings.HasPrefix(e, n+"=") {
				continue next
			}
		}
		kept = append(kept, e)
	}
	return kept
}

// Launch becomes a program. It is for a process that a Driver has started with
// Config.Launch: arguments are the number of its gate's descriptor, how many sockets
// it is handed over from descriptor 3 on, the program's file and its arguments. It
// returns only if nothing came of it, with the exit status.
//
// The detour has two reasons. LISTEN_PID is the program's own process, which nobody
// knows before it is there; and the supervisor must have written down whom it has
// started before the program does anything, as it may be killed in between.
func Launch(args []string) int {
	if len(args) < 4 {
		fmt.Fprintln(os.Stderr, "lifesign launch: it is not for users")
		return 2
	}
	fd, err1 := strconv.Atoi(args[0])
	sockets, err2 := strconv.Atoi(args[1])
	if err1 != nil || err2 != nil {
		fmt.Fprintln(os.Stderr, "lifesign launch: it is not for users")
		return 2
	}
	syscall.CloseOnExec(fd)
	var go1 [1]byte
	for {
		n, err := syscall.Read(fd, go1[:])
		if err == syscall.EINTR {
			continue
		}
		if n != 1 || err != nil {
			return 1 // the supervisor has ended: there must be no program
		}
		break
	}
	if sockets > 0 {
		os.Setenv("LISTEN_FDS", strconv.Itoa(sockets))
		os.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
	}
	env := os.Environ()
	for i, e := range env {
		env[i] = strings.TrimPrefix(e, forProgram)
	}
	err := syscall.Exec(args[2], args[3:], env)
	message := fmt.Sprintf("exec %s: %v", args[2], err)
	syscall.Write(fd, []byte(message))
	return 127
}
