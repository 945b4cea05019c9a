package dump

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// Suffix ends the names of dumps in a directory.
const Suffix = ".lifesign.core"

// kept is how many dumps stay in a directory: a program that crashes again and again
// must not fill the disk.
const kept = 100

// Keep writes d, to which rules were applied, into a directory, which it makes if it
// is not there, and returns the file's name: PROGRAM-TIME-PID-KIND.lifesign.core. The
// oldest dumps are removed if there are more than a hundred.
func Keep(dir string, d *Dump, limit int64) (name string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("keep a dump: %w", err)
	}
	stem := fmt.Sprintf("%s-%s-%d-%s", plain(d.Process.Program), d.Time.UTC().Format("20060102T150405.000"), d.Process.PID, plain(string(d.Reason.Kind)))
	name = filepath.Join(dir, stem+Suffix)
	for n := 2; ; n++ {
		if _, err := os.Lstat(name); err != nil {
			break
		}
		name = filepath.Join(dir, fmt.Sprintf("%s-%d%s", stem, n, Suffix))
	}
	if err := Save(name, d, limit); err != nil {
		return "", err
	}
	thin(dir)
	return name, nil
}

// plain makes a part of a file's name of any text.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '.' || r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			return r
		}
		return '_'
	}, clip(s, 64))
	if s = strings.TrimLeft(s, "."); s == "" {
		return "program"
	}
	return s
}

// Save writes d to a file of that name, which nobody but its owner can read, and
// which is there whole or not at all.
func Save(name string, d *Dump, limit int64) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".dump-*") // 0600
	if err != nil {
		return fmt.Errorf("write a dump: %w", err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	w := bufio.NewWriterSize(f, 64<<10)
	if err := Write(w, d, limit); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write a dump: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("write a dump: %w", err)
	}
	return os.Rename(f.Name(), name)
}

// Open reads the dump in a file.
func Open(name string) (*Dump, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read a dump: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read a dump: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read a dump: %s is no file", name)
	}
	return Read(f, info.Size())
}

// thin removes the oldest dumps.
func thin(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	type dumped struct {
		name string
		at   int64
	}
	var all []dumped
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && strings.HasSuffix(e.Name(), Suffix) && info.Mode().IsRegular() {
			all = append(all, dumped{e.Name(), info.ModTime().UnixNano()})
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].at < all[j].at })
	for ; len(all) > kept; all = all[1:] {
		os.Remove(filepath.Join(dir, all[0].name))
	}
}
