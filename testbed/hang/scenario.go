package main

import (
	"strconv"
	"syscall"
	"time"
)

// A scenario is a line of the table of what the kernel shows, made for real.
type scenario struct {
	name    string
	program string
	args    []string
	prepare func(*stage) (args []string, err error) // makes what the program works on; its arguments follow args
	before  func(*stage, *target) error             // when it is ready
	after   func(*stage, *target) error             // when it has gone on
	raw     raw
	want    want
	short   bool // one of those that every test run has time for

	busyDisk bool // it writes all the time
}

const goProgram = "gohang"

// kind says what is the case with a subject, and so which limits hold.
type kind string

const (
	isStuck      kind = "stuck"      // never to be called working, idle or slow
	isDeadlocked kind = "deadlocked" // the same, and to be found within 2 s
	isVanished   kind = "vanished"   // to be found within 0.1 s
	isQuiet      kind = "quiet"      // slow, paused, starved or idle: never to be called stuck
	isBusy       kind = "busy"       // it runs: never to be called stuck either
	isUnseen     kind = "unseen"     // nothing of it can be seen from outside: not counted
)

// want is what lifesign ought to say.
type want struct {
	kind     kind
	verdicts []string // any of them
	class    string   // "" if either will do
	names    string   // what the sentence or the resource has to name; "" if nothing
	within   time.Duration
	early    []string // what inspect may say too, whose look is shorter than the budget
}

// raw is what the kernel shows: the table that the observer was specified by.
type raw struct {
	states string   // any of these letters; "" if the thread is gone
	wchan  []string // any of these beginnings; none if it does not matter
	calls  []int    // any of these system calls; none if it does not matter
	runs   bool     // it uses CPU time
}

func sleeps(states string, wchan string, calls ...int) raw {
	r := raw{states: states, calls: calls}
	if wchan != "" {
		r.wchan = []string{wchan}
	}
	return r
}

// A wait for something that nobody counts has a long budget.
const longBudget = 10 * time.Second

func stuckOn(names string, within time.Duration) want {
	w := want{kind: isStuck, verdicts: []string{"stuck"}, class: "inferred", names: names, within: within}
	if within > 5*time.Second {
		w.early = []string{"unknown"}
	}
	return w
}

func quiet(verdicts ...string) want { return want{kind: isQuiet, verdicts: verdicts} }

// scenarios returns all of them.
func scenarios() []scenario {
	var all []scenario
	for _, group := range [][]scenario{calls(), disks(), pauses(), runs(), locks(), ends(), waits(), pages(), goPrograms()} {
		all = append(all, group...)
	}
	return all
}

// on makes a prepare of what returns the file that the program works on.
func on(file func(*stage) (string, error)) func(*stage) ([]string, error) {
	return func(s *stage) ([]string, error) {
		name, err := file(s)
		return []string{name}, err
	}
}

func silent(mute string) func(*stage) ([]string, error) {
	return on(func(s *stage) (string, error) { return silentFile(s, mute, 64<<10) })
}

func calls() []scenario {
	const fuse = "FUSE"
	fuseCall := func(name, mute, wchan, states string, calls ...int) scenario {
		return scenario{
			name: "silent FUSE, " + name, program: "file", args: []string{name}, prepare: silent(mute),
			raw: sleeps(states, wchan, calls...), want: stuckOn(fuse, 2500*time.Millisecond),
		}
	}
	fsync := fuseCall("fsync", "fsync", "request_wait_answer", "S", syscall.SYS_FSYNC)
	fsync.short = true
	second := fuseCall("second-writer", "write", "", "D", syscall.SYS_WRITE)
	second.raw.wchan = []string{"fuse_file_write_iter", "fuse_cache_write_iter", "rwsem_down_write"}
	second.want = stuckOn("", longBudget+5*time.Second)
	open := fuseCall("open", "read", "", "D", syscall.SYS_OPENAT)
	open.raw.wchan = []string{"__folio_lock", "folio_wait_bit_common"}
	page := fuseCall("fault", "read", "", "D")
	page.raw.wchan = []string{"folio_wait_bit_common", "__folio_lock", "filemap_fault"}
	return []scenario{
		{
			name: "vfork parent", program: "vfork", raw: sleeps("D", "kernel_clone", syscall.SYS_VFORK),
			want: stuckOn("", longBudget+5*time.Second),
		},
		fsync,
		fuseCall("direct-read", "read", "request_wait_answer", "S", syscall.SYS_READ),
		fuseCall("direct-write", "write", "request_wait_answer", "S", syscall.SYS_WRITE),
		fuseCall("write", "write", "request_wait_answer", "S", syscall.SYS_WRITE),
		fuseCall("read", "read", "folio_wait_bit_common", "D", syscall.SYS_READ),
		page, open, second,
	}
}

func disks() []scenario {
	return []scenario{
		{
			name: "frozen file system", program: "file", args: []string{"write"},
			prepare: on(func(s *stage) (string, error) { return ext4File(s, 1<<20) }),
			before:  func(s *stage, _ *target) error { return freeze(s, s.ext4()) },
			raw:     sleeps("D", "percpu_rwsem_wait", syscall.SYS_WRITE),
			want:    stuckOn("froz", longBudget+5*time.Second),
		},
		{
			name: "dead disk", program: "file", args: []string{"read"}, prepare: on(deadDisk),
			raw: sleeps("D", "folio_wait_bit_common", syscall.SYS_READ), want: stuckOn("device", 5*time.Second),
		},
		throttled("throttled disk", 16<<20, 512<<10, raw{states: "D", wchan: []string{"__iomap_dio_rw", "submit_bio_wait", "blk_mq_get_tag"}}, "slow", "working"),
		throttled("throttled disk, small writes", 1<<20, 1<<20, raw{states: "DR"}, "slow", "working"),
	}
}

// deadDisk makes a loop device on a file of a silent FUSE file system. To attach
// it takes an fsync.
func deadDisk(s *stage) (string, error) {
	file, err := silentFile(s, "read,write", 4<<20)
	if err != nil {
		return "", err
	}
	return loop(s, file)
}

// throttled writes size bytes at a time to a device that takes so many a second.
func throttled(name string, size int64, perSecond int, r raw, verdicts ...string) scenario {
	return scenario{
		name: name, program: "file", args: []string{"writes"},
		prepare: func(s *stage) ([]string, error) {
			file, err := ext4File(s, size)
			return []string{file, strconv.FormatInt(size, 10)}, err
		},
		before: func(s *stage, t *target) error { return throttle(s, t.pid, s.device, perSecond) },
		raw:    r, want: quiet(verdicts...), busyDisk: true,
	}
}
