package supervise

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/internal/supervise"
)

// recordVersion is that of the record; another version's is not understood.
const recordVersion = 1

// record is what a driver leaves to the next one, in the state directory. It holds no
// secrets, and is replaced as a whole.
type record struct {
	Version int      `json:"version"`
	Boot    string   `json:"boot"`  // numbers of processes mean nothing after another boot,
	Space   string   `json:"space"` // or in another PID namespace
	Agent   int      `json:"agent"` // the lifesign that has written this
	Argv    []string `json:"argv"`

	PID     int              `json:"pid"`   // of the program, 0 if none runs
	Start   uint64           `json:"start"` // its start time, in clock ticks after the boot
	Since   int64            `json:"since"` // the same, CLOCK_MONOTONIC nanoseconds
	Run     int              `json:"run"`
	Ready   bool             `json:"ready"`
	Halfway bool             `json:"halfway"` // it is being stopped
	Cgroup  string           `json:"cgroup,omitempty"`
	Group   int              `json:"group,omitempty"` // the process group
	Notify  string           `json:"notify"`          // the socket that the program knows by NOTIFY_SOCKET
	Listen  []heldRecord     `json:"listen,omitempty"`
	Memory  supervise.Memory `json:"memory"`
}

// store is the state directory. It belongs to one driver at a time.
type store struct {
	dir  string
	lock *os.File
	last string // what was written last
}

const (
	recordName = "supervise.json"
	lockName   = "supervise.lock"
)

// lockTime is how long a driver waits for the one before it, which may be about to
// end: a process that was just forked off it has the lock for some microseconds more.
const lockTime = 5 * time.Second

// openStore opens the state directory, which it makes if it is missing, and reads
// what there is of an earlier driver.
func openStore(dir string) (*store, record, error) {
	var r record
	s := &store{dir: dir}
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		err := s.take()
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, r, err
		}
		if time.Since(began) > lockTime {
			r, _ = s.read()
			return nil, r, fmt.Errorf("the program is supervised by process %d already (another one of it needs a -state directory of its own; this is %s)", r.Agent, dir)
		}
	}
	var err error
	if r, err = s.read(); err != nil {
		s.close()
		return nil, r, err
	}
	if r.Boot != boot() || r.Space != space() {
		r = record{} // of another life
	}
	return s, r, nil
}

// take makes the directory, and takes its lock. The one before may have been about to
// take the directory away: a lock that has no name any more is nobody's.
func (s *store) take() error {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("make the state directory: %w", err)
	}
	name := filepath.Join(s.dir, lockName)
	lock, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if errors.Is(err, os.ErrNotExist) {
		return unix.EWOULDBLOCK
	}
	if err != nil {
		return fmt.Errorf("open the state directory's lock: %w", err)
	}
	if err = unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return err
		}
		return fmt.Errorf("lock the state directory: %w", err)
	}
	has, err1 := lock.Stat()
	named, err2 := os.Stat(name)
	if err1 != nil || err2 != nil || !os.SameFile(has, named) {
		lock.Close()
		return unix.EWOULDBLOCK
	}
	s.lock = lock
	return nil
}

// read reads the record. That there is none is none of an error. One that cannot be
// understood is: a program may run of which nobody knows.
func (s *store) read() (r record, err error) {
	name := filepath.Join(s.dir, recordName)
	data, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err == nil && r.Version != recordVersion {
		err = fmt.Errorf("version %d, want %d", r.Version, recordVersion)
	}
	if err != nil {
		return record{}, fmt.Errorf("read the state of an earlier run: %s: %w (if its program does not run any more, remove the file)", name, err)
	}
	return r, nil
}

// write replaces the record. It is not synced: it need not outlive the machine, for
// neither does the program.
func (s *store) write(r record) error {
	r.Version, r.Boot, r.Space, r.Agent = recordVersion, boot(), space(), os.Getpid()
	data, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	if string(data) == s.last {
		return nil
	}
	name := filepath.Join(s.dir, recordName)
	if err := os.WriteFile(name+".new", data, 0o600); err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	s.last = string(data)
	return nil
}

// clear says that nothing runs: nothing of the directory is left, if it was lifesign's
// alone.
func (s *store) clear() {
	os.Remove(filepath.Join(s.dir, recordName))
	os.Remove(filepath.Join(s.dir, recordName+".new"))
	os.Remove(filepath.Join(s.dir, lockName))
	os.Remove(s.dir)
}

func (s *store) close() { s.lock.Close() }

// process is the program that runs by the record, nil if there is none any more.
func (r record) process() *process {
	p := openProcess(r.PID, r.Start)
	if p != nil {
		p.run = r.Run
	}
	return p
}

// boot is the kernel's own name for this boot.
func boot() string {
	data, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(data))
}

// space names the PID namespace.
func space() string {
	link, _ := os.Readlink("/proc/self/ns/pid")
	return link
}

// record is what the driver leaves at this moment.
func (d *Driver) record() record {
	r := record{Argv: d.conf.Argv, Run: d.runs, Memory: d.core.Memory(), Cgroup: d.tree.dir, Group: d.tree.group, Notify: d.notes.name}
	if d.child != nil {
		r.PID, r.Start, r.Since, r.Ready, r.Halfway = d.child.pid, d.child.start, d.since, d.child.ready, d.core.Halfway()
	}
	for _, h := range d.held {
		r.Listen = append(r.Listen, h.heldRecord)
	}
	return r
}

func (d *Driver) write() error {
	if d.store == nil {
		return nil
	}
	return d.store.write(d.record())
}

// save writes the record, if it has changed. A disk that is full must not end what
// runs: it is told once, and a driver that comes after this one knows less.
func (d *Driver) save() {
	if err := d.write(); err != nil && !d.unsaved {
		d.unsaved = true
		d.conf.Say(err.Error() + ": if lifesign is killed now, the next one may not know of the program")
	}
}
