package proc

import (
	"bytes"
	"fmt"
	"path/filepath"

	"github.com/lifesign-go/lifesign/event"
)

// Pulse asks again and again whether the kernel lets a process run. It holds the
// descriptors of the few files that it takes, and looks rarely to which control
// groups the process belongs: before Linux 6.7 the kernel takes a lock for that
// which all control groups share. One goroutine at a time.
type Pulse struct {
	k        Kernel
	stat     heldFile
	freezers []freezer
	quotas   []heldFile // cpu.stat of groups with a CPU quota
	asked    int
	buf      [1024]byte
}

// freezer is a file that says whether a control group is frozen, and how.
type freezer struct {
	heldFile
	says []byte
}

// regroup is after how many answers the control groups are looked up anew: at
// ten a second, every ten seconds.
const regroup = 100

// Pulse returns a Pulse of the process. It opens nothing yet.
func (k Kernel) Pulse() *Pulse {
	return &Pulse{k: k, stat: heldFile{name: k.path("stat"), fd: -1}}
}

// Process tells whether the process may run, how much CPU time it has had, and how
// often its quota of that was used up. It allocates nothing but now and then.
func (p *Pulse) Process() event.Process {
	answer := event.Process{RanNS: -1}
	text, err := p.stat.read(p.buf[:])
	if err != nil {
		answer.Unknown = fmt.Sprintf("read %s: %v", p.stat.name, err)
		return answer
	}
	s, err := parseStat(text)
	if err != nil {
		answer.Unknown = fmt.Sprintf("%s: %v", p.stat.name, err)
		return answer
	}
	if p.asked%regroup == 0 {
		p.group()
	}
	p.asked++
	answer.RanNS, answer.Throttled = p.ran(s), p.throttled()
	switch {
	case s.state == 'T':
		answer.Paused = "stopped by a signal"
	case s.state == 't':
		answer.Paused = "stopped by a tracer"
	case p.frozen():
		answer.Paused = "frozen by its control group"
	}
	return answer
}

// ran is the process's CPU time. Its clock is exact to the nanosecond, and the clock
// ticks in stat are not; but it is that of the process which has the number here.
func (p *Pulse) ran(s statText) int64 {
	if p.k.Proc == "/proc" {
		if ns, err := ProcessTime(p.k.PID); err == nil {
			return ns
		}
	}
	return s.ran()
}

// group finds the files of the control groups that the process is in.
func (p *Pulse) group() {
	p.closeGroups()
	groups := p.k.groups()
	for _, g := range groups {
		name, says := "freezer.state", "FROZEN"
		if g.unified {
			name, says = "cgroup.events", "frozen 1"
		}
		if dir := p.k.dir(g, "freezer"); dir != "" {
			p.freezers = append(p.freezers, freezer{heldFile{name: filepath.Join(dir, name), fd: -1}, []byte(says)})
		}
	}
	for _, dir := range p.k.limitedGroups(groups) {
		p.quotas = append(p.quotas, heldFile{name: filepath.Join(dir, "cpu.stat"), fd: -1})
	}
}

// frozen asks the freezers. Without one the answer is no.
func (p *Pulse) frozen() bool {
	for i := range p.freezers {
		f := &p.freezers[i]
		if text, err := f.read(p.buf[:]); err == nil && bytes.Contains(text, f.says) {
			return true
		}
	}
	return false
}

// throttled returns how many periods a CPU quota was used up in (nr_throttled of
// cpu.stat), of the group that it was for most.
func (p *Pulse) throttled() (periods uint64) {
	for i := range p.quotas {
		if text, err := p.quotas[i].read(p.buf[:]); err == nil {
			if n := parseThrottled(string(text)); n > periods {
				periods = n
			}
		}
	}
	return periods
}

// Close closes what p holds. It opens them again when it is asked again.
func (p *Pulse) Close() {
	p.stat.close()
	p.closeGroups()
	p.asked = 0
}

func (p *Pulse) closeGroups() {
	for i := range p.freezers {
		p.freezers[i].close()
	}
	for i := range p.quotas {
		p.quotas[i].close()
	}
	p.freezers, p.quotas = p.freezers[:0], p.quotas[:0]
}

// heldFile is a file whose descriptor is held from the first reading on.
type heldFile struct {
	name   string
	fd     int // -1 if it is not open
	absent bool
}

// read reads the file from its beginning, as far as there is room. A file that was
// not there is not looked for again.
func (f *heldFile) read(buf []byte) ([]byte, error) {
	if f.absent {
		return nil, errAbsent
	}
	if f.fd < 0 {
		fd, err := openFile(f.name)
		if err != nil {
			f.absent = err == errAbsent
			return nil, err
		}
		f.fd = fd
	}
	n, err := readStart(f.fd, buf)
	if err != nil {
		f.close()
	}
	return buf[:n], err
}

func (f *heldFile) close() {
	if f.fd >= 0 {
		closeFD(f.fd)
		f.fd = -1
	}
}
