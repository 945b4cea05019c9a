package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadmeSession pastes the README's session into a shell.
func TestReadmeSession(t *testing.T) {
	root := filepath.Join("..", "..")
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "```sh\n")
	session, _, closed := strings.Cut(rest, "```\n")
	if !ok || !closed {
		t.Fatal("README.md has no session")
	}
	sh := exec.Command("bash", "-euc", session)
	sh.Dir = root
	sh.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	var stdout, stderr bytes.Buffer
	sh.Stdout, sh.Stderr = &stdout, &stderr
	if err := sh.Run(); err != nil {
		t.Fatalf("%v\n%s%s", err, &stdout, &stderr)
	}
	if n := strings.Count(stdout.String(), "I am alive"); n != 5 {
		t.Errorf("alive %d times, want 5:\n%s", n, &stdout)
	}
	for _, want := range []string{
		"lifesign: STUCK (proven): shop, process ",
		"main.go:23 in report",
		"taken at main.go:12 in buy",
		"→ goroutine ",
		"the chain closes on itself",
		"refuted   if goroutine ",
	} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("standard error lacks %q:\n%s", want, &stderr)
		}
	}
}
