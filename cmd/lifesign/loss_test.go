package main

import (
	"bufio"
	"os/exec"
	"testing"
)

// TestImage has a shell execute another in its place, and itself stay.
func TestImage(t *testing.T) {
	cmd := exec.Command("sh", "-c", "echo one; read x; echo two; read x; exec sh -c 'echo three; read x'")
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
	var images []uint64
	for said := bufio.NewScanner(out); said.Scan(); {
		images = append(images, image(cmd.Process.Pid))
		if _, err := in.Write([]byte("\n")); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if len(images) != 3 || images[0] == 0 || images[0] != images[1] || images[1] == images[2] {
		t.Errorf("images %x, want two of the same and another", images)
	}
	if n := image(cmd.Process.Pid); n != 0 {
		t.Errorf("a process that has ended has the image %x", n)
	}
}
