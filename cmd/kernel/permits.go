package kernel

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Answer is what a probe says.
type Answer string

// The answers. What could not be told may be there all the same: it is never
// taken for a no, nor kept.
const (
	Yes     Answer = "yes"
	No      Answer = "no"
	Unknown Answer = "could not tell"
)

// Permit is one thing that an observer wants of the machine.
type Permit struct {
	Name   string `json:"name"`
	Answer Answer `json:"answer"`
	Why    string `json:"why,omitempty"`   // what was seen
	Lost   string `json:"lost,omitempty"`  // what lifesign cannot tell without it; only if it is not there
	Grant  string `json:"grant,omitempty"` // how to have it; only if it is not there
}

// Machine is where probes look.
type Machine struct {
	Proc, Sys string // "/proc" and "/sys", except in tests
	Log       string // "/dev/kmsg"
	Parent    int    // a process of the same user that did not come from this one; 0 if there is none
	First     int    // a process of root's: 1

	status map[string]string // of /proc/self/status
}

// ThisMachine is the one that this process runs on.
func ThisMachine() Machine {
	return Machine{Proc: "/proc", Sys: "/sys", Log: messageLog, Parent: os.Getppid(), First: 1}
}

// probe is how to find one permit out.
type probe struct {
	name  string
	look  func(*Machine) (Answer, string)
	lost  string
	grant string
}

// Permits asks for all of it. It loads the eBPF program and unloads it, opens and
// closes what the rest of this package opens, reads one byte of memory of two
// processes where there is none, and leaves nothing behind.
func (m Machine) Permits() []Permit {
	m.status = m.readStatus()
	var list []Permit
	for _, group := range [][]probe{processProbes, kernelProbes, resourceProbes, placeProbes} {
		for _, p := range group {
			one := Permit{Name: p.name}
			if one.Answer, one.Why = p.look(&m); one.Answer != Yes {
				one.Lost, one.Grant = p.lost, p.grant
			}
			list = append(list, one)
		}
	}
	return list
}

// answer makes an answer of an error. Refusals and absences are a no; whatever
// else goes wrong says nothing of the machine.
func answer(err error) (Answer, string) {
	switch {
	case err == nil:
		return Yes, ""
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission),
		errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EPROTONOSUPPORT), errors.Is(err, errNoField), errors.Is(err, ebpf.ErrNotSupported):
		return No, err.Error()
	}
	return Unknown, err.Error()
}

func (m *Machine) readable(name string) (Answer, string) {
	_, err := os.ReadFile(name)
	return answer(err)
}

func (m *Machine) proc(parts ...string) string { return m.Proc + "/" + strings.Join(parts, "/") }

// number reads a file that has a number in it.
func number(name string) (int64, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
}

func (m *Machine) readStatus() map[string]string {
	b, err := os.ReadFile(m.proc("self", "status"))
	if err != nil {
		return nil // then nothing of it can be told
	}
	status := map[string]string{}
	for _, line := range strings.Split(string(b), "\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			status[name] = strings.TrimSpace(value)
		}
	}
	return status
}

// capable tells whether this process has a capability, by its number.
func (m *Machine) capable(capability uint) Answer {
	effective, err := strconv.ParseUint(m.status["CapEff"], 16, 64)
	switch {
	case err != nil:
		return Unknown
	case effective>>capability&1 == 1:
		return Yes
	}
	return No
}

// Place says where this process runs.
type Place struct {
	Kernel    string `json:"kernel"` // release and machine
	User      int    `json:"user"`
	Container string `json:"container,omitempty"` // by what it is known to be one, "" if it is none, for all that can be seen
	Cgroup    string `json:"cgroup"`              // "v1", "v2", "hybrid", or "none"
}

// Place says where this process runs.
func (m Machine) Place() Place {
	p := Place{User: os.Geteuid(), Container: m.container(), Cgroup: m.cgroups().kind()}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		p.Kernel = unix.ByteSliceToString(u.Release[:]) + " " + unix.ByteSliceToString(u.Machine[:])
	}
	return p
}

// container names the sign by which this is a container. Programs that make
// containers leave one each; there is no rule.
func (m *Machine) container() string {
	for _, sign := range []string{"/.dockerenv", "/run/.containerenv", "/run/systemd/container"} {
		if _, err := os.Lstat(m.Proc + "/self/root" + sign); err == nil {
			return sign
		}
	}
	if ns, err := os.Readlink(m.proc("self", "ns", "pid")); err == nil && ns != initialPIDs {
		return "a PID namespace of its own"
	}
	return ""
}

// cgroups is which file systems of control groups are mounted.
type cgroups struct {
	v1     map[string]string // the controllers, and where
	v2     string            // where, "" if nowhere
	failed error
}

func (m *Machine) cgroups() (c cgroups) {
	b, err := os.ReadFile(m.proc("self", "mountinfo"))
	c.v1, c.failed = map[string]string{}, err
	for _, line := range strings.Split(string(b), "\n") {
		before, after, ok := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 5 || len(right) < 3 {
			continue
		}
		switch right[0] {
		case "cgroup2":
			if c.v2 == "" {
				c.v2 = left[4]
			}
		case "cgroup":
			for _, controller := range strings.Split(right[2], ",") {
				c.v1[controller] = left[4]
			}
		}
	}
	return c
}

func (c cgroups) kind() string {
	switch {
	case len(c.v1) > 0 && c.v2 != "":
		return "hybrid"
	case len(c.v1) > 0:
		return "v1"
	case c.v2 != "":
		return "v2"
	}
	return "none"
}
