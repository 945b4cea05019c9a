package proc

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// opener is a process's descriptor of something.
type opener struct{ pid, fd int }

// peers has what inquiries find out that others can use: who has what open, as
// one pass over all processes found it, and how sockets have moved.
type peers struct {
	at      time.Time     // of the pass, zero if there was none
	limit   time.Duration // CPU time that a pass may take
	has     map[string][]opener
	partial bool // some processes could not be asked, or there was no time for them
	sockets map[uint64]*socketSeen
	inner   map[int]int // threads by what they call themselves in their own PID namespace
	innerAt time.Time
	mapping *int32 // atomic: 1 while the process's list of mappings is read; one for all that follow each other
}

// newPeers returns what follows upon p, which knows nothing yet. p may be nil.
func newPeers(p *peers) *peers {
	if p == nil {
		return &peers{limit: maxPass, mapping: new(int32)}
	}
	return &peers{limit: p.limit, mapping: p.mapping}
}

// Bounds of one pass over all processes, and how long what it found is good for.
const (
	maxPass      = TasksLimit / 2
	maxLinks     = 1 << 16
	maxProcesses = 1 << 14
	passLasts    = 2 * time.Second
)

// openers returns who has a descriptor of what link names. partial says that
// there may be others.
func (q *inquiry) openers(link string) (list []opener, partial bool) {
	if q.seen == nil {
		q.seen = newPeers(nil)
	}
	p := q.seen
	if p.at.IsZero() || time.Since(p.at) > passLasts {
		p.pass(q.Kernel)
	}
	return p.has[link], p.partial
}

// pass looks at what all processes have open: the process itself first, then
// its parent, its children and its group, so that these are there if its time, of
// a processor, is up.
func (p *peers) pass(k Kernel) {
	p.at, p.has, p.partial = time.Now(), map[string][]opener{}, false
	runtime.LockOSThread() // for its CPU time: a machine on which all wait for processors makes no pass shorter
	defer runtime.UnlockOSThread()
	begun := threadTime()
	links := 0
	for _, pid := range k.processes() {
		dir := k.of(pid).path("fd")
		d, err := os.Open(dir)
		if err != nil {
			p.partial = p.partial || !gone(err)
			continue
		}
		names, err := d.Readdirnames(maxLinks)
		d.Close()
		p.partial = p.partial || err != nil && !gone(err) && len(names) > 0
		for _, name := range names {
			if links++; links > maxLinks || links%64 == 0 && threadTime()-begun > int64(p.limit) {
				p.partial = true
				return
			}
			link, err := os.Readlink(filepath.Join(dir, name))
			if err != nil {
				continue
			}
			if fd, err := strconv.Atoi(name); err == nil {
				p.has[link] = append(p.has[link], opener{pid, fd})
			}
		}
	}
}

// processes lists all processes, those near k's first.
func (k Kernel) processes() []int {
	d, err := os.Open(k.Proc)
	if err != nil {
		return nil
	}
	names, _ := d.Readdirnames(maxProcesses)
	d.Close()
	own := k.family(k.PID)
	type near struct{ pid, rank int }
	var all []near
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		rank := 3
		switch f := k.family(pid); {
		case pid == k.PID:
			rank = 0
		case pid == own.parent || f.parent == k.PID:
			rank = 1
		case own.group != 0 && f.group == own.group:
			rank = 2
		}
		all = append(all, near{pid, rank})
	}
	sort.Slice(all, func(i, j int) bool {
		if all[i].rank != all[j].rank {
			return all[i].rank < all[j].rank
		}
		return all[i].pid < all[j].pid
	})
	pids := make([]int, len(all))
	for i, n := range all {
		pids[i] = n.pid
	}
	return pids
}

// family returns the stat of a process, empty if it is gone.
func (k Kernel) family(pid int) statText {
	b, err := os.ReadFile(k.of(pid).path("stat"))
	if err != nil {
		return statText{}
	}
	s, _ := parseStat(b)
	return s
}

// maxHolders bounds the holders that are told.
const maxHolders = 16

// tasks tells about processes, each once, by number, so that two readings are
// alike.
func (k Kernel) holders(pids []int) (list []event.Task) {
	sort.Ints(pids)
	for i, pid := range pids {
		if i > 0 && pid == pids[i-1] || len(list) == maxHolders {
			continue
		}
		list = append(list, k.Task(pid, 0))
	}
	return list
}

// fdinfo is what counts in /proc/PID/fdinfo/FD (proc_pid_fdinfo(5)).
type fdinfo struct {
	flags uint64
	mount int    // -1 before Linux 3.15
	inode uint64 // 0 before Linux 5.14
	locks []lockLine
	// of a user fault descriptor
	waiting uint64 // faults that nobody has settled
	faults  bool
	process int // of a descriptor of a process, 0 otherwise
}

func parseFdinfo(b []byte) (f fdinfo) {
	f.mount = -1
	for _, line := range strings.Split(string(b), "\n") {
		i := strings.IndexByte(line, ':')
		if i < 0 {
			continue
		}
		name, value := line[:i], strings.TrimSpace(line[i+1:])
		switch name {
		case "flags":
			f.flags, _ = strconv.ParseUint(value, 8, 64)
		case "mnt_id":
			if n, err := strconv.Atoi(value); err == nil {
				f.mount = n
			}
		case "ino":
			f.inode, _ = strconv.ParseUint(value, 10, 64)
		case "Pid":
			f.process, _ = strconv.Atoi(value)
		case "total":
			n, err := strconv.ParseUint(value, 10, 64)
			f.waiting, f.faults = n, err == nil
		case "lock":
			if l, ok := parseLock(value); ok {
				f.locks = append(f.locks, l)
			}
		}
	}
	return f
}

// info reads the fdinfo of a process's descriptor. Of an epoll descriptor that
// waits for a lock, which may be held for long.
func (k Kernel) info(pid, fd int) (fdinfo, error) {
	b, err := os.ReadFile(k.of(pid).path("fdinfo", strconv.Itoa(fd)))
	if err != nil {
		return fdinfo{}, err
	}
	return parseFdinfo(b), nil
}

// The access mode in a descriptor's flags.
const (
	accessMode = 3
	onlyRead   = 0
	onlyWrite  = 1
)

// onPipe is for a pipe, with a name or without. Who reads waits for those that
// can write, and the other way round.
func (q *inquiry) onPipe(fd int, link string, r *event.Resource) error {
	r.Kind, r.Name = event.OnPipe, link
	reader := reads[q.call.name]
	if !reader {
		r.InFlight = 1 // what it has to write, nobody has taken
	}
	list, _ := q.openers(link)
	var pids []int
	for _, o := range list {
		info, err := q.info(o.pid, o.fd)
		if err != nil || o == (opener{q.PID, fd}) {
			continue
		}
		mode := info.flags & accessMode
		if reader && mode != onlyRead || !reader && mode != onlyWrite {
			pids = append(pids, o.pid)
		}
	}
	r.Holders = q.holders(pids)
	return nil
}

// taskName names a process for people.
func taskName(pid int) string { return fmt.Sprintf("process %d", pid) }
