package etcd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
)

func TestStateFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lease")
	s, err := openState(name)
	if err != nil {
		t.Fatal(err)
	}
	if id, err := s.load("key"); err != nil || id != 0 {
		t.Errorf("without a file the lease is %x, %v, want 0", id, err)
	}
	const id = clientv3.LeaseID(0x694d7a0a1b2c3d4e)
	for _, want := range []clientv3.LeaseID{id, 0, id} {
		if err := s.save("key", want); err != nil {
			t.Fatal(err)
		}
		if got, err := s.load("key"); err != nil || got != want {
			t.Errorf("the lease is %x, %v, want %x", got, err, want)
		}
	}
	if _, err := s.load("other"); err == nil || !strings.Contains(err.Error(), `not of "other"`) {
		t.Errorf("another key's lease: %v", err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v, want mode 0600", info, err)
	}
	if _, err := openState(name); err == nil || !strings.Contains(err.Error(), "another process has it") {
		t.Errorf("a second one opens it: %v", err)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	again, err := openState(name)
	if err != nil {
		t.Fatal(err)
	}
	defer again.close()
	if got, err := again.load("key"); err != nil || got != id {
		t.Errorf("the next one finds %x, %v, want %x", got, err, id)
	}
	files, err := os.ReadDir(filepath.Dir(name))
	if err != nil || len(files) != 2 {
		t.Errorf("there are %v, %v, want the file and its lock", files, err)
	}
}

func TestStateFilesThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		``:                                     "unexpected end",
		`{}`:                                   "version 0",
		`{"version":2,"key":"k","lease":"1"}`:  "version 2",
		`{"version":1,"key":"k","lease":"-1"}`: "hexadecimal",
		`{"version":1,"key":"k","lease":"xy"}`: "hexadecimal",
		`{"version":1,"key":"k"}`:              "hexadecimal",
		strings.Repeat(" ", maxState+1):        "more than",
	} {
		if _, _, err := parseRecord([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("parse %.40q: %v, want an error with %q", text, err, want)
		}
	}
}

// What can be read can be written, and is the same then.
func FuzzStateFile(f *testing.F) {
	f.Add([]byte(`{"version":1,"key":"lifesign/election/ledger","lease":"694d7a0a1b2c3d4e"}`))
	f.Add([]byte(`{"version":1,"key":"","lease":"0"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, id, err := parseRecord(text)
		if err != nil {
			return
		}
		s := &stateFile{name: filepath.Join(t.TempDir(), "lease")}
		if err := s.save(r.Key, id); err != nil {
			t.Fatal(err)
		}
		if got, err := s.load(r.Key); err != nil || got != id {
			t.Errorf("%q comes back as %x, %v, want %x", text, got, err, id)
		}
	})
}
