package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// cgroup makes a cgroup with a controller of version 1, or one of version 2 if
// the controller is "", below the one that the harness is in.
func cgroup(s *stage, controller string) (dir string, err error) {
	root, err := cgroupRoot(controller)
	if err != nil {
		return "", err
	}
	own, err := ownCgroup(controller)
	if err != nil {
		return "", err
	}
	dir = filepath.Join(root, own, filepath.Base(s.dir)+"."+controller)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", fmt.Errorf("make a cgroup: %w", err)
	}
	return dir, s.keeper.note("cgroup", dir)
}

// errNotHere says that a machine has not what a case takes.
var errNotHere = errors.New("not here")

// cgroupRoot finds where a controller's hierarchy is mounted.
func cgroupRoot(controller string) (string, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(data)) {
		before, after, _ := strings.Cut(line, " - ")
		mount, super := strings.Fields(before), strings.Fields(after)
		if len(mount) < 5 || len(super) < 3 {
			continue
		}
		if controller == "" && super[0] == "cgroup2" ||
			controller != "" && super[0] == "cgroup" && listed(super[2], controller) {
			return mount[4], nil
		}
	}
	if controller == "" {
		controller = "version 2"
	}
	return "", fmt.Errorf("%w: no hierarchy of cgroups with %s is mounted", errNotHere, controller)
}

// ownCgroup returns the path of the cgroup that this process is in.
func ownCgroup(controller string) (string, error) {
	data, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(data)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) == 3 && (controller == "" && parts[0] == "0" || controller != "" && listed(parts[1], controller)) {
			return parts[2], nil
		}
	}
	return "", fmt.Errorf("this process is in no cgroup with %q", controller)
}

func listed(list, name string) bool {
	for part := range strings.SplitSeq(list, ",") {
		if part == name {
			return true
		}
	}
	return false
}

// join puts a process into a cgroup.
func join(dir string, pid int) error { return set(dir, "cgroup.procs", strconv.Itoa(pid)) }

// set writes one of a cgroup's files.
func set(dir, file, value string) error {
	if err := os.WriteFile(filepath.Join(dir, file), []byte(value), 0); err != nil {
		return fmt.Errorf("set %s of the cgroup to %q: %w", file, value, err)
	}
	return nil
}

// thawCgroup thaws what may be frozen, and takes limits away: a process under one
// may need long to end. A cgroup has one of the files, or none.
func thawCgroup(dir string) {
	_ = set(dir, "freezer.state", "THAWED")
	_ = set(dir, "cgroup.freeze", "0")
	for file, none := range map[string]string{"blkio.throttle.write_bps_device": "0", "io.max": "wbps=max"} {
		limits, _ := os.ReadFile(filepath.Join(dir, file))
		for line := range strings.Lines(string(limits)) {
			device, _, _ := strings.Cut(line, " ")
			_ = set(dir, file, device+" "+none)
		}
	}
}

// throttle limits the writes of a process to a device, to bytes a second.
func throttle(s *stage, pid int, device string, bytes int) error {
	n, err := number(device)
	if err != nil {
		return err
	}
	if _, err := cgroupRoot("blkio"); err == nil {
		dir, err := cgroup(s, "blkio")
		if err != nil {
			return err
		}
		if err := set(dir, "blkio.throttle.write_bps_device", fmt.Sprintf("%s %d", n, bytes)); err != nil {
			return err
		}
		return join(dir, pid)
	}
	dir, err := withController(s, "io")
	if err != nil {
		return err
	}
	if err := set(dir, "io.max", fmt.Sprintf("%s wbps=%d", n, bytes)); err != nil {
		return err
	}
	return join(dir, pid)
}

// confine limits the memory of the process that joins the cgroup that it makes.
func confine(s *stage, bytes int) (dir string, err error) {
	if _, err := cgroupRoot("memory"); err == nil {
		if dir, err = cgroup(s, "memory"); err != nil {
			return "", err
		}
		return dir, set(dir, "memory.limit_in_bytes", strconv.Itoa(bytes))
	}
	if dir, err = withController(s, "memory"); err != nil {
		return "", err
	}
	return dir, set(dir, "memory.max", strconv.Itoa(bytes))
}

// withController makes a cgroup of version 2 that has a controller, at the root:
// one that has processes cannot hand controllers on.
func withController(s *stage, controller string) (string, error) {
	root, err := cgroupRoot("")
	if err != nil {
		return "", err
	}
	if err := set(root, "cgroup.subtree_control", "+"+controller); err != nil {
		return "", err
	}
	dir := filepath.Join(root, filepath.Base(s.dir)+"."+controller)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", fmt.Errorf("make a cgroup: %w", err)
	}
	return dir, s.keeper.note("cgroup", dir)
}
