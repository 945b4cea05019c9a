package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A keeper is a process that undoes what a run has made: mounts, loop devices,
// cgroups, directories, processes. It is told of each before the next is made,
// and sees to them at the end of its input too, or when its time is up (a harness
// that hangs in the kernel keeps its end of the pipe even when it was killed): so
// nothing stays, and there is only one way in which things are undone.
//
// It takes lines, and answers each by "ok" or by "error TEXT":
//
//	kill PID           the process, whatever has become of its number meanwhile (by a
//	                   pidfd), and its group if it leads one
//	thaw DIR           the file system mounted there
//	unmount DIR
//	detach DEVICE:SEQ  a loop device, if it is still attached as it was then
//	cgroup DIR         thawed and removed
//	remove DIR         a directory and what is in it
//	end                undoes all: kills first, then thaws, then the rest from the last to the first
type keeper struct {
	mu      sync.Mutex // guards what follows: one question at a time
	in      io.WriteCloser
	answers *bufio.Scanner
	proc    *exec.Cmd
}

func startKeeper(life time.Duration) (*keeper, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "-keep", life.String())
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // an interrupt of the terminal is not for it
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a keeper: %w", err)
	}
	return &keeper{in: in, answers: bufio.NewScanner(out), proc: cmd}, nil
}

// note has the keeper undo something at the end.
func (k *keeper) note(verb, what string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.ask(verb + " " + what)
}

func (k *keeper) ask(line string) error {
	if _, err := io.WriteString(k.in, line+"\n"); err != nil {
		return fmt.Errorf("tell the keeper %q: %w", line, err)
	}
	if !k.answers.Scan() {
		return fmt.Errorf("the keeper does not answer %q: %v", line, k.answers.Err())
	}
	if text, bad := strings.CutPrefix(k.answers.Text(), "error "); bad {
		return errors.New(text)
	}
	return nil
}

// end has everything undone.
func (k *keeper) end() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	err := k.ask("end")
	k.in.Close()
	return errors.Join(err, k.proc.Wait())
}

// keep is what the keeper's process does.
func keep(in io.Reader, out io.Writer, life time.Duration) error {
	var kept list
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(in); s.Scan(); {
			lines <- s.Text()
		}
	}()
	up := time.After(life)
	for {
		select {
		case <-up:
			return kept.undo()
		case line, ok := <-lines:
			if !ok {
				return kept.undo()
			}
			verb, what, _ := strings.Cut(line, " ")
			if verb == "end" {
				answer(out, kept.undo())
				return nil
			}
			answer(out, kept.add(verb, what))
		}
	}
}

func answer(w io.Writer, err error) {
	if err != nil {
		fmt.Fprintln(w, "error", strings.Join(strings.Fields(err.Error()), " "))
		return
	}
	fmt.Fprintln(w, "ok")
}

type item struct {
	verb, what string
	pidfd      int
	flags      int // for the signal: whether it is for the group
}

// list is what a keeper has been told of.
type list struct{ items []item }

func (l *list) add(verb, what string) error {
	it := item{verb: verb, what: what, pidfd: -1}
	switch verb {
	case "kill":
		pid, err := strconv.Atoi(what)
		if err != nil {
			return err
		}
		// The number may be another process's by the time it is to be killed.
		if it.pidfd, err = unix.PidfdOpen(pid, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("open process %d: %w", pid, err)
		}
		if group, err := unix.Getpgid(pid); err == nil && group == pid {
			it.flags = pidfdSignalProcessGroup
		}
	case "thaw", "unmount", "detach", "cgroup", "remove":
		if !filepath.IsAbs(what) {
			return fmt.Errorf("%s %s: want an absolute path", verb, what)
		}
	default:
		return fmt.Errorf("unknown verb %q", verb)
	}
	l.items = append(l.items, it)
	return nil
}

const patience = 10 * time.Second // for what is undone to have come undone

func (l *list) undo() error {
	var errs []error
	for _, it := range l.items {
		if it.pidfd >= 0 {
			errs = append(errs, it.kill())
		}
	}
	for _, it := range l.items {
		switch it.verb {
		case "thaw":
			errs = append(errs, thaw(it.what))
		case "cgroup":
			thawCgroup(it.what)
		}
	}
	for _, it := range l.items {
		if it.pidfd >= 0 {
			errs = append(errs, awaitEnd(it.pidfd, it.what))
		}
	}
	for i := len(l.items) - 1; i >= 0; i-- {
		switch it := l.items[i]; it.verb {
		case "unmount":
			errs = append(errs, unmount(it.what))
		case "detach":
			errs = append(errs, detach(it.what))
		case "cgroup":
			errs = append(errs, retry("remove the cgroup "+it.what, func() error { return syscall.Rmdir(it.what) }))
		case "remove":
			errs = append(errs, os.RemoveAll(it.what))
		}
	}
	return errors.Join(errs...)
}

const pidfdSignalProcessGroup = 4 // PIDFD_SIGNAL_PROCESS_GROUP, since Linux 6.9

func (it item) kill() error {
	err := unix.PidfdSendSignal(it.pidfd, unix.SIGKILL, nil, it.flags)
	if errors.Is(err, unix.EINVAL) {
		err = unix.PidfdSendSignal(it.pidfd, unix.SIGKILL, nil, 0)
	}
	if err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("kill process %s: %w", it.what, err)
	}
	return nil
}

// awaitEnd waits until the process has ended with all its threads.
func awaitEnd(pidfd int, pid string) error {
	end := time.Now().Add(patience)
	for {
		fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, int(max(0, time.Until(end).Milliseconds())))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err == nil && n == 0 {
			err = errors.New("it does not end")
		}
		if err != nil {
			return fmt.Errorf("wait for the end of process %s: %w", pid, err)
		}
		return nil
	}
}

// retry does f until it succeeds: what holds a thing may need its time to let go.
func retry(what string, f func() error) error {
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = f(); err == nil || errors.Is(err, os.ErrNotExist) {
			return nil
		}
	}
	return fmt.Errorf("%s: %w", what, err)
}

const fithaw = 0xc0045878 // FITHAW of linux/fs.h

func thaw(dir string) error {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s to thaw it: %w", dir, err)
	}
	defer unix.Close(fd)
	// It says EINVAL if the file system is not frozen.
	if err := unix.IoctlSetInt(fd, fithaw, 0); err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("thaw %s: %w", dir, err)
	}
	return nil
}

func unmount(dir string) error {
	err := retry("unmount "+dir, func() error {
		err := unix.Unmount(dir, 0)
		if errors.Is(err, unix.EINVAL) { // it is not mounted, or no more
			return nil
		}
		return err
	})
	if err != nil {
		return errors.Join(err, unix.Unmount(dir, unix.MNT_DETACH))
	}
	return nil
}
