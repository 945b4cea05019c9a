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

// Node tells what the kernel counts of the whole machine. What this kernel does
// not count is in Err: oopses are counted since Linux 6.2, hung tasks since
// 6.13, and pressure since 4.20 where it is switched on.
func (k Kernel) Node() event.Node {
	n := event.Node{CPU: -1, Memory: -1, IO: -1}
	var missing []string
	note := func(what string, err error) {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, what+": not counted by this kernel")
		case err != nil:
			missing = append(missing, fmt.Sprintf("%s: %v", what, err))
		}
	}
	var err error
	n.Oopses, err = count(filepath.Join(k.Sys, "kernel", "oops_count"))
	note("oopses", err)
	taint, err := count(filepath.Join(k.Proc, "sys", "kernel", "tainted"))
	note("taint", err)
	n.Died = taint&taintDied != 0
	n.Hung, err = count(filepath.Join(k.Proc, "sys", "kernel", "hung_task_detect_count"))
	note("hung tasks", err)
	for _, p := range []struct {
		name, kind string
		to         *float64
	}{{"cpu", "some", &n.CPU}, {"memory", "full", &n.Memory}, {"io", "full", &n.IO}} {
		b, err := os.ReadFile(filepath.Join(k.Proc, "pressure", p.name))
		if err == nil {
			*p.to, err = parsePressure(b, p.kind)
		}
		note("pressure of "+p.name, err)
	}
	n.Err = strings.Join(missing, "; ")
	return n
}

// taintDied is TAINT_DIE: the kernel has oopsed (Documentation/admin-guide/tainted-kernels.rst).
const taintDied = 1 << 7

// count reads a file that has one number.
func count(name string) (uint64, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(string(bytes.TrimSpace(b)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s says %.40q", name, b)
	}
	return n, nil
}

// parsePressure returns the percentage of the last ten seconds from a line of
// /proc/pressure (Documentation/accounting/psi.rst):
//
//	some avg10=0.00 avg60=0.00 avg300=0.00 total=0
func parsePressure(b []byte, kind string) (float64, error) {
	for _, line := range strings.Split(string(b), "\n") {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != kind || !strings.HasPrefix(f[1], "avg10=") {
			continue
		}
		p, err := strconv.ParseFloat(strings.TrimPrefix(f[1], "avg10="), 64)
		if err != nil || !(p >= 0 && p <= 100) {
			return -1, fmt.Errorf("it says %.60q", line)
		}
		return p, nil
	}
	return -1, fmt.Errorf("it has no line of %s", kind)
}
