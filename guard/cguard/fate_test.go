//go:build cgo && linux && (amd64 || arm64)

package cguard_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/guard/cguard"
	"github.com/lifesign-go/lifesign/guard/cguard/internal/faulty"
	"github.com/lifesign-go/lifesign/internal/dump"
)

// deeds are what a child process does, by name. One that returns ends with status 0.
var deeds = map[string]func(){
	"bare":  func() { faulty.Bare(faulty.Null, nil) },
	"abort": func() { faulty.Bare(faulty.Abort, nil) },
	"beneath": func() { // C without a guard, called by Go that guarded C has called
		back(faulty.Back, func() { faulty.Bare(faulty.Null, nil) })
	},
	"after": func() { // a guarded call that a panic has ended guards nothing any more
		func() {
			defer func() { recover() }()
			back(faulty.Back, func() { panic("through") })
		}()
		faulty.Bare(faulty.Null, nil)
	},
	"panic":    func() { back(faulty.Back, func() { panic(nilError()) }) },
	"thread":   func() { cguard.Call(faulty.OtherThread, nil) },
	"crashing": func() { cguard.Call(faulty.CrashingThread, nil) },
	"spin": func() {
		faulty.Ready = func() { fmt.Println("ready") }
		cguard.Call(faulty.Spin, nil)
	},
	"notified": func() {
		if faulty.EarlyHandler == faulty.Handler(syscall.SIGABRT) {
			fmt.Println("cguard was there first")
			os.Exit(3)
		}
		late := make(chan os.Signal, 16)
		for name, k := range kinds {
			if c, err := crash(k.fault); c == nil {
				fmt.Println(name, err)
				os.Exit(3)
			}
		}
		signal.Notify(late, syscall.SIGABRT, syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGILL)
		for name, k := range kinds {
			if c, err := crash(k.fault); c == nil {
				fmt.Println(name, err)
				os.Exit(3)
			}
		}
		if n, m := len(faulty.Early), len(late); n+m > 0 {
			fmt.Println("contained crashes were notified", n, m)
			os.Exit(3)
		}
		syscall.Kill(os.Getpid(), syscall.SIGABRT)
		for _, c := range []chan os.Signal{faulty.Early, late} {
			select {
			case <-c:
			case <-time.After(time.Minute):
				fmt.Println("a signal from outside was not notified")
				os.Exit(3)
			}
		}
		if err := cguard.Available(); err != nil {
			fmt.Println(err)
			os.Exit(3)
		}
	},
	"dumped": func() {
		for i := 0; i < 6; i++ {
			crash(faulty.Null)
		}
		time.Sleep(time.Minute) // the test ends it
	},
	"ignored": func() {
		signal.Ignore(syscall.SIGABRT)
		if err := cguard.Available(); err == nil || !strings.Contains(err.Error(), "SIGABRT") {
			fmt.Println("Available says", err)
			os.Exit(3)
		}
	},
}

func nilError() error {
	var p *struct{ err error }
	return p.err
}

// child does a deed in a process of its own.
func child(t *testing.T, deed string, env ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), "CGUARD_DEED="+deed), env...)
	out := new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = out, out
	return cmd, out
}

// TestWhatIsNotItsOwnKills has processes die by what is not a guarded call's.
func TestWhatIsNotItsOwnKills(t *testing.T) {
	for deed, want := range map[string]string{
		"bare":     "SIGSEGV: segmentation violation",
		"abort":    "SIGABRT: abort",
		"beneath":  "SIGSEGV: segmentation violation",
		"after":    "SIGSEGV: segmentation violation",
		"panic":    "panic: runtime error: invalid memory address or nil pointer dereference",
		"thread":   "SIGSEGV: segmentation violation",
		"crashing": "", // on a thread that Go does not know it leaves that to the kernel
	} {
		t.Run(deed, func(t *testing.T) {
			cmd, out := child(t, deed)
			err := cmd.Run()
			if want == "" && err != nil && err.Error() == "signal: segmentation fault" {
				return
			}
			if cmd.ProcessState.ExitCode() != 2 || want == "" || !strings.Contains(out.String(), want) {
				t.Errorf("%v, want status 2 and %q:\n%s", err, want, out)
			}
		})
	}
}

// TestSignalsFromOutsideKill sends signals to a process that is in a guarded call.
func TestSignalsFromOutsideKill(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGILL, syscall.SIGABRT} {
		t.Run(sig.String(), func(t *testing.T) {
			cmd, _ := child(t, "spin")
			cmd.Stdout = nil
			ready, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := ready.Read(make([]byte, 6)); err != nil {
				t.Fatalf("it is not ready: %v", err)
			}
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() == 0 {
				t.Errorf("it has ended with %v", cmd.ProcessState)
			}
		})
	}
}

func TestCrashesLeaveDumps(t *testing.T) {
	dir := t.TempDir()
	cmd, out := child(t, "dumped", dump.DirVar+"="+dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var files []string
	for end := time.Now().Add(30 * time.Second); len(files) < 4 && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		files, _ = filepath.Glob(filepath.Join(dir, "*"+dump.Suffix))
	}
	time.Sleep(300 * time.Millisecond) // for one more than there should be
	files, _ = filepath.Glob(filepath.Join(dir, "*"+dump.Suffix))
	cmd.Process.Kill()
	cmd.Wait()
	if len(files) != 4 {
		t.Fatalf("%d dumps of six crashes, want 4\n%s", len(files), out)
	}
	d, err := dump.Open(files[0])
	if err != nil {
		t.Fatal(err)
	}
	r := d.Reason
	if r.Kind != dump.Contained || r.Name != "SIGSEGV" || !r.Foreign || r.PC == 0 || !strings.Contains(r.What, "faulty_null") || r.Place == nil {
		t.Errorf("the dump says %+v", r)
	}
}

func TestNotifyBeforeAndAfter(t *testing.T) {
	for _, deed := range []string{"notified", "ignored"} {
		cmd, out := child(t, deed, "FAULTY_NOTIFY=1")
		if err := cmd.Run(); err != nil {
			t.Errorf("%s: %v\n%s", deed, err, out)
		}
	}
}
