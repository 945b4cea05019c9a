package proc

import "errors"

// The parsers here read what the kernel writes of a thread at every look. They
// allocate nothing, and what they return of text is a part of what they were
// given. A parser that the kernel's text does not please says so by an error; it
// never returns half of it.

var (
	errSchedstat = errors.New("no three figures in its schedstat")
	errStat      = errors.New("its stat makes no sense")
	errStatus    = errors.New("its status makes no sense")
	errSyscall   = errors.New("its syscall makes no sense")
	errIO        = errors.New("its io makes no sense")
)

// number reads a decimal number at the beginning of b, after spaces, and
// returns what follows it. One that does not fit, or is followed by anything
// but white space, is none.
func number(b []byte) (n uint64, rest []byte, ok bool) {
	b = skip(b)
	i := 0
	for ; i < len(b) && b[i] >= '0' && b[i] <= '9'; i++ {
		d := uint64(b[i] - '0')
		if n > (1<<64-1-d)/10 {
			return 0, b, false
		}
		n = n*10 + d
	}
	if i == 0 || i < len(b) && !space(b[i]) {
		return 0, b, false
	}
	return n, b[i:], true
}

// only reads a number that nothing follows.
func only(b []byte) (n uint64, ok bool) {
	n, b, ok = number(b)
	return n, ok && len(skip(b)) == 0
}

// signed is number for one that may be negative.
func signed(b []byte) (n int64, rest []byte, ok bool) {
	b = skip(b)
	minus := len(b) > 1 && b[0] == '-' && b[1] >= '0' && b[1] <= '9'
	if minus {
		b = b[1:]
	}
	u, rest, ok := number(b)
	if !ok || u > 1<<63-1 {
		return 0, rest, false
	}
	if minus {
		return -int64(u), rest, true
	}
	return int64(u), rest, true
}

// hexNumber reads a hexadecimal number with or without 0x before it.
func hexNumber(b []byte) (n uint64, rest []byte, ok bool) {
	b = skip(b)
	if len(b) > 2 && b[0] == '0' && b[1] == 'x' {
		b = b[2:]
	}
	i := 0
	for ; i < len(b); i++ {
		var d byte
		switch c := b[i]; {
		case c >= '0' && c <= '9':
			d = c - '0'
		case c >= 'a' && c <= 'f':
			d = c - 'a' + 10
		case c >= 'A' && c <= 'F':
			d = c - 'A' + 10
		default:
			return n, b[i:], i > 0 && space(c)
		}
		if n>>60 != 0 {
			return 0, b, false
		}
		n = n<<4 | uint64(d)
	}
	return n, nil, i > 0
}

func space(c byte) bool { return c == ' ' || c == '\t' || c == '\n' }

func skip(b []byte) []byte {
	for len(b) > 0 && space(b[0]) {
		b = b[1:]
	}
	return b
}

// word reads what stands up to the next white space.
func word(b []byte) (w, rest []byte) {
	b = skip(b)
	for i, c := range b {
		if space(c) {
			return b[:i], b[i:]
		}
	}
	return b, nil
}

// nextLine cuts the first line off, without its end.
func nextLine(b []byte) (line, rest []byte) {
	for i, c := range b {
		if c == '\n' {
			return b[:i], b[i+1:]
		}
	}
	return b, nil
}

// cut returns what follows a line's name and colon; ok is false if the line has
// another name.
func cut(line []byte, name string) (value []byte, ok bool) {
	if len(line) <= len(name) || line[len(name)] != ':' || string(line[:len(name)]) != name {
		return nil, false
	}
	return line[len(name)+1:], true
}

// schedstatText is /proc/PID/task/TID/schedstat (Documentation/scheduler/sched-stats.rst):
// nanoseconds on a processor and waiting for one, and times given one.
type schedstatText struct {
	ran, waited int64
	slices      uint64
}

