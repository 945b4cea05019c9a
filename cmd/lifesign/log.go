package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Bounds of what a dump has of the program's log.
const (
	logBytes = 64 << 10
	logLines = 200
)

// openable returns a file's name by which it can be opened from any directory, once it
// was shown that it can be added to.
func openable(name string) (string, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if name == os.DevNull {
		return name, nil
	}
	return filepath.Abs(name)
}

// lastLines returns the last lines of a file, oldest first; none if it is none that can
// be read from its end, or "". It waits for nobody but the disk.
func lastLines(name string) []string {
	info, err := os.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	from := max(0, info.Size()-logBytes)
	data, err := io.ReadAll(io.NewSectionReader(f, from, logBytes))
	if err != nil {
		return nil
	}
	return linesOf(data, from == 0)
}

// linesOf splits the end of a log into lines, without the first if it is not known to
// be whole, and what is not text in them.
func linesOf(data []byte, whole bool) []string {
	if !whole {
		_, data, _ = bytes.Cut(data, []byte("\n"))
	}
	data = bytes.TrimRight(data, "\n")
	if len(data) == 0 {
		return nil
	}
	lines := strings.Split(strings.ToValidUTF8(string(data), "\uFFFD"), "\n")
	return lines[max(0, len(lines)-logLines):]
}
