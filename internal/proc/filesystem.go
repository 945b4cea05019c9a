package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lifesign-go/lifesign/event"
)

// onMount is for a call on a file of a file system.
func (q *inquiry) onMount(m mount, r *event.Resource) error {
	if q.freezes() {
		r.Kind, r.Name = event.OnFrozen, "the file system at "+m.point
		return nil
	}
	return q.count(m, r)
}

// freezes reports whether the thread waits for its file system to be thawed.
// Whoever is to change something takes a lock before (sb_start_write and its
// like), which freezing holds.
func (q *inquiry) freezes() bool {
	for _, f := range append([]string{q.th.Wchan}, q.th.Stack...) {
		if f == "percpu_rwsem_wait" || f == "__percpu_down_read" || strings.HasPrefix(f, "__sb_start_") || strings.HasPrefix(f, "sb_start_") {
			return true
		}
	}
	return false
}

// cwd is AT_FDCWD.
const cwd = -100

// mountOf returns the mount that the process's descriptor fd is on.
func (k Kernel) mountOf(fd int) (mount, error) {
	info, err := k.info(k.PID, fd)
	if err != nil {
		return mount{}, err
	}
	if info.mount < 0 {
		return mount{}, fmt.Errorf("descriptor %d: no mount in what the kernel says of it", fd)
	}
	mounts, err := k.mounts()
	if err != nil {
		return mount{}, err
	}
	for _, m := range mounts {
		if m.id == info.mount {
			return m, nil
		}
	}
	return mount{}, errNoMount
}

// onPath is for a call on a path.
func (q *inquiry) onPath(dir int, addr uint64, r *event.Resource) error {
	name, err := q.text(addr)
	if err != nil {
		return err
	}
	q.th.What = fmt.Sprintf("%s(%s)", q.call.name, printable(name))
	m, err := q.mountAt(dir, name)
	if err != nil {
		return err
	}
	return q.onMount(m, r)
}

// printable is a path as it can be shown.
func printable(name string) string {
	if quoted := strconv.Quote(name); len(quoted) != len(name)+2 {
		return quoted
	}
	return name
}

// mountAt returns the mount that a path leads to, by its text alone: looking it
// up may hang. A symbolic link to another file system is therefore not seen.
func (k Kernel) mountAt(dir int, name string) (mount, error) {
	if !filepath.IsAbs(name) {
		if dir != cwd {
			return k.mountOf(dir)
		}
		from, err := os.Readlink(k.path("cwd"))
		if err != nil {
			return mount{}, err
		}
		name = filepath.Join(from, name)
	}
	mounts, err := k.mounts()
	if err != nil {
		return mount{}, err
	}
	return longest(mounts, filepath.Clean(name))
}

// maxPath is PATH_MAX.
const maxPath = 4096

// text reads a string that ends with a zero byte, without reading into a page
// that need not be there.
func (k Kernel) text(addr uint64) (string, error) {
	if k.Read == nil {
		return "", errors.New("the path that the call was given is not known")
	}
	var text []byte
	for len(text) < maxPath {
		buf := make([]byte, 256-addr%256)
		if err := k.Read(addr, buf); err != nil {
			return "", err
		}
		if i := bytes.IndexByte(buf, 0); i >= 0 {
			return string(append(text, buf[:i]...)), nil
		}
		text = append(text, buf...)
		addr += uint64(len(buf))
	}
	return "", errors.New("the call was given a path without an end")
}

// count reads what the kernel counts of the file system of m.
func (q *inquiry) count(m mount, r *event.Resource) error {
	r.Name = m.name()
	switch {
	case m.fuse():
		r.Kind = event.OnFUSE
		return q.countFUSE(m, q.th.Wchan, r)
	case m.nfs():
		r.Kind = event.OnNFS
		return q.countNFS(m, q.th.Wchan, r)
	case m.upper != "":
		if u, err := q.under(m); err == nil {
			return q.count(u, r)
		}
	}
	number := q.device(m)
	if number == "" {
		return errNotCounted
	}
	return q.onDevice(number, r)
}

// onDevice is for a call that waits for a block device.
func (q *inquiry) onDevice(number string, r *event.Resource) error {
	r.Kind, r.Name = event.OnDevice, q.deviceName(number)
	r.Throttled, r.Moved = q.throttle(number)
	return q.countDevice(number, r)
}

