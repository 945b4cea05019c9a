package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// TestWatchingChangesNoCall has a program make blocking calls of many kinds,
// alone and while lifesign watches it and inspects it again and again, and
// counts the results that a careless observer spoils: those that are EINTR, or
// would be without a restart, and those that are short. strace counts, and so
// does the program, but for whom it traces lifesign sees nothing but that it is
// traced; so it is also watched without strace.
func TestWatchingChangesNoCall(t *testing.T) {
	program := filepath.Join(t.TempDir(), "calls")
	if out, err := exec.Command("gcc", "-O2", "-o", program, "../unwind/testdata/calls/calls.c", "-pthread").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, strace := range []bool{true, false} {
		for _, watched := range []bool{false, true} {
			t.Run(fmt.Sprintf("strace=%v,watched=%v", strace, watched), func(t *testing.T) {
				spoilt, looks := runCalls(t, program, strace, watched)
				for try := 0; watched && looks == 0 && try < 5; try++ { // the machine is busy
					spoilt, looks = runCalls(t, program, strace, watched)
				}
				if spoilt != 0 {
					t.Errorf("%d results are not what they ought to be", spoilt)
				}
				if watched && looks == 0 {
					t.Error("it was not looked at")
				}
			})
		}
	}
}

var interruptedCall = regexp.MustCompile(`EINTR|ERESTART`)

// runCalls runs the program and returns how many results were spoilt, and how
// often lifesign inspect has had an answer.
func runCalls(t *testing.T, program string, strace, watched bool) (spoilt, looks int) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "strace")
	args := []string{program, "150"}
	if strace {
		args = append([]string{"strace", "-f", "-o", log}, args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Scan()
	pid := lines.Text()
	done := make(chan bool)
	stopped := make(chan bool)
	if watched {
		watch := exec.Command("lifesign", "watch", "-every", "50ms", pid)
		if err := watch.Start(); err != nil {
			t.Fatal(err)
		}
		go func() {
			defer close(stopped)
			defer watch.Wait() // the program's end is its own
			for {
				select {
				case <-done:
					return
				default:
					err := exec.Command("lifesign", "inspect", "-for", "1s", pid).Run()
					if exit, ok := err.(*exec.ExitError); err == nil || ok && exit.ExitCode() >= exitFinding {
						looks++
					}
				}
			}
		}()
	} else {
		close(stopped)
	}
	for lines.Scan() {
		var name string
		var eintr, other int
		if _, err := fmt.Sscan(lines.Text(), &name, &eintr, &other); err != nil {
			t.Errorf("%q: %v", lines.Text(), err)
		}
		if spoilt += eintr + other; eintr+other > 0 {
			t.Logf("%s: %d EINTR, %d other results", name, eintr, other)
		}
	}
	close(done)
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	<-stopped
	if strace {
		b, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) < 10000 {
			t.Errorf("strace has written only %s bytes", strconv.Itoa(len(b)))
		}
		spoilt += len(interruptedCall.FindAll(b, -1))
	}
	return spoilt, looks
}
