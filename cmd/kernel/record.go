package kernel

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
)

// record is one record of the kernel's log.
type record struct {
	facility int // 0: the kernel itself
	micros   int64
	text     string
}

// parseRecord reads "priority,sequence,microseconds,flags;text" and what may
// follow on lines of its own (Documentation/ABI/testing/dev-kmsg).
func parseRecord(b []byte) (r record, ok bool) {
	head, text, ok := bytes.Cut(b, []byte(";"))
	if !ok {
		return r, false
	}
	fields := strings.Split(string(head), ",")
	if len(fields) < 4 {
		return r, false
	}
	priority, err := strconv.ParseUint(fields[0], 10, 31)
	if err != nil {
		return r, false
	}
	if r.micros, err = strconv.ParseInt(fields[2], 10, 64); err != nil {
		return r, false
	}
	r.facility = int(priority >> 3)
	text, _, _ = bytes.Cut(text, []byte("\n"))
	r.text = string(text)
	return r, true
}

// signs are the beginnings of lines by which the kernel tells of its faults, with
// the place that each is written at. The first that fits decides.
var signs = []struct {
	kind MessageKind
	text *regexp.Regexp
}{
	{Panic, regexp.MustCompile(`^Kernel panic - not syncing`)},                                             // kernel/panic.c
	{Hung, regexp.MustCompile(`^INFO: task .*blocked for more than \d+ seconds`)},                          // kernel/hung_task.c
	{Hung, regexp.MustCompile(`^INFO: task .*blocked( in I/O wait)? for more than \d+`)},                   // the same, since 6.19
	{Hung, regexp.MustCompile(`^INFO: task .* blocked on an? `)},                                           // the same, since 6.16
	{Lockup, regexp.MustCompile(`^(watchdog: )?(BUG: soft lockup|Watchdog detected hard)`)},                // kernel/watchdog.c
	{Lockup, regexp.MustCompile(`^(NMI )?watchdog: (BUG: soft lockup|Watchdog detected|CPU)`)},             // the same
	{Lockup, regexp.MustCompile(`^rcu: INFO: .*detected (expedited )?(self-detected )?stall`)},             // kernel/rcu/tree_stall.h
	{Oops, regexp.MustCompile(`^(Internal error: )?Oops\b`)},                                               // arch/*: die
	{Oops, regexp.MustCompile(`^BUG: (unable to handle|kernel NULL pointer|stack guard page|TASK stack)`)}, // arch/x86/mm/fault.c
	{Oops, regexp.MustCompile(`^(Unable to handle kernel|Internal error: )`)},                              // arch/arm64/mm/fault.c
	{Oops, regexp.MustCompile(`^kernel BUG at `)},                                                          // lib/bug.c
	{Oops, regexp.MustCompile(`^(general protection fault|invalid opcode|divide error|int3)[,:]`)},         // arch/x86/kernel/traps.c: die
	{Oops, regexp.MustCompile(`^BUG: `)},                                                                   // KASAN, locking, scheduling while atomic
	{Oops, regexp.MustCompile(`^Fixing recursive fault but reboot is needed`)},                             // kernel/exit.c
	{Oops, regexp.MustCompile(`^note: .*\[\d+\] exited with `)},                                            // the same, make_task_dead
}

var (
	// ofTask is the line of an oops that names its thread (lib/dump_stack.c).
	ofTask = regexp.MustCompile(`^CPU: \d+ (?:UID: \d+ )?PID: (\d+) Comm: (.*?)(?: Not tainted| Tainted: |$)`)
	// hungTask and endedTask are lines that have both in them.
	hungTask  = regexp.MustCompile(`^INFO: task (.*):(\d+) (?:<\w+> )?(?:blocked|is blocked)`)
	endedTask = regexp.MustCompile(`^note: (.*)\[(\d+)\] exited with `)
)

// ofProgram is how lines begin that tell of a program's fault, by the program's
// name, which may be whatever the program likes.
var ofProgram = regexp.MustCompile(`^.{1,15}\[\d+\]: `)

// messageReader picks what matters out of records. An oops is many lines: its
// headline, the thread's, and others that nobody needs here.
type messageReader struct {
	inOops int // lines in which the thread of an oops may still be named
}

// oopsLines is how far after an oops's headline its thread may be named.
const oopsLines = 16

func (m *messageReader) next(b []byte) (Message, bool) {
	r, ok := parseRecord(b)
	if !ok || r.facility != 0 || ofProgram.MatchString(r.text) {
		return Message{}, false
	}
	msg := Message{Text: r.text, Micros: r.micros}
	if m.inOops > 0 {
		m.inOops--
		if f := ofTask.FindStringSubmatch(r.text); f != nil {
			m.inOops = 0
			msg.Kind = Oops
			msg.set(f[1], f[2])
			return msg, true
		}
	}
	for _, s := range signs {
		if !s.text.MatchString(r.text) {
			continue
		}
		msg.Kind = s.kind
		if f := hungTask.FindStringSubmatch(r.text); f != nil {
			msg.set(f[2], f[1])
		} else if f := endedTask.FindStringSubmatch(r.text); f != nil {
			msg.set(f[2], f[1])
		} else if s.kind == Oops {
			m.inOops = oopsLines
		}
		return msg, true
	}
	return Message{}, false
}

func (m *Message) set(tid, comm string) {
	n, err := strconv.ParseUint(tid, 10, 31)
	if err != nil {
		return
	}
	m.TID, m.Comm = int(n), comm
}
