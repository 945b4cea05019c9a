package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/dump"
)

// watchedBy starts a command under a dumper.
func watchedBy(t *testing.T, d *dumper, args ...string) *exec.Cmd {
	t.Helper()
	env, release, err := d.prepare()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), env...)
	err = cmd.Start()
	release()
	if err != nil {
		t.Fatal(err)
	}
	d.begin(cmd.Process.Pid, nil)
	return cmd
}

// only returns the one dump in a directory.
func only(t *testing.T, dir string) *dump.Dump {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"+dump.Suffix))
	if err != nil || len(names) != 1 {
		t.Fatalf("%d dumps in %s, %v", len(names), dir, err)
	}
	kept, err := dump.Open(names[0])
	if err != nil {
		t.Fatal(err)
	}
	return kept
}

func TestDumperOfOneThatEnds(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dumps")
	var said []string
	d, err := newDumper(dir, func(s string) { said = append(said, s) })
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	// It writes what the Go runtime would, and dies.
	cmd := watchedBy(t, d, "bash", "-c", `printf 'panic: it is broken\n\ngoroutine 7 [running]:\nmain.f(0x1)\n\t/src/a.go:3 +0x1\n' >&$LIFESIGN_CRASH; test "$LIFESIGN_DUMPS" && kill -SEGV $$`)
	d.finding(event.Finding{Episode: 1, Verdict: event.Slow, What: "it is slow"})
	cmd.Wait()
	d.ended("was ended by signal 11 (segmentation fault)", int(syscall.SIGSEGV))
	kept := only(t, dir)
	if kept.Reason.Kind != dump.Panic || kept.Reason.What != "panic: it is broken" || kept.Reason.Signal != 11 || kept.Reason.Goroutine != 7 {
		t.Errorf("the reason is %+v", kept.Reason)
	}
	if len(kept.Goroutines) != 1 || len(kept.Findings) != 1 || strings.Contains(kept.Text, "0x1)") {
		t.Errorf("%d groups of goroutines, %d findings, the text %q", len(kept.Goroutines), len(kept.Findings), kept.Text)
	}
	if len(said) != 1 || !strings.Contains(said[0], "a dump of it is in "+dir) {
		t.Errorf("it says %q", said)
	}
}

// TestDumperOfOneThatHangs keeps a dump of one's own child, by a helper.
func TestDumperOfOneThatHangs(t *testing.T) {
	dir := t.TempDir()
	d, err := newDumper(dir, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	cmd := watchedBy(t, d, "sleep", "300")
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) { // until it is sleep, and asleep
		b, _ := os.ReadFile("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/wchan")
		if strings.Contains(string(b), "nanosleep") {
			break
		} else if time.Now().After(end) {
			t.Fatalf("it waits in %q", b)
		}
	}
	d.finding(event.Finding{Episode: 1, Verdict: event.Stuck, What: "thread stands", Thread: cmd.Process.Pid})
	for end := time.Now().Add(time.Minute); ; { // on a busy machine it may not come to a stop in time
		d.stuck("it is stuck, and will be ended")
		kept := only(t, dir)
		if kept.Reason.Kind == dump.Stuck && kept.Reason.Thread == cmd.Process.Pid && len(kept.Threads) == 1 && kept.Threads[0].Registers != nil && len(kept.Memory) > 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%+v, threads %+v, missing %q", kept.Reason, kept.Threads, kept.Missing)
		}
		names, _ := filepath.Glob(filepath.Join(dir, "*"))
		os.Remove(names[0])
	}
	status, err := os.ReadFile("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/status")
	if err != nil || !strings.Contains(string(status), "TracerPid:\t0\n") {
		t.Errorf("it is traced still: %v\n%s", err, status)
	}
}

// A nil dumper does nothing.
func TestNoDumper(t *testing.T) {
	d, err := newDumper("", nil)
	if d != nil || err != nil {
		t.Fatal(d, err)
	}
	if env, release, err := d.prepare(); env != nil || err != nil {
		t.Error(env, err)
	} else {
		release()
	}
	d.begin(1, nil)
	d.finding(event.Finding{})
	d.stuck("")
	d.ended("", 0)
	d.close()
}
