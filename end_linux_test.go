package lifesign

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain is also the program that ends itself.
func TestMain(m *testing.M) {
	if how := os.Getenv("LIFESIGN_TEST_END"); how != "" {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGQUIT) // a program that wants the signal for itself
		endWithin = 1
		go func() { select {} }()
		for stacks := make([]byte, 1<<16); !strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "select (no cases)"); {
			time.Sleep(time.Millisecond) // until it has come there
		}
		endProcess()
		time.Sleep(time.Minute)
	}
	os.Exit(m.Run())
}

func TestEndProcessWritesStacks(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LIFESIGN_TEST_END=stacks")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 {
		t.Errorf("it ended with %v, want status 2", err)
	}
	for _, want := range []string{"SIGQUIT: quit", "TestMain", "select (no cases)"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%s is not in\n%s", want, out)
		}
	}
}

// The runtime writes stacks with all threads stopped, for ever if nobody reads.
func TestEndProcessEndsThoughNobodyReads(t *testing.T) {
	var fds [2]int
	if err := syscall.Pipe2(fds[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fds[0])
	var err error
	for err == nil { // fill it
		_, err = syscall.Write(fds[1], make([]byte, 4096))
	}
	if err := syscall.SetNonblock(fds[1], false); err != nil {
		t.Fatal(err)
	}
	w := os.NewFile(uintptr(fds[1]), "full pipe")
	defer w.Close()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LIFESIGN_TEST_END=pipe")
	cmd.Stderr = w
	start := time.Now()
	err = cmd.Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("it ended with %v, want killed", err)
	}
	if d := time.Since(start); d > 30*time.Second {
		t.Errorf("it took %s", d)
	}
}
