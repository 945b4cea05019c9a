package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMain is the file system itself when a test has started it: a process that
// works on a file system of its own cannot be relied upon to end.
func TestMain(m *testing.M) {
	if mount := os.Getenv("HUNGFS_MOUNT"); mount != "" {
		if err := run(mount, os.Getenv("HUNGFS_STORE"), "", os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// TestFsyncHangsUntilReleased mounts the file system, which takes root.
func TestFsyncHangsUntilReleased(t *testing.T) {
	mount, store := t.TempDir(), t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "HUNGFS_MOUNT="+mount, "HUNGFS_STORE="+store)
	cmd.Stderr = os.Stderr
	commands, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	answers, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(answers)
	expect := func(word string) {
		t.Helper()
		if !lines.Scan() || !strings.HasPrefix(lines.Text(), word+" ") {
			t.Fatalf("the file system says %q, want %s", lines.Text(), word)
		}
	}
	expect("ready")
	f, err := os.Create(filepath.Join(mount, "file"))
	if err != nil {
		t.Fatal(err)
	}
	sync := func() <-chan error {
		c := make(chan error, 1)
		go func() { c <- f.Sync() }()
		return c
	}
	if err := <-sync(); err != nil {
		t.Errorf("fsync before: %v", err)
	}
	io.WriteString(commands, "hold\n")
	time.Sleep(50 * time.Millisecond) // or the fsync might overtake it
	hanging := sync()
	expect("held")
	// A write to the same file would wait for the inode's lock.
	if err := os.WriteFile(filepath.Join(mount, "other"), []byte("written"), 0o600); err != nil {
		t.Errorf("write while fsync hangs: %v", err)
	}
	select {
	case err := <-hanging:
		t.Errorf("fsync returned %v while it was to hang", err)
	case <-time.After(100 * time.Millisecond):
	}
	io.WriteString(commands, "release\n")
	expect("released")
	if err := <-hanging; err != nil {
		t.Errorf("fsync after: %v", err)
	}
	if data, err := os.ReadFile(filepath.Join(store, "other")); string(data) != "written" {
		t.Errorf("the store has %q, %v", data, err)
	}
	f.Close()
	commands.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
