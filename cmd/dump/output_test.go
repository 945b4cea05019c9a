package dump

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/internal/dump"
)

// crash runs the program crash with an Output, and returns what it has written there
// and to standard error. early is called as it begins to write.
func crash(t *testing.T, env string, early func(pid int), args ...string) (text, stderr string, cmd *exec.Cmd) {
	t.Helper()
	return crashOf(t, "crash", env, early, args...)
}

func crashOf(t *testing.T, program, env string, early func(pid int), args ...string) (text, stderr string, cmd *exec.Cmd) {
	t.Helper()
	o, err := NewOutput()
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	name, release, err := o.Inherit()
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(built(t, program), args...)
	cmd.Env = append(os.Environ(), name, env)
	var b bytes.Buffer
	cmd.Stderr = &b
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	release()
	looked := make(chan bool)
	go func() {
		defer close(looked)
		select {
		case <-o.First():
			if early != nil {
				early(cmd.Process.Pid)
			}
		case <-o.done:
		}
	}()
	hung := time.AfterFunc(time.Minute, func() { t.Errorf("%s %q has not ended in a minute", program, args); cmd.Process.Kill() })
	cmd.Wait()
	hung.Stop()
	text = o.Text(time.Minute)
	<-looked
	return text, b.String(), cmd
}

// TestCrashes has programs crash in every way that tells something: what comes through
// the pipe is what is on standard error, and the dump has its reason.
func TestCrashes(t *testing.T) {
	for _, test := range []struct {
		how, reason string
		foreign     bool
	}{
		{"panic", "panic: wrapped: it is broken", false},
		{"nilmap", "panic: assignment to entry in nil map", false},
		{"nil", "panic: runtime error: invalid memory address or nil pointer dereference", false},
		{"again", "panic: (main.thing) ", false},
		{"fatal", "fatal error: sync: unlock of unlocked mutex", false},
		{"maps", "fatal error: concurrent map access", false},
		{"segv", "SIGSEGV: segmentation violation", true},
		{"abort", "SIGABRT: abort", true},
		{"overflow", "fatal error: stack overflow", false},
		{"oom", "fatal error: runtime: ", false},
		{"quit", "SIGQUIT: quit", false},
		{"killsegv", "SIGSEGV: segmentation violation", false},
	} {
		text, stderr, cmd := crash(t, "GOTRACEBACK=single", nil, test.how)
		// Of a fatal error the first line is written before the runtime knows that it dies.
		if !strings.HasSuffix(stderr, text) || text != stderr && !strings.HasPrefix(test.reason, "fatal error") {
			t.Errorf("%s: %d bytes have come, and %d are on standard error", test.how, len(text), len(stderr))
		}
		d := Unknown(cmd.Process.Pid).Ended(Target{PID: cmd.Process.Pid, Reason: dump.Reason{Kind: dump.Ended, What: "it is gone"}, Text: text, Rules: dump.UsualRules()}, nil)
		if !strings.HasPrefix(d.Reason.What, test.reason) || d.Reason.Foreign != test.foreign || len(d.Goroutines) == 0 || d.Reason.Place == nil {
			t.Errorf("%s: %+v, %d groups of goroutines", test.how, d.Reason, len(d.Goroutines))
		}
		t.Logf("%s: %d bytes", test.how, len(text))
	}
	text, _, _ := crashOf(t, "asleep", "GOTRACEBACK=single", nil)
	if r, _ := dump.ParseCrash(text); r.What != "fatal error: all goroutines are asleep - deadlock!" {
		t.Errorf("a program that sleeps for ever: %q", text)
	}
	for _, how := range []string{"exit", "kill"} {
		if text, _, _ := crash(t, "GOTRACEBACK=single", nil, how); text != "" {
			t.Errorf("%s: %q", how, text)
		}
	}
}

// TestLongText has ten thousand goroutines tell of themselves.
func TestLongText(t *testing.T) {
	const n = 10_000
	text, stderr, _ := crash(t, "GOTRACEBACK=all", nil, "many", strconv.Itoa(n))
	whole := strings.Count(stderr, "\ngoroutine ")
	come := strings.Count(text, "\ngoroutine ")
	_, all := dump.ParseCrash(text)
	if len(all) == 0 || come == 0 || whole < n {
		t.Errorf("%d goroutines have come of %d, and %d were parsed", come, whole, len(all))
	}
	began := time.Now()
	d := Unknown(1).Ended(Target{PID: 1, Text: text, Rules: dump.UsualRules()}, nil)
	var file bytes.Buffer
	if err := dump.Write(&file, d, dump.Usual); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes of %d have come, %d goroutines of %d; the dump has %d kB and took %v", len(text), len(stderr), come, whole, file.Len()/1000, time.Since(began))
}

// TestBoundedText writes more than is kept.
func TestBoundedText(t *testing.T) {
	o, err := NewOutput()
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	name, release, err := o.Inherit()
	if err != nil {
		t.Fatal(err)
	}
	_, number, _ := strings.Cut(name, "=")
	fd, err := strconv.Atoi(number)
	if err != nil || fd < lowestFD {
		t.Fatalf("%s: %v", name, err)
	}
	w, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	release()
	f := os.NewFile(uintptr(w), "")
	io.WriteString(f, "begins\n")
	for i := 0; i < 5*half; i += 1000 {
		fmt.Fprintf(f, "%999d\n", i)
	}
	io.WriteString(f, "ends\n")
	f.Close()
	text := o.Text(time.Minute)
	if !strings.HasPrefix(text, "begins\n") || !strings.HasSuffix(text, "\nends\n") || len(text) > 2*half+100 {
		t.Errorf("%d bytes from %.20q to %q", len(text), text, text[len(text)-20:])
	}
}

// TestTextDoesNotWaitForOthers has a child of the program keep the pipe.
func TestTextDoesNotWaitForOthers(t *testing.T) {
	o, err := NewOutput()
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if text := o.Text(time.Hour); text != "" { // nobody has closed it
		t.Errorf("%q has come", text)
	}
}

// TestDying measures how often there is time to look at a program that dies, from
// outside and without stopping it. That depends on the machine: it is only counted.
func TestDying(t *testing.T) {
	for _, how := range []string{"panic", "segv", "overflow"} {
		const runs = 5
		states, stacks, longest := 0, 0, time.Duration(0)
		for i := 0; i < runs; i++ {
			crash(t, "GOTRACEBACK=single", func(pid int) {
				began := time.Now()
				d, err := Take(t.Context(), Target{PID: pid, Rules: dump.UsualRules()}, Options{Run: true})
				longest = max(longest, time.Since(began))
				if err != nil {
					return
				}
				if len(d.Threads) > 0 {
					states++
				}
				for _, th := range d.Threads {
					if len(th.User) > 0 {
						stacks++
						break
					}
				}
			}, how)
		}
		t.Logf("%s: of %d programs, in %d cases threads were seen, in %d a stack; it took up to %v", how, runs, states, stacks, longest)
	}
}
