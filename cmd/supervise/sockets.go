package supervise

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// heldRecord names a socket to the next driver.
type heldRecord struct {
	Spec  string `json:"spec"`
	Inode uint64 `json:"inode"`
}

// held is a socket that is held for the program. It is open from before the first
// start to the end, so that nobody is refused who comes while there is no program:
// they wait in the kernel's queue.
type held struct {
	heldRecord
	file *os.File
}

// name is the socket's for LISTEN_FDNAMES: colons divide names there.
func (h held) name() string { return strings.ReplaceAll(h.Spec, ":", "-") }

// openHeld opens the sockets, or gets those that an earlier driver has opened from the
// processes that have them.
func openHeld(specs []string, old []heldRecord, child *process, others []int) (list []held, err error) {
	for _, spec := range specs {
		h := held{heldRecord: heldRecord{Spec: spec}}
		for _, o := range old {
			if o.Spec == spec {
				h.Inode, h.file = o.Inode, recover1(o.Inode, child, others)
			}
		}
		if h.file == nil {
			if h.file, err = listen(spec); err != nil {
				break
			}
			if h.Inode, err = inode(h.file); err != nil {
				break
			}
		}
		list = append(list, h)
	}
	if err != nil {
		for _, h := range list {
			h.file.Close()
		}
		return nil, err
	}
	return list, nil
}

// listen opens a socket, in the mode in which systemd hands it over: blocking.
func listen(spec string) (*os.File, error) {
	network, address, ok := strings.Cut(spec, ":")
	if !ok {
		return nil, fmt.Errorf("-listen %s: want tcp:ADDRESS, udp:ADDRESS or unix:PATH", spec)
	}
	var f *os.File
	switch network {
	case "tcp", "tcp4", "tcp6", "unix":
		if network == "unix" {
			stale(address)
		}
		l, err := new(net.ListenConfig).Listen(context.Background(), network, address)
		if err != nil {
			return nil, fmt.Errorf("-listen %s: %w", spec, err)
		}
		defer l.Close()
		if u, ok := l.(*net.UnixListener); ok {
			u.SetUnlinkOnClose(false)
		}
		if f, err = l.(interface{ File() (*os.File, error) }).File(); err != nil {
			return nil, fmt.Errorf("-listen %s: %w", spec, err)
		}
	case "udp", "udp4", "udp6":
		c, err := new(net.ListenConfig).ListenPacket(context.Background(), network, address)
		if err != nil {
			return nil, fmt.Errorf("-listen %s: %w", spec, err)
		}
		defer c.Close()
		if f, err = c.(*net.UDPConn).File(); err != nil {
			return nil, fmt.Errorf("-listen %s: %w", spec, err)
		}
	default:
		return nil, fmt.Errorf("-listen %s: there is no %q (want tcp, udp or unix)", spec, network)
	}
	if err := unix.SetNonblock(int(f.Fd()), false); err != nil {
		f.Close()
		return nil, fmt.Errorf("-listen %s: %w", spec, err)
	}
	return f, nil
}

// stale takes away a socket in the file system that nobody listens on.
func stale(path string) {
	c, err := net.Dial("unix", path)
	if err == nil {
		c.Close()
	} else if errors.Is(err, unix.ECONNREFUSED) {
		os.Remove(path)
	}
}

func inode(f *os.File) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return 0, fmt.Errorf("stat a socket: %w", err)
	}
	return st.Ino, nil
}

// recover1 gets a socket from a process that has it, nil if none has.
func recover1(ino uint64, child *process, others []int) *os.File {
	if child != nil {
		if f := fromProcess(child.pid, child.fd, ino); f != nil {
			return f
		}
	}
	for _, pid := range others {
		if fd, err := unix.PidfdOpen(pid, 0); err == nil {
			f := fromProcess(pid, fd, ino)
			unix.Close(fd)
			if f != nil {
				return f
			}
		}
	}
	return nil
}

func fromProcess(pid, pidfd int, ino uint64) *os.File {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	want := fmt.Sprintf("socket:[%d]", ino)
	for _, e := range list {
		if link, err := os.Readlink(filepath.Join(dir, e.Name())); err != nil || link != want {
			continue
		}
		n, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		fd, err := unix.PidfdGetfd(pidfd, n, 0)
		if err != nil {
			continue
		}
		f := os.NewFile(uintptr(fd), want)
		if got, err := inode(f); err == nil && got == ino {
			return f
		}
		f.Close()
	}
	return nil
}
