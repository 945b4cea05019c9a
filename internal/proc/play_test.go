//go:build linux

package proc

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

// What the parts do (child_test.go).

// stand runs f on a thread of its own and returns the thread's number.
func stand(f func()) int {
	tid := make(chan int)
	go func() {
		runtime.LockOSThread()
		tid <- syscall.Gettid()
		f()
		forever()
	}()
	return <-tid
}

func forever() {
	for {
		time.Sleep(time.Hour)
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func playPipe(args []string) {
	var p [2]int
	must(syscall.Pipe(p[:]))
	switch args[0] {
	case "read":
		ready(stand(func() { rawRead(p[0], make([]byte, 1)) }), p[0])
	case "write":
		ready(stand(func() { syscall.Write(p[1], make([]byte, 1<<20)) }), p[1])
	}
	forever()
}

func playFIFO(args []string) {
	f, err := os.OpenFile(args[1], map[string]int{"read": os.O_RDONLY, "write": os.O_WRONLY}[args[0]], 0)
	must(err)
	fd := int(f.Fd())
	if args[0] == "write" {
		ready(0, fd)
		forever()
	}
	ready(stand(func() { rawRead(fd, make([]byte, 1)) }), fd)
	forever()
}

// playHolder takes a lock of a file and has it.
func playHolder(args []string) {
	f, err := os.OpenFile(args[1], os.O_RDWR|os.O_CREATE, 0o666)
	must(err)
	lock := syscall.Flock_t{Type: syscall.F_WRLCK}
	switch args[0] {
	case "flock":
		must(syscall.Flock(int(f.Fd()), syscall.LOCK_EX))
	case "posix":
		must(syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &lock))
	case "ofd":
		must(syscall.FcntlFlock(f.Fd(), 37, &lock)) // F_OFD_SETLK
	case "heir": // whoever took it is gone, a child has the open file
		must(syscall.Flock(int(f.Fd()), syscall.LOCK_EX))
		cmd := exec.Command("/bin/sleep", "600")
		cmd.ExtraFiles = []*os.File{f}
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: 0}
		must(cmd.Start())
		ready(cmd.Process.Pid)
		os.Exit(0)
	}
	ready("has it")
	forever()
	runtime.KeepAlive(f)
}

func playFlock(args []string) {
	f, err := os.OpenFile(args[0], os.O_RDWR|os.O_CREATE, 0o666)
	must(err)
	fd := int(f.Fd())
	ready(stand(func() { syscall.Flock(fd, syscall.LOCK_EX) }), fd)
	forever()
	runtime.KeepAlive(f)
}

func playPosix(args []string) {
	f, err := os.OpenFile(args[0], os.O_RDWR|os.O_CREATE, 0o666)
	must(err)
	fd := f.Fd()
	ready(stand(func() {
		syscall.FcntlFlock(fd, syscall.F_SETLKW, &syscall.Flock_t{Type: syscall.F_WRLCK})
	}), fd)
	forever()
	runtime.KeepAlive(f)
}

