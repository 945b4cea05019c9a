package proc

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// mount is a line of /proc/PID/mountinfo (proc_pid_mountinfo(5)).
type mount struct {
	id           int
	major, minor uint32
	point        string
	kind         string // type of the file system
	source       string
	upper        string // of an overlay: the directory that is written to, where it was mounted
}

func (m mount) fuse() bool {
	return m.kind == "fuse" || m.kind == "fuseblk" || m.kind == "virtiofs" || strings.HasPrefix(m.kind, "fuse.")
}

func (m mount) nfs() bool { return m.kind == "nfs" || m.kind == "nfs4" }

// connection is the number of a FUSE connection: the kernel's own form of the
// file system's device number.
func (m mount) connection() string {
	return strconv.FormatUint(uint64(m.major)<<20|uint64(m.minor), 10)
}

// name says what there is to be counted for a system call on m.
func (m mount) name() string {
	switch {
	case m.fuse():
		return fmt.Sprintf("FUSE connection %s at %s", m.connection(), m.point)
	case m.nfs():
		return fmt.Sprintf("the NFS file system at %s from %s", m.point, m.source)
	}
	return fmt.Sprintf("the %s file system at %s", m.kind, m.point)
}

// mounts returns what is mounted where the process is, in the order in which it
// was mounted.
func (k Kernel) mounts() ([]mount, error) { return readMounts(k.path("mountinfo")) }

// under returns the file system that an overlay writes to. Its path is one of where
// the overlay was mounted, mostly outside of the container that sees it: it is
// looked up, by its text, among lifesign's own mounts.
func (k Kernel) under(m mount) (mount, error) {
	mounts, err := readMounts(filepath.Join(k.Proc, "self", "mountinfo"))
	if err != nil {
		return mount{}, err
	}
	u, err := longest(mounts, filepath.Clean(m.upper))
	if err == nil && u.upper != "" {
		return mount{}, errNotCounted // lifesign is in the container itself
	}
	return u, err
}

func readMounts(file string) ([]mount, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var list []mount
	for _, line := range strings.Split(string(b), "\n") {
		if m, ok := parseMount(line); ok {
			list = append(list, m)
		}
	}
	return list, nil
}

// parseMount parses
//
//	36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
func parseMount(line string) (m mount, ok bool) {
	before, after, ok := strings.Cut(line, " - ")
	if !ok {
		return m, false
	}
	f, g := strings.Fields(before), strings.Fields(after)
	if len(f) < 5 || len(g) < 2 {
		return m, false
	}
	id, err := strconv.Atoi(f[0])
	if err != nil {
		return m, false
	}
	major, minor, ok := parseNumber(f[2])
	if !ok {
		return m, false
	}
	m = mount{id: id, major: major, minor: minor, point: unescape(f[4]), kind: g[0], source: unescape(g[1])}
	if m.kind == "overlay" && len(g) > 2 {
		for _, option := range strings.Split(g[2], ",") {
			if dir := strings.TrimPrefix(option, "upperdir="); dir != option {
				m.upper = unescape(dir)
			}
		}
	}
	return m, true
}

// parseNumber parses a device's number, 98:0.
func parseNumber(s string) (major, minor uint32, ok bool) {
	before, after, ok := strings.Cut(s, ":")
	a, err1 := strconv.ParseUint(before, 10, 12)
	b, err2 := strconv.ParseUint(after, 10, 20)
	return uint32(a), uint32(b), ok && err1 == nil && err2 == nil
}

// unescape undoes the kernel's escapes: a backslash and three octal digits.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// longest returns the mount that an absolute path is below. Of two at the same
// point the later one hides the earlier.
func longest(mounts []mount, path string) (mount, error) {
	best, found := mount{}, false
	for _, m := range mounts {
		if below(path, m.point) && (!found || len(m.point) >= len(best.point)) {
			best, found = m, true
		}
	}
	if !found {
		return mount{}, errNoMount
	}
	return best, nil
}

func below(path, point string) bool {
	return point == "/" || path == point || strings.HasPrefix(path, point+"/")
}
