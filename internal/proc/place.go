package proc

import (
	"fmt"
	"path/filepath"
	"strings"
)

// GroupDirs returns the directories of the control groups that the process is in,
// one a hierarchy, of hierarchies that limit or count something. It may hang, as the
// kernel takes the lock of all control groups for it before Linux 6.7.
func (k Kernel) GroupDirs() (dirs []string) {
	for _, g := range k.groups() {
		if len(g.controllers) == 0 || strings.HasPrefix(g.controllers[0], "name=") {
			continue
		}
		if dir := k.dir(g, g.controllers[0]); dir != "" {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// Mounts is what is mounted where a process is, as it was when it was read.
type Mounts struct {
	list []mount
	k    Kernel
}

// Mounts reads what is mounted where the process is. It may hang while something is
// being mounted.
func (k Kernel) Mounts() (Mounts, error) {
	list, err := k.mounts()
	return Mounts{list, k}, err
}

// At names what an absolute path is on, by the path's text alone: "8:1" for a block
// device, "fuse 52 (hungfs)" for a FUSE connection and its source, "tmpfs 0:23
// (tmpfs)" for what has no device. "" if it is on nothing.
func (m Mounts) At(path string) string {
	on, err := longest(m.list, filepath.Clean(path))
	if err != nil {
		return ""
	}
	return m.k.called(on)
}

// Number does the same by the number of the file system, as stat(2) gives it, "" if
// there is none of that number here.
func (m Mounts) Number(major, minor uint32) string {
	for _, on := range m.list {
		if on.major == major && on.minor == minor {
			return m.k.called(on)
		}
	}
	return ""
}

func (k Kernel) called(m mount) string {
	if m.fuse() {
		return fmt.Sprintf("fuse %s (%s)", m.connection(), m.source)
	}
	if number := k.device(m); number != "" {
		return number
	}
	return fmt.Sprintf("%s %d:%d (%s)", m.kind, m.major, m.minor, m.source)
}