func parseSchedstat(b []byte) (s schedstatText, err error) {
	var n [3]uint64
	ok := true
	for i := range n {
		if n[i], b, ok = number(b); !ok {
			return s, errSchedstat
		}
	}
	if n[0] > 1<<63-1 || n[1] > 1<<63-1 {
		return s, errSchedstat
	}
	return schedstatText{int64(n[0]), int64(n[1]), n[2]}, nil
}

// statText is what counts in /proc/PID/task/TID/stat (proc_pid_stat(5)).
type statText struct {
	comm         []byte
	state        byte
	parent       int
	group        int    // process group
	flags        uint64 // of the task
	faults       uint64 // major
	user, system uint64 // ticks
	nice         int
	threads      int
	policy       int
	exit         int
}

// The fields of stat that are read, by their numbers in proc_pid_stat(5).
const (
	statParent  = 4
	statGroup   = 5
	statFlags   = 9
	statFaults  = 12
	statUser    = 14
	statSystem  = 15
	statNice    = 19
	statThreads = 20
	statPolicy  = 41
	statExit    = 52 // since Linux 3.5
)

// parseStat parses a stat. The name in it may hold anything, parentheses too.
// Fields that an old kernel lacks at the end are 0.
func parseStat(b []byte) (s statText, err error) {
	open, end := -1, -1
	for i, c := range b {
		if c == '(' && open < 0 {
			open = i
		}
		if c == ')' {
			end = i
		}
	}
	if open < 0 || end < open {
		return s, errStat
	}
	s.comm = b[open+1 : end]
	w, b := word(b[end+1:])
	if len(w) != 1 {
		return statText{}, errStat
	}
	s.state = w[0]
	for i := statParent; i <= statExit; i++ {
		if b = skip(b); len(b) == 0 && i > statSystem {
			break
		}
		switch i {
		case statParent, statGroup, statFlags, statFaults, statUser, statSystem, statNice, statThreads, statPolicy, statExit:
			var n int64
			ok := false
			if n, b, ok = signed(b); !ok {
				return statText{}, errStat
			}
			s.set(i, n)
		default:
			if w, b = word(b); len(w) == 0 {
				return statText{}, errStat
			}
		}
	}
	return s, nil
}

func (s *statText) set(field int, n int64) {
	switch field {
	case statParent:
		s.parent = int(n)
	case statGroup:
		s.group = int(n)
	case statFlags:
		s.flags = uint64(n)
	case statFaults:
		s.faults = uint64(n)
	case statUser:
		s.user = uint64(n)
	case statSystem:
		s.system = uint64(n)
	case statNice:
		s.nice = int(n)
	case statThreads:
		s.threads = int(n)
	case statPolicy:
		s.policy = int(n)
	case statExit:
		s.exit = int(n)
	}
}

// The flags of a task that is about to end (include/linux/sched.h): it exits, has
// been part of a core dump or writes one, was killed by a signal. A thread that has
// taken SIGKILL off its queue has none of it pending any more.
const ending = 0x4 | 0x8 | 0x200 | 0x400

// ends reports whether the task is about to end.
func (s *statText) ends() bool { return s.flags&ending != 0 }

// ran returns the CPU time of a stat in nanoseconds, in steps of a tick.
func (s *statText) ran() int64 { return int64(s.user+s.system) * tick }

// tick is the unit of utime and stime: USER_HZ is 100 on every architecture
// that Go runs on.
const tick = 10_000_000

// statusText is what counts in /proc/PID/task/TID/status (proc_pid_status(5)).
type statusText struct {
	process, parent int
	inner           int    // its number in the innermost PID namespace; 0 before Linux 4.1
	nested          bool   // that is another namespace than the one of /proc
	own, forced     uint64 // context switches
	killed          bool   // SIGKILL is pending
}

