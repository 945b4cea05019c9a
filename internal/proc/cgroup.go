package proc

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// group is a line of /proc/PID/cgroup: where in a hierarchy of control groups
// the process is.
type group struct {
	unified     bool // version 2
	controllers []string
	path        string
}

// groups returns the process's control groups. The kernel takes the lock of all
// control groups for it, which may be held for long before Linux 6.7.
func (k Kernel) groups() []group {
	b, err := os.ReadFile(k.path("cgroup"))
	if err != nil {
		return nil
	}
	var list []group
	for _, line := range strings.Split(string(b), "\n") {
		f := strings.SplitN(line, ":", 3)
		if len(f) == 3 {
			list = append(list, group{f[0] == "0", strings.Split(f[1], ","), f[2]})
		}
	}
	return list
}

// dir returns where a group's files are, "" if it has none of a controller.
// Version 2 is mounted alone, or beside version 1 in a hybrid hierarchy; of
// version 1 each controller has a directory, or some have one together and a
// link each.
func (k Kernel) dir(g group, controller string) string {
	root := filepath.Join(k.Sys, "fs", "cgroup")
	places := []string{root, filepath.Join(root, "unified")}
	if !g.unified {
		if !contains(g.controllers, controller) {
			return ""
		}
		places = []string{filepath.Join(root, controller), filepath.Join(root, strings.Join(g.controllers, ","))}
	}
	for _, p := range places {
		dir := filepath.Join(p, g.path)
		if _, err := os.Lstat(dir); err == nil {
			return dir
		}
	}
	return ""
}

// limit is a bound on the I/O of a device, by a control group.
type limit struct {
	what string // "bytes read", "reads", …
	most uint64 // a second
}

// throttle returns the limits that the process's control groups set to a
// device, for people; "" if there are none. A partition's are those of its
// disk. Also what is counted of the group on that device: it grows while the
// limit lets something through.
func (q *inquiry) throttle(number string) (limits string, served uint64) {
	numbers := []string{number}
	if disk := q.disk(number); disk != "" {
		numbers = append(numbers, disk)
	}
	var found []string
	for _, g := range q.groups() {
		dir := q.dir(g, "blkio")
		if dir == "" {
			continue
		}
		for _, n := range numbers {
			list := limits1(dir, n)
			if g.unified {
				list = q.limitsOf(dir, n)
			}
			for _, l := range list {
				if q.concerns(l.what) {
					found = append(found, strconv.FormatUint(l.most, 10)+" "+l.what)
				}
			}
			served += serviced(dir, n, g.unified)
		}
	}
	if len(found) == 0 {
		return "", 0
	}
	return "its control group may have " + strings.Join(found, " and ") + " a second", served
}

// concerns reports whether a limit is one of what the thread's call does.
func (q *inquiry) concerns(what string) bool {
	switch {
	case q.th.Fault:
		return true
	case reads[q.call.name]:
		return strings.Contains(what, "read")
	}
	return strings.Contains(what, "writ")
}

