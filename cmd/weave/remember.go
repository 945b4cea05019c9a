package weave

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/lifesign-go/lifesign/cmd/analyze"
	"github.com/lifesign-go/lifesign/cmd/load"
)

// known is what the analysis of a program has found, as it is kept for the next
// build. It is encoded whole, by the names of its fields: a model that has more of
// them comes from another lifesign, which has another fingerprint.
type known struct {
	Model   *analyze.Model
	Modules map[string]*load.Module // that the program is built from, by path
}

const (
	// knownMagic begins a file. Behind it are the hash of what follows and that.
	knownMagic = "lifesign analysis 1\n"

	// knownMost and knownBytes bound what is kept; the one that was used last longest
	// ago goes first. A program of NATS's size takes 0.2 MB, etcd with all that it
	// depends on some MB.
	knownMost  = 64
	knownBytes = 256 << 20

	// knownUnpacked bounds what a file may be of in memory.
	knownUnpacked = 1 << 30
)

var errNotKnown = errors.New("it is no analysis that was kept, or a damaged one")

func (k known) encode() ([]byte, error) {
	var body bytes.Buffer
	packed, _ := gzip.NewWriterLevel(&body, gzip.BestSpeed)
	if err := gob.NewEncoder(packed).Encode(k); err != nil {
		return nil, fmt.Errorf("keep the analysis: %w", err)
	}
	if err := packed.Close(); err != nil {
		return nil, fmt.Errorf("keep the analysis: %w", err)
	}
	sum := sha256.Sum256(body.Bytes())
	return slices.Concat([]byte(knownMagic), sum[:], body.Bytes()), nil
}

// decodeKnown never trusts what it is given.
func decodeKnown(b []byte) (k known, err error) {
	rest, ok := bytes.CutPrefix(b, []byte(knownMagic))
	if !ok || len(rest) < sha256.Size {
		return known{}, errNotKnown
	}
	if sum := sha256.Sum256(rest[sha256.Size:]); !bytes.Equal(sum[:], rest[:sha256.Size]) {
		return known{}, errNotKnown
	}
	return unpackKnown(rest[sha256.Size:])
}

func unpackKnown(b []byte) (k known, err error) {
	defer func() {
		// Package gob does not promise to bear what was made in malice.
		if r := recover(); r != nil {
			k, err = known{}, errNotKnown
		}
	}()
	packed, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return known{}, errNotKnown
	}
	if err := gob.NewDecoder(io.LimitReader(packed, knownUnpacked)).Decode(&k); err != nil || k.Model == nil {
		return known{}, errNotKnown
	}
	for _, m := range k.Modules {
		if m == nil {
			return known{}, errNotKnown
		}
	}
	return k, nil
}

func (c cache) knownDir() string { return filepath.Join(c.dir, "analysis") }

// recall returns what is kept under a fingerprint.
func (c cache) recall(fingerprint string) (known, error) {
	name := filepath.Join(c.knownDir(), fingerprint)
	b, err := os.ReadFile(name)
	if err != nil {
		return known{}, err
	}
	k, err := decodeKnown(b)
	if err == nil {
		now := time.Now()
		os.Chtimes(name, now, now) // by which the oldest are found
	}
	return k, err
}

// remember keeps k under a fingerprint, and takes away what is too much.
func (c cache) remember(fingerprint string, k known) error {
	b, err := k.encode()
	if err != nil {
		return err
	}
	err = c.place(filepath.Join(c.knownDir(), fingerprint), func(temp string) error { return os.WriteFile(temp, b, 0o600) })
	if err != nil {
		return err
	}
	return c.forget(knownMost, knownBytes)
}

// forget removes the analyses that were used longest ago, beyond a number of them
// and of bytes.
func (c cache) forget(most int, size int64) error {
	entries, err := os.ReadDir(c.knownDir())
	if err != nil {
		return err
	}
	var files []os.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			files = append(files, info)
		}
	}
	slices.SortFunc(files, func(a, b os.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	for i, f := range files {
		if size -= f.Size(); i >= most || size < 0 && i > 0 {
			os.Remove(filepath.Join(c.knownDir(), f.Name())) // or another build has
		}
	}
	return nil
}
