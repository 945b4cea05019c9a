package etcd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// stateVersion is that of the file's format.
const stateVersion = 1

// maxState is how large a state file may be, in bytes.
const maxState = 16 << 10

// record is what a state file has: by which lease of etcd's which key lives.
type record struct {
	Version int    `json:"version"`
	Key     string `json:"key"`
	Lease   string `json:"lease"` // hexadecimal, as etcdctl shows it; "0" for none
}

// stateFile keeps a lease's id on disk. The file is replaced as a whole, is made
// durable, and only its owner reads it: who knows the id can go on with the lease.
type stateFile struct {
	name string
	lock *os.File // held while the file is in use
}

// openState takes the file for this process. Another one that has it is an error.
func openState(name string) (*stateFile, error) {
	lock, err := lockFile(name + ".lock")
	if err != nil {
		return nil, fmt.Errorf("take the state file %s: %w", name, err)
	}
	return &stateFile{name: name, lock: lock}, nil
}

// load returns the lease of key, 0 if there is none.
func (s *stateFile) load(key string) (clientv3.LeaseID, error) {
	text, err := os.ReadFile(s.name)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the state file: %w", err)
	}
	r, id, err := parseRecord(text)
	if err != nil {
		return 0, fmt.Errorf("read the state file %s: %w", s.name, err)
	}
	if r.Key != key {
		return 0, fmt.Errorf("the state file %s is that of %q, not of %q", s.name, r.Key, key)
	}
	return id, nil
}

// parseRecord reads a state file's text.
func parseRecord(text []byte) (record, clientv3.LeaseID, error) {
	var r record
	if len(text) > maxState {
		return r, 0, fmt.Errorf("it has %d bytes, more than %d", len(text), maxState)
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, 0, err
	}
	if r.Version != stateVersion {
		return r, 0, fmt.Errorf("it has version %d, want %d", r.Version, stateVersion)
	}
	id, err := strconv.ParseInt(r.Lease, 16, 64)
	if err != nil || id < 0 {
		return r, 0, fmt.Errorf("the lease's id is %.40q, want a hexadecimal number", r.Lease)
	}
	return r, clientv3.LeaseID(id), nil
}

// save notes the lease of key; it is durable when save returns nil.
func (s *stateFile) save(key string, id clientv3.LeaseID) error {
	text, err := json.Marshal(record{Version: stateVersion, Key: key, Lease: strconv.FormatInt(int64(id), 16)})
	if err != nil {
		return err
	}
	if err := replace(s.name, append(text, '\n')); err != nil {
		return fmt.Errorf("write the state file: %w", err)
	}
	return nil
}

// replace writes the file name anew, as a whole and durably.
func replace(name string, text []byte) error {
	file, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".new*") // of mode 0600
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err == nil {
		err = file.Sync()
	}
	if e := file.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		os.Remove(file.Name())
		return err
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// close lets others have the file.
func (s *stateFile) close() error { return s.lock.Close() }
