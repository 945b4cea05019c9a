package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// lockedBuffer may be read while it is written to.
type lockedBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// The death of a thread wakes the agent: it does not wait for its own next look,
// which is an hour off here.
func TestAgentWakesForDeaths(t *testing.T) {
	program := filepath.Join(t.TempDir(), "threads")
	if out, err := exec.Command("go", "build", "-o", program, "../observe/testdata/threads").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var said lockedBuffer
	tell, err := newReporter(&said, runOptions{})
	if err != nil {
		t.Fatal(err)
	}
	a, err := newAgent(tell, false)
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	if u := a.machine.Unseen(); len(u) > 0 {
		t.Fatalf("this machine does not tell: %q", u)
	}
	a.every = time.Hour
	cmd := exec.Command(program, "3")
	cmd.Env = append(cmd.Environ(), "GOMAXPROCS=4") // the runtime loses a processor with the thread
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := a.start(cmd); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	defer a.stop()
	time.Sleep(500 * time.Millisecond) // its first look is over
	if _, err := in.Write([]byte("die\n")); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); !strings.Contains(said.String(), "VANISHED (proven): threads"); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the death of a thread was not told: %s", said.String())
		}
	}
}
