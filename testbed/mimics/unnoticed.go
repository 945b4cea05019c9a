package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// careful are the programs that would notice. Each does a number of things for
// so long, and says in its last line, "result …", what came of it; "wrong" in it
// is what should not have.
var careful = []string{"posixlocks", "inotify"}

const carefulLasts = 40 * time.Second

// unnoticed runs them with the mimics off and on. What they say must be the same.
func (b bench) unnoticed(ctx context.Context, reuse bool) (wrong int, err error) {
	for _, name := range careful {
		if err := b.build(ctx, trial{subject: name}, reuse); err != nil {
			return wrong, err
		}
		var said [2]string
		for i, on := range []bool{false, true} {
			if said[i], err = b.careful(ctx, name, on); err != nil {
				return wrong, fmt.Errorf("%s, mimics %s: %w", name, onOff(on), err)
			}
			fmt.Printf("%-12s mimics %-4s %s\n", name, onOff(on), said[i])
		}
		if said[0] != said[1] || strings.Contains(said[1], "wrong") {
			wrong++
			fmt.Printf("%-12s WRONG: it has noticed\n", name)
		}
	}
	return wrong, nil
}

// careful runs one and returns what it says in the end. A finding, or mimics that
// were not done, is an error: such silence proves nothing.
func (b bench) careful(ctx context.Context, name string, on bool) (said string, err error) {
	dir, err := os.MkdirTemp(b.scratch, name+"-")
	if err != nil {
		return "", err
	}
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o755); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, carefulLasts+slack)
	defer cancel()
	found := filepath.Join(dir, "findings.jsonl")
	cmd := exec.CommandContext(ctx, filepath.Join(b.bin, "lifesign"), "run", "-json", found, "-mimics", onOff(on), "--",
		b.woven(name), "-dir", data, "-after", "0", "-for", carefulLasts.String())
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, stderr.Bytes())
	}
	for line := range strings.Lines(string(out)) {
		if text, ok := strings.CutPrefix(line, "result "); ok {
			said = strings.TrimSpace(text)
		}
	}
	if said == "" {
		return "", fmt.Errorf("it says no result: %s%s", out, stderr.Bytes())
	}
	if data, err := os.ReadFile(found); err == nil && len(data) > 0 {
		return "", fmt.Errorf("found in a healthy program: %s", data)
	}
	return said, nil
}
