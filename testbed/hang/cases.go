package main

import (
	"strconv"
	"syscall"
	"time"
)

func pauses() []scenario {
	frozen := func(name, controller, program string, args []string, r raw) scenario {
		return scenario{
			name: name, program: program, args: args, raw: r, want: quiet("paused"),
			after: func(s *stage, t *target) error {
				dir, err := cgroup(s, controller)
				if err != nil {
					return err
				}
				if err := join(dir, t.pid); err != nil {
					return err
				}
				time.Sleep(100 * time.Millisecond) // it shall stand in its call first
				if controller == "" {
					return set(dir, "cgroup.freeze", "1")
				}
				return set(dir, "freezer.state", "FROZEN")
			},
		}
	}
	return []scenario{
		{
			name: "SIGSTOP", program: "wait", args: []string{"pipe"}, raw: sleeps("T", "do_signal_stop"), short: true,
			want:  want{kind: isQuiet, verdicts: []string{"paused"}, class: "proven"},
			after: func(_ *stage, t *target) error { return syscall.Kill(t.pid, syscall.SIGSTOP) },
		},
		frozen("frozen, cgroup v1", "freezer", "wait", []string{"pipe"}, raw{states: "D", wchan: []string{"__refrigerator", "anon_pipe", "pipe_read"}}),
		frozen("frozen, cgroup v1, vfork parent", "freezer", "vfork", nil, sleeps("D", "")),
		frozen("frozen, cgroup v2", "", "wait", []string{"pipe"}, sleeps("S", "get_signal")),
		frozen("frozen, cgroup v2, vfork parent", "", "vfork", nil, sleeps("D", "kernel_clone")),
	}
}

func runs() []scenario {
	busy := func(name, kind string, verdicts ...string) scenario {
		return scenario{
			name: name, program: "busy", args: []string{kind}, raw: raw{states: "R", runs: true},
			want: want{kind: isBusy, verdicts: verdicts},
		}
	}
	user := busy("busy in user space", "user", "working", "spinning")
	user.short = true
	// On a CPU of their own, as far as there is one.
	starved := func(name, kind string, verdicts ...string) scenario {
		return scenario{
			name: name, program: "busy", args: []string{kind, strconv.Itoa(lastCPU())}, raw: sleeps("R", ""),
			want: quiet(verdicts...),
		}
	}
	idle := starved("starved, SCHED_IDLE", "idle", "starved")
	idle.want.class = "proven"
	return []scenario{
		user,
		busy("loop of system calls", "calls", "working", "spinning"),
		busy("sched_yield loop", "yield", "working", "spinning"),
		busy("spin in the kernel", "kernel", "working", "spinning"),
		idle,
		starved("nice 19 against 4 x -20", "nice", "starved", "working"),
		{
			name: "memory thrash", program: "thrash", prepare: func(s *stage) ([]string, error) {
				const megabytes = 96
				file := s.dir + "/mapped"
				return []string{file, strconv.Itoa(megabytes)}, filled(file, megabytes<<20)
			},
			before: func(s *stage, t *target) error {
				dir, err := confine(s, 24<<20)
				if err != nil {
					return err
				}
				return join(dir, t.pid)
			},
			raw: raw{states: "RD", runs: true}, want: want{kind: isBusy, verdicts: []string{"working", "slow"}},
		},
	}
}

func locks() []scenario {
	lock := func(name, kind string, w want) scenario {
		return scenario{name: name, program: "lock", args: []string{kind}, raw: sleeps("S", "futex_do_wait", syscall.SYS_FUTEX), want: w}
	}
	deadlock := want{kind: isDeadlocked, verdicts: []string{"stuck"}, class: "proven", names: "mutex", within: 2 * time.Second}
	abba := lock("pthread deadlock", "abba", deadlock)
	abba.short = true
	file := func(name, how string, prepare func(*stage) ([]string, error), w want) scenario {
		return scenario{
			name: name, program: "lockfile", args: []string{how}, prepare: prepare,
			raw: sleeps("S", "locks_lock_inode_wait"), want: w,
		}
	}
	free := on(func(s *stage) (string, error) { return s.dir + "/lock", nil })
	held := func(s *stage) ([]string, error) {
		fuse, err := silentFile(s, "fsync", 4096)
		return []string{s.dir + "/lock", fuse}, err
	}
	posix := file("fcntl lock, holder idle", "posix", free, quiet("idle", "unknown"))
	posix.raw.wchan = append(posix.raw.wchan, "fcntl_setlk", "posix_lock")
	return []scenario{
		abba,
		lock("lock taken twice", "self", deadlock),
		lock("lock of a dead owner", "dead", deadlock),
		lock("lock, owner sleeps", "held", quiet("idle", "slow", "unknown")),
		lock("condition", "cond", quiet("idle")),
		lock("join, idle", "join", quiet("idle")),
		{
			name: "join, stuck", program: "file", args: []string{"join"}, prepare: silent("fsync"),
			raw: sleeps("S", "futex_do_wait", syscall.SYS_FUTEX), want: stuckOn("", longBudget),
		},
		file("flock, holder idle", "flock", free, quiet("idle", "unknown")),
		file("flock, holder stuck", "flock", held, stuckOn("lock", longBudget)),
		posix,
	}
}

