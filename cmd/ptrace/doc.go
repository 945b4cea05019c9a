// Package ptrace stops a thread of another process for some microseconds, to see
// its registers. Whoever wants that has to ask for it: nothing of lifesign does
// it by itself, as ptrace is not harmless.
//
// One stop changes the result of 8 in 28 kinds of blocking system call. They
// return EINTR, or have written less than they were to, where without the stop
// they would have gone on waiting (epoll_wait, semop, sigwaitinfo, sigtimedwait,
// io_getevents, recv with SO_RCVTIMEO, a write to a full pipe; measured with
// Linux 6.18). Programs that do not expect that fail. So only two kinds of thread
// are looked at: those that run and have not slept by themselves for a while, and
// those in a wait on a futex, which the kernel restarts without a trace. A thread
// that runs can still be within a system call, or enter one at the very moment
// of the stop, and get EINTR or a short result there; that is what is left of the
// harm, and why this is by choice.
//
// A target is never left stopped or traced:
//   - it is seized (PTRACE_SEIZE) without PTRACE_O_EXITKILL, by an operating
//     system thread that does nothing else and ends with its goroutine, so that
//     the kernel lets the target go when that thread or all of lifesign dies, at
//     whatever moment and by whatever signal;
//   - each wait has a deadline, and a thread that has not come to a stop by then
//     is let go by ending the tracing thread, which is the only way: PTRACE_DETACH
//     takes a stopped one. That it did not stop proves nothing (a thread in D
//     never does, a starved one late);
//   - a signal that arrives meanwhile is handed on as the stop is left, and a
//     target that was stopped meanwhile (SIGSTOP) stays so.
//
// lifesign's own children are refused: the stop would be told to whoever waits
// for the child to end. A thread that is traced already is refused by the kernel,
// and an error says by whom.
//
// What to do with it:
//
//	u, err := unwind.New(pid) // names functions; may be nil
//	t, err := ptrace.New(pid, u)
//	defer t.Close()
//	motion, err := t.Watch(tid, 10, 20*time.Millisecond)
//	fmt.Println(motion) // "its instruction pointer moves within hash_update (hash.c:77); 10 looks"
//
// Halt stops all threads of a process at once, for a dump: whoever asks for that takes
// what it does to system calls, and all else holds.
//
// errors.Is(err, ErrUnfit) says that the thread is of neither kind, and nothing
// was done to it. A Tracer is for one goroutine at a time. It knows x86-64 and no
// other architecture; Halt knows arm64, too.
package ptrace
