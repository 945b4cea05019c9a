// Command threads has threads of a kind, for as long as its standard input is
// open: threads N of them that read from a pipe to which nobody writes, or
// threads N busy of which one computes. It writes a line when they are there. A
// line on its standard input that says "die" ends a thread, alone, by a signal of
// its own that a seccomp filter sends; as that thread had a processor of the
// runtime's in its hands, the program may do nothing more after that.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

func main() {
	n, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	var pipe [2]int
	if err := syscall.Pipe(pipe[:]); err != nil {
		panic(err)
	}
	var ready sync.WaitGroup
	ready.Add(n)
	for i := 0; i < n; i++ {
		go func() {
			runtime.LockOSThread()
			ready.Done()
			syscall.Read(pipe[0], make([]byte, 1))
		}()
	}
	if len(os.Args) > 2 {
		go func() {
			for {
			}
		}()
	}
	ready.Wait()
	fmt.Println("ready")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		if in.Text() == "die" {
			tid := make(chan int)
			go die(tid)
			fmt.Println(<-tid)
		}
	}
	os.Exit(3)
}

// die has the kernel kill the thread, and no other, for getppid.
func die(tid chan<- int) {
	runtime.LockOSThread()
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the number of the call
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 0, Jf: 1, K: unix.SYS_GETPPID},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_KILL_THREAD},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		panic(err)
	}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0); err != nil {
		panic(err)
	}
	tid <- unix.Gettid()
	unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0)
}
