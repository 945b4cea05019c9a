package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// traffic is what a process did to files, as /proc/PID/io counts it.
type traffic struct {
	reads, writes   int64 // system calls
	read, wrote     int64 // bytes, page cache or not, pipes too
	fetched, stored int64 // bytes of block devices
}

func (t traffic) since(u traffic) traffic {
	return traffic{t.reads - u.reads, t.writes - u.writes, t.read - u.read, t.wrote - u.wrote, t.fetched - u.fetched, t.stored - u.stored}
}

// trafficOf is nothing for a process that is no more, or none.
func trafficOf(pid int) (t traffic) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return t
	}
	fields := map[string]*int64{
		"syscr": &t.reads, "syscw": &t.writes, "rchar": &t.read, "wchar": &t.wrote, "read_bytes": &t.fetched, "write_bytes": &t.stored,
	}
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if p := fields[name]; p != nil {
			*p, _ = strconv.ParseInt(value, 10, 64)
		}
	}
	return t
}

// helperOf returns the child of a process that is lifesign's helper, 0 if there is
// none.
func helperOf(agent int) int {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", agent))
	for _, list := range lists {
		data, _ := os.ReadFile(list)
		for _, child := range strings.Fields(string(data)) {
			line, _ := os.ReadFile("/proc/" + child + "/cmdline")
			if strings.HasPrefix(string(line), "lifesign\x00helper") {
				pid, _ := strconv.Atoi(child)
				return pid
			}
		}
	}
	return 0
}