func parseStatus(b []byte) (s statusText, err error) {
	const kill = 1 << (9 - 1)
	var line []byte
	found := 0
	for len(b) > 0 {
		line, b = nextLine(b)
		n, ok := uint64(0), true
		if v, is := cut(line, "Tgid"); is {
			n, ok = only(v)
			s.process = int(n)
		} else if v, is := cut(line, "PPid"); is {
			n, ok = only(v)
			s.parent = int(n)
		} else if v, is := cut(line, "NSpid"); is {
			ok = s.namespaces(v)
		} else if v, is := cut(line, "SigPnd"); is {
			ok = s.pending(v, kill)
		} else if v, is := cut(line, "ShdPnd"); is {
			ok = s.pending(v, kill)
		} else if v, is := cut(line, "voluntary_ctxt_switches"); is {
			s.own, ok = only(v)
			found |= 1
		} else if v, is := cut(line, "nonvoluntary_ctxt_switches"); is {
			s.forced, ok = only(v)
			found |= 2
		}
		if !ok {
			return statusText{}, errStatus
		}
	}
	if found != 3 {
		return statusText{}, errStatus
	}
	return s, nil
}

// namespaces reads the numbers of a task from the namespace of /proc inwards.
func (s *statusText) namespaces(v []byte) bool {
	for depth := 0; len(skip(v)) > 0; depth++ {
		n, rest, ok := number(v)
		if !ok || n > 1<<31-1 {
			return false
		}
		s.inner, s.nested, v = int(n), depth > 0, rest
	}
	return true
}

func (s *statusText) pending(v []byte, mask uint64) bool {
	n, v, ok := hexNumber(v)
	s.killed = s.killed || n&mask != 0
	return ok && len(skip(v)) == 0
}

// systemCall is what /proc/PID/task/TID/syscall says (proc_pid_syscall(5)).
type systemCall struct {
	number int64 // -1 if it is in none
	args   [6]uint64
	pc     uint64
	runs   bool // then nothing else is known
}

// parseSyscall parses "running", "-1 SP PC", or the number, six arguments, SP
// and PC.
func parseSyscall(b []byte) (c systemCall, err error) {
	if w, _ := word(b); string(w) == "running" {
		return systemCall{number: -1, runs: true}, nil
	}
	n, b, ok := signed(b)
	if !ok || n < -1 || n > 1<<31 {
		return systemCall{number: -1}, errSyscall
	}
	c.number = n
	if n >= 0 {
		for i := range c.args {
			if c.args[i], b, ok = hexNumber(b); !ok {
				return systemCall{number: -1}, errSyscall
			}
		}
	}
	if _, b, ok = hexNumber(b); !ok {
		return systemCall{number: -1}, errSyscall
	}
	if c.pc, b, ok = hexNumber(b); !ok || len(skip(b)) > 0 {
		return systemCall{number: -1}, errSyscall
	}
	return c, nil
}

// parseIO returns what a thread has had read from and written to devices
// (proc_pid_io(5)).
func parseIO(b []byte) (read, wrote uint64, err error) {
	var line []byte
	found := 0
	for len(b) > 0 {
		line, b = nextLine(b)
		ok := true
		if v, is := cut(line, "read_bytes"); is {
			read, ok = only(v)
			found |= 1
		} else if v, is := cut(line, "write_bytes"); is {
			wrote, ok = only(v)
			found |= 2
		}
		if !ok {
			return 0, 0, errIO
		}
	}
	if found != 3 {
		return 0, 0, errIO
	}
	return read, wrote, nil
}

// parseStackLine returns the function's name in a line of /proc/PID/task/TID/stack,
// nil if it has none:
//
//	[<0>] request_wait_answer+0xc5/0x220 [fuse]
//	[<ffffffff8120d0c3>] pipe_wait+0x73/0x90
//	[<ffffffffffffffff>] 0xffffffffffffffff
func parseStackLine(line []byte) []byte {
	if len(line) == 0 || line[0] != '[' {
		return nil
	}
	_, line = word(line)
	name, _ := word(line)
	for i, c := range name {
		if c == '+' {
			return name[:i]
		}
	}
	return nil
}
