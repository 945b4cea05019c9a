package errands

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Marks are the files and directories at which the program would notice that
// somebody else opens them: it has asked the kernel to tell (inotify, fanotify), or has
// a lease on them. Even a file without a name wakes the watcher of the directory that
// it is made in: Linux 6.18 tells IN_OPEN, IN_MODIFY, IN_ACCESS and IN_CLOSE_WRITE of
// "#9995650".
type Marks struct {
	All     string   `json:",omitempty"` // why everything is to be left alone, "" if it is not
	Inodes  []byte   `json:",omitempty"` // sixteen bytes each: device, inode; little-endian, in order
	Devices []uint64 `json:",omitempty"` // whole file systems
}

// mark is a file by its device, as the kernel has it (major<<20 | minor), and inode.
type mark struct{ device, inode uint64 }

// maxMarks bounds what is sent to the helper: 24 bytes each in JSON.
const maxMarks = 1 << 15

func makeMarks(set map[mark]bool, devices map[uint64]bool) *Marks {
	m := &Marks{}
	if len(set)+len(devices) > maxMarks {
		m.All = "the program watches " + strconv.Itoa(len(set)) + " files, which is too many to go round"
		return m
	}
	list := make([]mark, 0, len(set))
	for k := range set {
		list = append(list, k)
	}
	sort.Slice(list, func(i, j int) bool {
		if list[i].inode != list[j].inode {
			return list[i].inode < list[j].inode
		}
		return list[i].device < list[j].device
	})
	for _, k := range list {
		m.Inodes = binary.LittleEndian.AppendUint64(m.Inodes, k.device)
		m.Inodes = binary.LittleEndian.AppendUint64(m.Inodes, k.inode)
	}
	for d := range devices {
		m.Devices = append(m.Devices, d)
	}
	sort.Slice(m.Devices, func(i, j int) bool { return m.Devices[i] < m.Devices[j] })
	return m
}

func (m *Marks) equal(o *Marks) bool {
	if m == nil || o == nil {
		return m == o
	}
	if m.All != o.All || !bytes.Equal(m.Inodes, o.Inodes) || len(m.Devices) != len(o.Devices) {
		return false
	}
	for i := range m.Devices {
		if m.Devices[i] != o.Devices[i] {
			return false
		}
	}
	return true
}

// has reports whether a file is marked. Where stat's device is not that of the file
// system (btrfs, overlay), any is set, and the inode alone counts: better a file too
// many that is left alone.
func (m *Marks) has(k mark, any bool) bool {
	if m == nil {
		return false
	}
	for _, d := range m.Devices {
		if d == k.device || d == everywhere || any {
			return true
		}
	}
	n := len(m.Inodes) / 16
	inode := func(i int) uint64 { return binary.LittleEndian.Uint64(m.Inodes[16*i+8:]) }
	for i := sort.Search(n, func(i int) bool { return inode(i) >= k.inode }); i < n && inode(i) == k.inode; i++ {
		if any || binary.LittleEndian.Uint64(m.Inodes[16*i:]) == k.device {
			return true
		}
	}
	return false
}

// watcher finds the marks of a process. That takes a readlink for each descriptor that
// it has, so it is done as rarely as keeps it below a two-hundredth of the time, and
// before each errand if there are few. One goroutine at a time.
type watcher struct {
	proc string // /proc, except in tests
	pid  int
	last *Marks
	due  time.Time
}

// marks returns the marks as they are now, or were a moment ago.
func (w *watcher) marks() *Marks {
	now := time.Now()
	if w.last != nil && now.Before(w.due) {
		return w.last
	}
	w.last = w.read()
	took := time.Since(now)
	w.due = time.Now().Add(200 * took)
	return w.last
}

func (w *watcher) read() *Marks {
	set, devices := map[mark]bool{}, map[uint64]bool{}
	dir := filepath.Join(w.proc, strconv.Itoa(w.pid))
	d, err := os.Open(filepath.Join(dir, "fd"))
	if err != nil {
		return &Marks{All: "what the program watches cannot be seen: " + plainError(err)}
	}
	names, err := d.Readdirnames(-1)
	d.Close()
	if err != nil {
		return &Marks{All: "what the program watches cannot be seen: " + plainError(err)}
	}
	for _, name := range names {
		link, err := os.Readlink(filepath.Join(dir, "fd", name))
		if err != nil || !strings.HasPrefix(link, "anon_inode:") || !strings.Contains(link, "notify") {
			continue
		}
		if text, err := os.ReadFile(filepath.Join(dir, "fdinfo", name)); err == nil {
			parseMarks(text, set, devices)
		}
	}
	if text, err := os.ReadFile(filepath.Join(w.proc, "locks")); err == nil {
		parseLeases(text, w.pid, set)
	}
	return makeMarks(set, devices)
}

// parseMarks adds what the fdinfo of an inotify or fanotify descriptor says it watches
// (proc_pid_fdinfo(5)):
//
//	inotify wd:2 ino:7ef82a sdev:800001 mask:800afff ignored_mask:0 fhandle-bytes:8 …
//	fanotify ino:4f969 sdev:800001 mflags:0 mask:3b ignored_mask:40000000 …
//	fanotify sdev:800001 mflags:0 mask:8 ignored_mask:0
//	fanotify mnt_id:12 mflags:0 mask:3b ignored_mask:0
//
// A whole mount is told by its number alone, which stands for all devices: nothing is
// known of it here.
func parseMarks(text []byte, set map[mark]bool, devices map[uint64]bool) {
	for _, line := range strings.Split(string(text), "\n") {
		kind, rest, _ := strings.Cut(line, " ")
		if kind != "inotify" && kind != "fanotify" {
			continue
		}
		var k mark
		var inode, device, mount bool
		for _, f := range strings.Fields(rest) {
			name, value, _ := strings.Cut(f, ":")
			n, err := strconv.ParseUint(value, 16, 64)
			if err != nil {
				continue
			}
			switch name {
			case "ino":
				k.inode, inode = n, true
			case "sdev":
				k.device, device = n, true
			case "mnt_id":
				mount = true
			}
		}
		switch {
		case inode && device:
			set[k] = true
		case device:
			devices[k.device] = true
		case mount:
			devices[everywhere] = true
		}
	}
}

// everywhere is the device that stands for all.
const everywhere = ^uint64(0)

// parseLeases adds the files that a process has a lease on, from /proc/locks
// (proc_locks(5)). To open such a file, for reading too, breaks a lease for writing:
//
//	3: LEASE  ACTIVE    WRITE 4711 08:01:1234 0 EOF
func parseLeases(text []byte, pid int, set map[mark]bool) {
	for _, line := range strings.Split(string(text), "\n") {
		f := strings.Fields(line)
		if len(f) < 6 || f[1] != "LEASE" || f[4] != strconv.Itoa(pid) {
			continue
		}
		at := strings.Split(f[5], ":")
		if len(at) != 3 {
			continue
		}
		major, err1 := strconv.ParseUint(at[0], 16, 12)
		minor, err2 := strconv.ParseUint(at[1], 16, 20)
		inode, err3 := strconv.ParseUint(at[2], 10, 64)
		if err1 == nil && err2 == nil && err3 == nil {
			set[mark{major<<20 | minor, inode}] = true
		}
	}
}