// memory is zero and stays where it is.
func memory() []byte {
	b, err := syscall.Mmap(-1, 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	must(err)
	return b
}

func put(b []byte, words ...uint32) {
	for i, w := range words {
		*(*uint32)(unsafe.Pointer(&b[4*i])) = w
	}
}

func futex(b []byte, op, value int) {
	syscall.Syscall6(sysFutex, uintptr(unsafe.Pointer(&b[0])), uintptr(op), uintptr(value), 0, 0, ^uintptr(0))
}

// sysFutex is futex's number: package syscall has it on both architectures.
const sysFutex = syscall.SYS_FUTEX

func playFutex(args []string) {
	const private = futexPrivate
	owner := stand(func() { syscall.Pause() })
	b := memory()
	var wait func()
	switch args[0] {
	case "mutex":
		put(b, 2, 0, uint32(owner), 1, 0)
		wait = func() { futex(b, futexWait|private, 2) }
	case "recursive":
		put(b, 2, 3, uint32(owner), 1, recursive)
		wait = func() { futex(b, futexWait|private, 2) }
	case "orphan":
		put(b, 2, 0, maxTID-1, 1, 0)
		wait = func() { futex(b, futexWait|private, 2) }
	case "shared":
		other, _ := strconv.Atoi(args[1])
		put(b, 2, 0, uint32(other), 1, kindShared)
		wait = func() { futex(b, futexWait, 2) }
	case "robust":
		put(b, uint32(owner)|wordWaiters, 0, uint32(owner), 1, 16)
		wait = func() { futex(b, futexWait, owner|wordWaiters) }
	case "inheriting":
		put(b, uint32(owner), 0, uint32(owner), 1, 32)
		wait = func() { futex(b, futexLockPI|private, 0) }
	case "join":
		self := uint64(uintptr(unsafe.Pointer(&b[0])))
		put(b, uint32(self), uint32(self>>32), 0, 0, uint32(self), uint32(self>>32))
		b = b[720:]
		put(b, uint32(owner))
		wait = func() { futex(b, futexWaitBitset, owner) }
	case "number": // that happens to be a thread's
		put(b, uint32(owner))
		wait = func() { futex(b, futexWaitBitset, owner) }
	case "timed":
		put(b, 2, 0, uint32(owner), 1, 0)
		wait = func() { futex(b, futexWaitBitset|private, 2) }
	case "condition":
		put(b, 4)
		wait = func() { futex(b, futexWaitBitset|private, 4) }
	case "noise": // two, and what stands behind it is no mutex
		put(b, 2, 7, uint32(owner), 1, 0)
		wait = func() { futex(b, futexWait|private, 2) }
	}
	ready(stand(wait), owner, fmt.Sprintf("%#x", uintptr(unsafe.Pointer(&b[0]))))
	forever()
	runtime.KeepAlive(b)
}

func playSleep([]string) {
	ready(stand(func() { syscall.Nanosleep(&syscall.Timespec{Sec: 3600}, nil) }), 0)
	forever()
}

func playEpoll([]string) {
	fd, err := syscall.EpollCreate1(0)
	must(err)
	ready(stand(func() { syscall.EpollWait(fd, make([]syscall.EpollEvent, 1), -1) }), fd)
	forever()
}

// playSockets has a thread that accepts, reads or writes. Sockets block, as
// those of package net do not.
func playSockets(args []string) {
	family, addr := syscall.AF_INET, syscall.Sockaddr(&syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	if args[0] == "accept6" {
		family, addr = syscall.AF_INET6, &syscall.SockaddrInet6{Addr: [16]byte{15: 1}}
	}
	kind := syscall.SOCK_STREAM
	switch args[0] {
	case "unix":
		family, addr = syscall.AF_UNIX, &syscall.SockaddrUnix{Name: args[1]}
	case "datagrams":
		kind = syscall.SOCK_DGRAM
	}
	fd, err := syscall.Socket(family, kind, 0)
	must(err)
	switch args[0] {
	case "accept", "accept6", "unix":
		must(syscall.Bind(fd, addr))
		must(syscall.Listen(fd, 1))
		ready(stand(func() { syscall.Accept(fd) }), fd)
	case "datagrams":
		must(syscall.Bind(fd, addr))
		ready(stand(func() { syscall.Recvfrom(fd, make([]byte, 1), 0) }), fd)
	case "read", "write":
		to, err := net.ResolveTCPAddr("tcp4", args[1])
		must(err)
		must(syscall.Connect(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: to.Port}))
		if args[0] == "read" {
			ready(stand(func() { rawRead(fd, make([]byte, 1)) }), fd)
		} else {
			ready(stand(func() { syscall.Write(fd, make([]byte, 64<<20)) }), fd)
		}
	}
	forever()
}

func playWait(args []string) {
	cmd := exec.Command("/bin/sleep", "600")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(cmd.Start())
	pid := cmd.Process.Pid
	want := pid
	if args[0] == "any" {
		want = -1
	}
	ready(stand(func() { syscall.Wait4(want, nil, 0, nil) }), pid)
	forever()
}

// unfilled returns memory of a page that is not there until fill is called:
// who touches it stands.
func unfilled() (b []byte, fd uintptr, fill func()) {
	const (
		sysUserfaultfd = 323 // on amd64
		api            = 0xc018aa3f
		register       = 0xc020aa00
		zero           = 0xc020aa04
		missing        = 1
	)
	fd, _, errno := syscall.Syscall(sysUserfaultfd, syscall.O_CLOEXEC, 0, 0)
	control := func(request uintptr, arg *[4]uint64) {
		if errno == 0 {
			_, _, errno = syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(unsafe.Pointer(arg)))
		}
		if errno != 0 {
			panic(errno)
		}
	}
	control(api, &[4]uint64{0xaa})
	b = memory()
	at, size := uint64(uintptr(unsafe.Pointer(&b[0]))), uint64(len(b))
	control(register, &[4]uint64{at, size, missing})
	return b, fd, func() {
		control(zero, &[4]uint64{at, size})
		syscall.Close(int(fd))
	}
}

// playUserfault has a thread that touches a page which nobody fills.
func playUserfault([]string) {
	b, fd, _ := unfilled()
	// In a system call the page is missing like in the program's own code, and
	// the runtime can still stop its other threads.
	var p [2]int
	must(syscall.Pipe(p[:]))
	_, err := syscall.Write(p[1], []byte("x"))
	must(err)
	ready(stand(func() { rawRead(p[0], b[:1]) }), fd)
	forever()
}

// playVfork has a thread that waits until its child lets go of the memory.
func playVfork([]string) {
	tid := stand(func() {
		const cloneVfork = 0x4000
		pid, _, _ := syscall.RawSyscall6(syscall.SYS_CLONE, cloneVfork|uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
		if pid == 0 {
			syscall.RawSyscall6(syscall.SYS_PRCTL, syscall.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0, 0, 0, 0)
			for {
				syscall.RawSyscall6(syscall.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
			}
		}
	})
	ready(tid)
	forever()
}

// playAgain ends a thread at the first byte of a pipe, and at the second makes
// another that has its number. It is in a PID namespace of its own, which gives
// the next number to whoever comes next, and has a /proc of that in a directory.
func playAgain(args []string) {
	must(syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""))
	must(syscall.Mount("proc", args[0], "proc", 0, ""))
	var p [2]int
	must(syscall.Pipe(p[:]))
	told := make(chan bool)
	go func() {
		for {
			var b [1]byte
			rawRead(p[0], b[:])
			told <- true
		}
	}()
	ended := make(chan bool)
	old := stand(func() {
		<-ended
		runtime.Goexit() // and with it, as it is locked, the thread
	})
	ready(old, p[1])
	<-told
	ended <- true
	<-told
	for {
		must(os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(old-1)), 0))
		stand(func() {})
		if _, err := os.Stat(fmt.Sprintf("%s/1/task/%d", args[0], old)); err == nil {
			forever()
		}
	}
}

// playMsync writes a mapped file back, again and again.
func playMsync(args []string) {
	f, err := os.OpenFile(args[0], os.O_RDWR|os.O_CREATE, 0o666)
	must(err)
	must(f.Truncate(4096))
	b, err := syscall.Mmap(int(f.Fd()), 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	must(err)
	ready(0, fmt.Sprintf("%#x", uintptr(unsafe.Pointer(&b[0]))))
	forever()
	runtime.KeepAlive(b)
}
