package cputime

import (
	"bytes"
	"errors"
	"fmt"
)

// Stat is what matters here of /proc/PID/stat (proc_pid_stat(5)).
type Stat struct {
	Comm    string // the process's name, 15 bytes of anything
	State   byte   // of its first thread
	CPU     int64  // utime and stime together, nanoseconds
	Threads int    // those that have not ended; 1 of a process that has, until its parent has taken note
	Start   uint64 // when it was started, in hundredths of a second since the machine was: with the number, who it is
}

// Ended reports whether the process has ended and waits for its parent to take
// note. A first thread that has ended while others go on is not that.
func (s Stat) Ended() bool { return (s.State == 'Z' || s.State == 'X') && s.Threads <= 1 }

// tick is the unit of utime and stime: USER_HZ is 100 on every architecture that
// Go runs on.
const tick = 10_000_000

var errTicks = errors.New("utime or stime is more than a process can have had")

// ParseStat parses a /proc/PID/stat. The name in it may hold anything,
// parentheses and line ends too.
func ParseStat(b []byte) (Stat, error) {
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 0 || end < open {
		return Stat{}, fmt.Errorf("no name in %.60q", b)
	}
	s := Stat{Comm: string(b[open+1 : end])}
	// Counted from the state, which is field 3 of proc_pid_stat(5).
	const utime, stime, threads, start = 11, 12, 17, 19
	rest := b[end+1:]
	for n := 0; n <= start; n++ {
		var field []byte
		field, rest = next(rest)
		if len(field) == 0 {
			return Stat{}, fmt.Errorf("%d fields after the name in %.60q, not %d", n, b, start+1)
		}
		if n == 0 {
			s.State = field[0]
			continue
		}
		if n != utime && n != stime && n != threads && n != start {
			continue
		}
		v, err := number(field)
		if err != nil {
			return Stat{}, fmt.Errorf("field %d is %.30q: %w", n+3, field, err)
		}
		switch n {
		case utime, stime:
			if v > 1<<62/tick { // 146 years
				return Stat{}, errTicks
			}
			s.CPU += int64(v) * tick
		case threads:
			s.Threads = int(v)
		case start:
			s.Start = v
		}
	}
	return s, nil
}

// next cuts the first field off b.
func next(b []byte) (field, rest []byte) {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\n') {
		b = b[1:]
	}
	for i, c := range b {
		if c == ' ' || c == '\n' {
			return b[:i], b[i:]
		}
	}
	return b, nil
}

var errNumber = errors.New("not a number")

func number(b []byte) (uint64, error) {
	n := uint64(0)
	for _, c := range b {
		if c < '0' || c > '9' || n > (1<<64-1-9)/10 {
			return 0, errNumber
		}
		n = 10*n + uint64(c-'0')
	}
	return n, nil
}
