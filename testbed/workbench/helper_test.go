package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestTraffic counts what this process does.
func TestTraffic(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	before := trafficOf(os.Getpid())
	if _, err := f.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if got := trafficOf(os.Getpid()).since(before); got.writes < 1 || got.wrote < 1<<20 {
		t.Errorf("a megabyte written is %+v", got)
	}
	if got := trafficOf(0); got != (traffic{}) {
		t.Errorf("no process did %+v", got)
	}
}

// TestHelperOf finds a child by its name, and takes no other for it.
func TestHelperOf(t *testing.T) {
	for _, name := range []string{"other", "lifesign"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "helper"), []byte("echo; read x"), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("/bin/sh")
		cmd.Args, cmd.Dir = []string{name, "helper"}, dir // sh reads the file of that name
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		want := 0
		if name == "lifesign" {
			want = cmd.Process.Pid
		}
		if got := helperOf(os.Getpid()); got != want {
			t.Errorf("%s: the helper is %d, want %d", name, got, want)
		}
		in.Close()
		cmd.Wait()
	}
}
