package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// files makes a machine of files.
func files(t *testing.T, content map[string]string) *Machine {
	t.Helper()
	dir := t.TempDir()
	for name, text := range content {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	m := &Machine{Proc: filepath.Join(dir, "proc"), Sys: filepath.Join(dir, "sys"), Log: filepath.Join(dir, "kmsg"), First: 1}
	m.status = m.readStatus()
	return m
}

const (
	noRights  = "Name:\tx\nCapEff:\t0000000000000000\n"
	allRights = "Name:\tx\nCapEff:\t000001ffffffffff\n"
)

func TestProbesOfOtherMachines(t *testing.T) {
	for _, test := range []struct {
		name  string
		probe func(*Machine) (Answer, string)
		files map[string]string
		want  Answer
		why   string
	}{
		{"an old kernel", (*Machine).believed, map[string]string{"proc/sys/kernel/osrelease": "3.10.0-1160.el7.x86_64\n"}, Unknown, "Linux 3.10.0-1160.el7.x86_64 may have the fault"},
		{"4.2", (*Machine).believed, map[string]string{"proc/sys/kernel/osrelease": "4.2.8\n"}, Unknown, "may have"},
		{"4.3", (*Machine).believed, map[string]string{"proc/sys/kernel/osrelease": "4.3.0\n"}, Yes, ""},
		{"a new kernel", (*Machine).believed, map[string]string{"proc/sys/kernel/osrelease": "6.18.0\n"}, Yes, ""},
		{"a strange one", (*Machine).believed, map[string]string{"proc/sys/kernel/osrelease": "next\n"}, Unknown, `the kernel's release is "next"`},

		{"no yama", (*Machine).ptrace, map[string]string{"proc/self/status": noRights}, Yes, "of your own processes"},
		{"yama 1", (*Machine).ptrace, map[string]string{"proc/self/status": noRights, "proc/sys/kernel/yama/ptrace_scope": "1\n"}, No, "only of processes that lifesign has started"},
		{"yama 2", (*Machine).ptrace, map[string]string{"proc/self/status": noRights, "proc/sys/kernel/yama/ptrace_scope": "2\n"}, No, "only with CAP_SYS_PTRACE"},
		{"yama 2, root", (*Machine).ptrace, map[string]string{"proc/self/status": allRights, "proc/sys/kernel/yama/ptrace_scope": "2\n"}, Yes, "of all processes"},
		{"yama 3, root", (*Machine).ptrace, map[string]string{"proc/self/status": allRights, "proc/sys/kernel/yama/ptrace_scope": "3\n"}, No, "nobody may"},
		{"yama 1, no status", (*Machine).ptrace, map[string]string{"proc/sys/kernel/yama/ptrace_scope": "1\n"}, Unknown, ""},
		{"memory, yama 1", (*Machine).memoryOfOwn, map[string]string{"proc/self/status": noRights, "proc/sys/kernel/yama/ptrace_scope": "1\n"}, No, "kernel.yama.ptrace_scope is 1"},
		{"memory, yama 1, root", (*Machine).memoryOfOwn, map[string]string{"proc/self/status": allRights, "proc/sys/kernel/yama/ptrace_scope": "1\n"}, Yes, ""},
		{"no syscall file", (*Machine).syscalls, map[string]string{"proc/self/status": allRights}, No, "no such file"},

		{"schedstat of a kernel that does not count", (*Machine).schedstat, map[string]string{"proc/self/schedstat": "0 0 0\n"}, No, "which has run"},
		{"schedstat", (*Machine).schedstat, map[string]string{"proc/self/schedstat": "12 0 3\n"}, Yes, ""},
		{"an oops", (*Machine).taint, map[string]string{"proc/sys/kernel/tainted": "4736\n"}, Yes, "has oopsed"},
		{"a module", (*Machine).taint, map[string]string{"proc/sys/kernel/tainted": "4097\n"}, Yes, ""},
		{"no taint", (*Machine).taint, nil, No, "no such file"},
		{"nonsense", (*Machine).taint, map[string]string{"proc/sys/kernel/tainted": "x\n"}, Unknown, "invalid syntax"},
		{"no fusectl", (*Machine).fusectl, nil, No, "no such file"},
		{"fusectl not mounted", (*Machine).fusectl, map[string]string{"sys/fs/fuse/connections/.x": ""}, No, "nothing is mounted"},
		{"no devices", (*Machine).devices, map[string]string{"proc/diskstats": ""}, No, "there is no block device"},

		{"cgroup v2", (*Machine).freezer, map[string]string{"proc/self/mountinfo": "29 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"}, Yes, "v2 at /sys/fs/cgroup"},
		{"cgroup v1", (*Machine).freezer, map[string]string{"proc/self/mountinfo": "30 29 0:27 / /sys/fs/cgroup/freezer rw shared:9 - cgroup cgroup rw,freezer\n"}, Yes, "v1 at /sys/fs/cgroup/freezer"},
		{"cgroup v1 without it", (*Machine).freezer, map[string]string{"proc/self/mountinfo": "30 29 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"}, No, "control groups: v1"},
		{"no cgroups", (*Machine).freezer, map[string]string{"proc/self/mountinfo": "1 1 0:1 / / rw - ext4 /dev/sda1 rw\n"}, No, "control groups: none"},
		{"no mountinfo", (*Machine).freezer, nil, Unknown, "no such file"},
	} {
		got, why := test.probe(files(t, test.files))
		if got != test.want || !strings.Contains(why, test.why) || test.why == "" && test.want == Yes && why != "" {
			t.Errorf("%s: %s, %q; want %s, %q", test.name, got, why, test.want, test.why)
		}
	}
}

func TestAnswers(t *testing.T) {
	for _, test := range []struct {
		err  error
		want Answer
	}{
		{nil, Yes},
		{&fs.PathError{Op: "open", Path: "x", Err: unix.ENOENT}, No},
		{fmt.Errorf("x: %w", unix.EPERM), No},
		{unix.EACCES, No},
		{unix.EOPNOTSUPP, No},
		{unix.EMFILE, Unknown},
		{errors.New("x"), Unknown},
	} {
		if got, why := answer(test.err); got != test.want || (why == "") != (got == Yes) {
			t.Errorf("%v: %s %q, want %s", test.err, got, why, test.want)
		}
	}
}

// Every probe has words for when it says no, and root in the initial namespaces is
// refused nothing that these tests themselves use.
func TestPermitsOfThisMachine(t *testing.T) {
	got := map[string]Permit{}
	for _, p := range ThisMachine().Permits() {
		got[p.Name] = p
		if p.Answer != Yes && p.Lost == "" || p.Answer == Yes && p.Lost+p.Grant != "" {
			t.Errorf("%+v", p)
		}
	}
	for _, name := range []string{"exits of single threads (process connector)", "kernel's log", "kernel stack of a thread", "owner of a lock in the kernel"} {
		if got[name].Answer != Yes {
			t.Errorf("%s: %+v, want yes: other tests here have it", name, got[name])
		}
	}
	for _, group := range [][]probe{processProbes, kernelProbes, resourceProbes, placeProbes} {
		for _, p := range group {
			if p.lost == "" {
				t.Errorf("%s: what is lost without it is not said", p.name)
			}
		}
	}
}
