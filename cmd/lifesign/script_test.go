package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == threadsCommand { // as a test's helper
		os.Exit(dumpThreads(context.Background(), os.Args[2:], os.Stdout, os.Stderr))
	}
	testscript.Main(m, map[string]func(){"lifesign": main, "crash": crash, "mimicking": mimicking})
}

// crash is a lifesign that crashes, in the manner that its argument names.
func crash() {
	keepCrashes(os.Stderr)
	switch os.Args[1] {
	case "panic": // in a goroutine of its own, as most of a watch is
		go func() {
			var list []int
			_ = list[len(os.Args)]
		}()
	case "fatal": // what no defer recovers
		new(sync.Mutex).Unlock()
	case "not":
		return
	}
	select {}
}

// TestScripts runs every subcommand, its failures included, as a user would.
func TestScripts(t *testing.T) {
	cache := t.TempDir() // lifesign's own, shared by the scripts
	env, err := goEnv("GOCACHE", "GOMODCACHE", "GOPROXY", "GOFLAGS")
	if err != nil {
		t.Fatal(err)
	}
	repository, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			for name, value := range env {
				e.Setenv(name, value)
			}
			e.Setenv("XDG_CACHE_HOME", cache)
			e.Setenv("GOTOOLCHAIN", "local")
			e.Setenv("GOWORK", "off")
			e.Setenv("REPOSITORY", repository)
			e.Setenv("TMPDIR", filepath.Join(e.WorkDir, ".tmp"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  exits,
			"empty":  empty,
			"same":   same,
			"nobody": nobody,
		},
	})
}

func goEnv(names ...string) (map[string]string, error) {
	out, err := exec.Command("go", append([]string{"env"}, names...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	env := map[string]string{}
	for i, value := range strings.Split(strings.TrimSuffix(string(out), "\n"), "\n") {
		env[names[i]] = value
	}
	return env, nil
}

// exits runs a command and demands an exit status: exits 7 lifesign run .
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND [ARGS…]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := err.(*exec.ExitError); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%s ended with status %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// empty demands that a directory is empty: empty $TMPDIR
func empty(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: empty DIRECTORY")
	}
	list, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	for _, f := range list {
		ts.Logf("%s", f.Name())
	}
	if len(list) > 0 {
		ts.Fatalf("%d files are left in %s", len(list), args[0])
	}
}

// nobody runs a command as a user without any rights: nobody lifesign doctor. The
// program is copied to where that user may run it.
func nobody(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: nobody COMMAND [ARGS…]")
	}
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		program, err := os.ReadFile(filepath.Join(dir, args[0]))
		if err != nil {
			continue
		}
		open, err := os.MkdirTemp("", "lifesign-nobody-")
		ts.Check(err)
		ts.Defer(func() { os.RemoveAll(open) })
		ts.Check(os.Chmod(open, 0o755))
		name := filepath.Join(open, args[0])
		ts.Check(os.WriteFile(name, program, 0o755))
		ts.Check(ts.Exec("setpriv", append([]string{"--reuid=65534", "--regid=65534", "--clear-groups", name}, args[1:]...)...))
		return
	}
	ts.Fatalf("there is no %s", args[0])
}

// same runs ./plain, and ./woven under lifesign, with the same arguments, and
// demands the same output and exit status of both. What stands on standard
// error, which lifesign shares, is left for the script to look at.
func same(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: same [ARGS…]")
	}
	run := func(name string, args ...string) string {
		err := ts.Exec(name, args...)
		status := 0
		if exit, ok := err.(*exec.ExitError); ok {
			if status = exit.ExitCode(); status < 0 {
				status = 128 + int(exit.Sys().(syscall.WaitStatus).Signal())
			}
		} else {
			ts.Check(err)
		}
		return fmt.Sprintf("%sstatus %d", ts.ReadFile("stdout"), status)
	}
	want := run("./plain", args...)
	got := run("lifesign", append([]string{"run", "--", "./woven"}, args...)...)
	if got != want {
		ts.Fatalf("woven it prints\n%s\nplain\n%s", got, want)
	}
}

func TestDispatch(t *testing.T) {
	for _, test := range []struct {
		args []string
		want int
	}{
		{nil, 2}, {[]string{"help"}, 0}, {[]string{"-h"}, 0}, {[]string{"help", "run"}, 0}, {[]string{"help", "x"}, 2}, {[]string{"x"}, 2},
	} {
		if got := dispatch(context.Background(), test.args, io.Discard, io.Discard); got != test.want {
			t.Errorf("lifesign %s ended with status %d, want %d", strings.Join(test.args, " "), got, test.want)
		}
	}
	for name := range commands {
		if !strings.Contains(usage, "\n  "+name+" ") {
			t.Errorf("the usage does not tell of %s", name)
		}
	}
}