// node returns the number of the block device that a name in /dev stands for, ""
// if it stands for none. It goes by the kernel's own names: to ask the file might
// hang.
func (k Kernel) node(link string) string {
	name := strings.TrimPrefix(link, "/dev/")
	if name == link || name != filepath.Base(name) {
		return ""
	}
	b, err := os.ReadFile(filepath.Join(k.Sys, "class", "block", name, "dev"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// device returns the number of the block device that m is on, "" if it is on
// none.
func (k Kernel) device(m mount) string {
	switch {
	case m.major != 0:
		return fmt.Sprintf("%d:%d", m.major, m.minor)
	case !strings.HasPrefix(m.source, "/dev/"):
		return ""
	}
	// Some file systems, btrfs for one, have a number of their own.
	b, err := os.ReadFile(filepath.Join(k.Sys, "class", "block", filepath.Base(m.source), "dev"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// deviceName names a block device, and the file that a loop device is made of.
func (k Kernel) deviceName(number string) string {
	dir := filepath.Join(k.Sys, "dev", "block", number)
	name := "block device " + number
	b, err := os.ReadFile(filepath.Join(dir, "uevent"))
	if err != nil {
		return name
	}
	for _, line := range strings.Split(string(b), "\n") {
		if dev := strings.TrimPrefix(line, "DEVNAME="); dev != line {
			name += " (" + dev
			if file, err := os.ReadFile(filepath.Join(dir, "loop", "backing_file")); err == nil {
				name += ", which is the file " + strings.TrimSpace(string(file))
			}
			return name + ")"
		}
	}
	return name
}

// countFUSE reads how many requests a FUSE server has not answered. The kernel
// does not count those that it has. Where the control file system is not
// mounted, as in containers, a thread that sleeps in the wait for an answer
// shows that there is one request: its own.
func (k Kernel) countFUSE(m mount, wchan string, r *event.Resource) error {
	dir := filepath.Join(k.Sys, "fs", "fuse", "connections")
	waiting, err := count(filepath.Join(dir, m.connection(), "waiting"))
	switch {
	case errors.Is(err, fs.ErrNotExist) && wchan == "request_wait_answer":
		waiting = 1
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("nothing of it is in %s (mount -t fusectl fusectl %s)", dir, dir)
	case err != nil:
		return err
	}
	r.InFlight = waiting
	return nil
}

// countNFS reads how many calls a server has answered, and how many it has not.
// A call that could not even be sent is in flight, too: its thread waits for it.
func (k Kernel) countNFS(m mount, wchan string, r *event.Resource) error {
	b, err := os.ReadFile(k.path("mountstats"))
	if err != nil {
		return err
	}
	sent, answered, ok := parseMountstats(b, m.point)
	if !ok {
		return errNotCounted
	}
	r.Completed = answered
	if sent > answered {
		r.InFlight = sent - answered
	} else if strings.HasPrefix(wchan, "rpc_wait") {
		r.InFlight = 1
	}
	return nil
}

// parseMountstats adds up the calls sent and answered over the connections of
// the file system that is mounted last at point:
//
//	device srv:/x mounted on /mnt with fstype nfs4 statvers=1.1
//		xprt:	tcp 875 1 2 0 0 11 10 …
//
// After the protocol come port, binds, connects, two times, calls sent and
// calls answered (net/sunrpc/xprtsock.c, xs_tcp_print_stats).
func parseMountstats(b []byte, point string) (sent, answered uint64, ok bool) {
	inside := false
	for _, line := range strings.Split(string(b), "\n") {
		f := strings.Fields(line)
		switch {
		case len(f) > 4 && f[0] == "device" && f[2] == "mounted" && f[3] == "on":
			if inside = unescape(f[4]) == point; inside {
				sent, answered, ok = 0, 0, false
			}
		case inside && len(f) > 8 && f[0] == "xprt:" && (f[1] == "tcp" || f[1] == "rdma"):
			s, err1 := strconv.ParseUint(f[7], 10, 62)
			a, err2 := strconv.ParseUint(f[8], 10, 62)
			if err1 == nil && err2 == nil {
				sent, answered, ok = sent+s, answered+a, true
			}
		}
	}
	return sent, answered, ok
}

// countDevice reads a block device's counters. A partition's flushes are
// counted at its disk alone.
func (k Kernel) countDevice(number string, r *event.Resource) error {
	dir := filepath.Join(k.Sys, "dev", "block", number)
	b, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return err
	}
	s, err := parseBlockStat(b)
	if err != nil {
		return err
	}
	r.InFlight, r.Completed = s.inFlight, s.completed+s.flushes
	if b, err := os.ReadFile(filepath.Join(dir, "inflight")); err == nil {
		if n, err := parseInflight(b); err == nil {
			r.InFlight = n
		}
	}
	disk := k.disk(number)
	if disk == "" {
		return nil
	}
	if b, err := os.ReadFile(filepath.Join(k.Sys, "dev", "block", disk, "stat")); err == nil {
		if s, err := parseBlockStat(b); err == nil {
			r.Completed += s.flushes
		}
	}
	return nil
}

// blockStat is what counts in /sys/dev/block/MAJ:MIN/stat (Documentation/block/stat.rst).
type blockStat struct{ inFlight, completed, flushes uint64 }

func parseBlockStat(b []byte) (blockStat, error) {
	const reads, writes, inFlight, discards, flushes = 0, 4, 8, 11, 15
	f := strings.Fields(string(b))
	if len(f) < inFlight+1 {
		return blockStat{}, fmt.Errorf("block device: %d figures in its stat", len(f))
	}
	n := make([]uint64, flushes+1) // discards came with Linux 4.18, flushes with 5.5
	for i := 0; i < len(f) && i < len(n); i++ {
		var err error
		if n[i], err = strconv.ParseUint(f[i], 10, 64); err != nil {
			return blockStat{}, fmt.Errorf("block device: its stat: %w", err)
		}
	}
	return blockStat{n[inFlight], n[reads] + n[writes] + n[discards], n[flushes]}, nil
}

// parseInflight adds up reads and writes.
func parseInflight(b []byte) (uint64, error) {
	f := strings.Fields(string(b))
	if len(f) != 2 {
		return 0, fmt.Errorf("block device: %d figures in its inflight, not 2", len(f))
	}
	sum := uint64(0)
	for _, s := range f {
		n, err := strconv.ParseUint(s, 10, 63)
		if err != nil {
			return 0, fmt.Errorf("block device: its inflight: %w", err)
		}
		sum += n
	}
	return sum, nil
}
