package lease

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// File is a Memory in a file, which one process uses at a time. The file is
// replaced as a whole, and it and its directory are made durable.
type File string

// Load reads the token. A file that is not there has none; one that cannot be
// read as a token is an error, for a fence that has forgotten is none.
func (f File) Load() (Token, error) {
	text, err := os.ReadFile(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	t, err := ParseToken(strings.TrimSuffix(string(text), "\n"))
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", string(f), err)
	}
	return t, nil
}

// Save writes the token.
func (f File) Save(t Token) error {
	name := string(f) + ".new"
	if err := writeDurably(name, t.String()+"\n"); err != nil {
		return err
	}
	if err := os.Rename(name, string(f)); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(string(f)))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

func writeDurably(name, text string) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	if err == nil {
		err = file.Sync()
	}
	if e := file.Close(); err == nil {
		err = e
	}
	return err
}
