package errands

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
)

// identity is what the kernel goes by when it permits a process something.
type identity struct {
	UID, GID uint32 // those for files (the fourth of each in status), which are the effective ones nearly always
	Groups   []int
	Caps     uint64 // permitted
}

// place is where a program is, as far as files and connections are concerned.
type place struct {
	identity
	mounts, network string // namespaces, as their links say
	root            string // directory, as a path from one's own
}

// placeOf looks at a process. Nothing here waits for a disk.
func placeOf(proc string, pid int) (p place, err error) {
	dir := filepath.Join(proc, strconv.Itoa(pid))
	if pid == selfPID {
		dir = filepath.Join(proc, "self")
	}
	text, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return p, err
	}
	if p.identity, err = parseIdentity(string(text)); err != nil {
		return p, fmt.Errorf("read status of process %d: %w", pid, err)
	}
	if p.mounts, err = os.Readlink(filepath.Join(dir, "ns", "mnt")); err != nil {
		return p, err
	}
	if p.network, err = os.Readlink(filepath.Join(dir, "ns", "net")); err != nil {
		return p, err
	}
	p.root, err = os.Readlink(filepath.Join(dir, "root"))
	return p, err
}

func (p place) equal(q place) bool { return reflect.DeepEqual(p, q) }

// setup says what a process that is at mine has to do to be at p. The control groups
// are left to the agent.
func (p place) setup(mine place, pid, threads int) setup {
	s := setup{Agent: os.Getpid(), PID: pid, As: p.identity, Threads: threads}
	s.Mounts = p.mounts != mine.mounts
	s.Network = p.network != mine.network
	s.Root = s.Mounts || p.root != mine.root
	s.Become = !reflect.DeepEqual(p.identity, mine.identity)
	return s
}

var errStatus = errors.New("no credentials in it")

// parseIdentity reads the credentials in /proc/PID/status (proc_pid_status(5)).
func parseIdentity(text string) (id identity, err error) {
	found := 0
	for _, line := range strings.Split(text, "\n") {
		name, value, _ := strings.Cut(line, ":")
		f := strings.Fields(value)
		switch name {
		case "Uid", "Gid":
			if len(f) != 4 {
				return identity{}, errStatus
			}
			n, err := strconv.ParseUint(f[3], 10, 32)
			if err != nil {
				return identity{}, errStatus
			}
			if name == "Uid" {
				id.UID = uint32(n)
			} else {
				id.GID = uint32(n)
			}
			found++
		case "Groups":
			for _, g := range f {
				n, err := strconv.ParseUint(g, 10, 32)
				if err != nil {
					return identity{}, errStatus
				}
				id.Groups = append(id.Groups, int(n))
			}
		case "CapPrm":
			if len(f) != 1 {
				return identity{}, errStatus
			}
			if id.Caps, err = strconv.ParseUint(f[0], 16, 64); err != nil {
				return identity{}, errStatus
			}
			found++
		}
	}
	if found != 3 {
		return identity{}, errStatus
	}
	return id, nil
}

// plainError is an error without the names of system calls and of files below /proc.
func plainError(err error) string {
	var e *fs.PathError
	if errors.As(err, &e) {
		return e.Err.Error()
	}
	return err.Error()
}