// disk returns the number of the disk that a partition is of, "" for what is no
// partition.
func (k Kernel) disk(number string) string {
	dir := filepath.Join(k.Sys, "dev", "block", number)
	if _, err := os.ReadFile(filepath.Join(dir, "partition")); err != nil {
		return ""
	}
	real, err := filepath.EvalSymlinks(dir) // within /sys
	if err != nil {
		return ""
	}
	b, err := os.ReadFile(filepath.Join(filepath.Dir(real), "dev"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// limits1 reads the limits of a group of version 1, lines of "8:0 1048576"
// (Documentation/admin-guide/cgroup-v1/blkio-controller.rst).
func limits1(dir, number string) (list []limit) {
	for _, l := range []struct{ file, what string }{
		{"read_bps", "bytes read"}, {"write_bps", "bytes written"}, {"read_iops", "reads"}, {"write_iops", "writes"},
	} {
		b, err := os.ReadFile(filepath.Join(dir, "blkio.throttle."+l.file+"_device"))
		if err != nil {
			continue
		}
		for _, line := range strings.Split(string(b), "\n") {
			f := strings.Fields(line)
			if len(f) != 2 || f[0] != number {
				continue
			}
			if n, err := strconv.ParseUint(f[1], 10, 64); err == nil {
				list = append(list, limit{l.what, n})
			}
		}
	}
	return list
}

// limitsOf reads the limits of a group of version 2 and of those above it, which
// hold for it too.
func (k Kernel) limitsOf(dir, number string) (list []limit) {
	root := filepath.Join(k.Sys, "fs", "cgroup")
	for ; len(dir) > len(root); dir = filepath.Dir(dir) {
		if b, err := os.ReadFile(filepath.Join(dir, "io.max")); err == nil {
			list = append(list, parseIOMax(string(b), number)...)
		}
	}
	return list
}

// parseIOMax parses io.max (Documentation/admin-guide/cgroup-v2.rst):
//
//	8:16 rbps=2097152 wbps=max riops=max wiops=120
func parseIOMax(text, number string) (list []limit) {
	what := map[string]string{"rbps": "bytes read", "wbps": "bytes written", "riops": "reads", "wiops": "writes"}
	for _, line := range strings.Split(text, "\n") {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] != number {
			continue
		}
		for _, pair := range f[1:] {
			i := strings.IndexByte(pair, '=')
			if i < 0 || what[pair[:i]] == "" {
				continue
			}
			if n, err := strconv.ParseUint(pair[i+1:], 10, 64); err == nil {
				list = append(list, limit{what[pair[:i]], n})
			}
		}
	}
	return list
}

// serviced returns how many requests of a group the throttle has let through to
// a device: lines of "8:0 Total 12" in version 1, of
// "8:16 rbytes=… wbytes=… rios=192 wios=353 …" in version 2.
func serviced(dir, number string, unified bool) (n uint64) {
	name := "blkio.throttle.io_serviced"
	if unified {
		name = "io.stat"
	}
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return 0
	}
	for _, line := range strings.Split(string(b), "\n") {
		f := strings.Fields(line)
		if len(f) < 3 || f[0] != number {
			continue
		}
		if !unified && f[1] == "Total" {
			total, _ := strconv.ParseUint(f[2], 10, 64)
			n += total
		}
		for _, pair := range f[1:] {
			if v := strings.TrimPrefix(strings.TrimPrefix(pair, "rios="), "wios="); unified && v != pair {
				ios, _ := strconv.ParseUint(v, 10, 64)
				n += ios
			}
		}
	}
	return n
}

// limitedGroups returns the directories of those of the groups, and of the ones
// above them, that have a CPU quota. The others' cpu.stat is not read: in version 2
// the kernel adds up for it what all processors have counted.
func (k Kernel) limitedGroups(groups []group) (limitedDirs []string) {
	root := filepath.Join(k.Sys, "fs", "cgroup")
	for _, g := range groups {
		for dir := k.dir(g, "cpu"); len(dir) > len(root); dir = filepath.Dir(dir) {
			if limited(dir, g.unified) {
				limitedDirs = append(limitedDirs, dir)
			}
		}
	}
	return limitedDirs
}

// limited reports whether a group has a CPU quota.
func limited(dir string, unified bool) bool {
	name, none := "cpu.cfs_quota_us", "-1"
	if unified {
		name, none = "cpu.max", "max"
	}
	b, err := os.ReadFile(filepath.Join(dir, name))
	return err == nil && !strings.HasPrefix(string(b), none)
}

func parseThrottled(text string) (n uint64) {
	for _, line := range strings.Split(text, "\n") {
		if f := strings.Fields(line); len(f) == 2 && f[0] == "nr_throttled" {
			n, _ = strconv.ParseUint(f[1], 10, 64)
		}
	}
	return n
}