func ends() []scenario {
	died := want{kind: isVanished, verdicts: []string{"vanished"}, class: "proven", within: 100 * time.Millisecond}
	thread := scenario{name: "thread killed by seccomp", program: "die", args: []string{"thread"}, want: died, short: true}
	return []scenario{
		thread,
		{name: "leader killed by seccomp", program: "die", args: []string{"leader"}, raw: raw{states: "Z"}, want: died},
		{
			name: "killed, a thread lingers", program: "file", args: []string{"open"}, prepare: silent("read"),
			after: func(_ *stage, t *target) error {
				time.Sleep(300 * time.Millisecond)
				return syscall.Kill(t.pid, syscall.SIGKILL)
			},
			raw:  sleeps("D", ""),
			want: want{kind: isStuck, verdicts: []string{"stuck", "unknown"}, within: longBudget + 5*time.Second},
		},
	}
}

func waits() []scenario {
	wait := func(name, kind, wchan string, calls ...int) scenario {
		return scenario{name: name, program: "wait", args: []string{kind}, raw: sleeps("S", wchan, calls...), want: quiet("idle")}
	}
	pipe := wait("pipe, read", "pipe", "", syscall.SYS_READ)
	pipe.raw.wchan = []string{"anon_pipe_read", "pipe_read"}
	full := wait("pipe, full", "pipe-write", "", syscall.SYS_WRITE)
	full.raw.wchan = []string{"anon_pipe_write", "pipe_write"}
	// Somebody has the other end, and stands still although there is something for it.
	full.want = stuckOn("pipe", longBudget+5*time.Second)
	epoll := wait("epoll", "epoll", "do_epoll_wait")
	epoll.raw.wchan = append(epoll.raw.wchan, "ep_poll")
	epoll.short = true
	unix := wait("recv, unix", "unix", "unix_stream", syscall.SYS_RECVFROM)
	unix.raw.wchan = append(unix.raw.wchan, "unix_wait")
	return []scenario{
		pipe, full,
		wait("accept", "accept", "inet_csk_accept", syscall.SYS_ACCEPT),
		wait("recv", "recv", "wait_woken", syscall.SYS_RECVFROM),
		unix, epoll,
		wait("poll", "poll", "", syscall.SYS_POLL),
		wait("sigwait", "sigwait", "", syscall.SYS_RT_SIGTIMEDWAIT),
		wait("nanosleep", "nanosleep", "hrtimer_nanosleep"),
		{
			name: "TCP peer gone", program: "tcpgone", raw: sleeps("S", "wait_woken", syscall.SYS_RECVFROM),
			want: stuckOn("", longBudget+10*time.Second),
		},
	}
}

func pages() []scenario {
	page := func(name, kind string, call int) scenario {
		return scenario{
			name: name, program: "uffd", args: []string{kind}, raw: sleeps("S", "handle_userfault", call),
			want: stuckOn("page", 4*time.Second),
		}
	}
	return []scenario{page("userfaultfd", "fault", -1), page("userfaultfd, in a call", "call", syscall.SYS_WRITE)}
}

func goPrograms() []scenario {
	return []scenario{
		{
			name: "Go: silent FUSE, fsync", program: goProgram, args: []string{"fsync"}, prepare: silent("fsync"),
			raw: sleeps("S", "request_wait_answer", syscall.SYS_FSYNC), want: stuckOn("FUSE", 2500*time.Millisecond),
		},
		{
			name: "Go: thread killed by seccomp", program: goProgram, args: []string{"killed"},
			want: want{kind: isVanished, verdicts: []string{"vanished"}, class: "proven", within: 100 * time.Millisecond},
		},
		{
			name: "Go: deadlock of goroutines", program: goProgram, args: []string{"deadlock"},
			raw:  raw{states: "S"},
			want: want{kind: isUnseen, verdicts: []string{"idle", "unknown", "working"}},
		},
	}
}
