package errands

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/event"
)

// program is what a test watches.
func program(mode string, args []string) error {
	runtime.LockOSThread()
	in := bufio.NewScanner(os.Stdin)
	switch mode {
	case "idle":
	case "watch": // tells what it is told of a directory
		return watch(args[0], in)
	case "lock": // has a POSIX lock of a file, as SQLite does
		f, err := os.OpenFile(args[0], os.O_RDWR, 0)
		if err != nil {
			return err
		}
		lock := unix.Flock_t{Type: unix.F_WRLCK, Len: 1}
		if err := unix.FcntlFlock(f.Fd(), unix.F_SETLK, &lock); err != nil {
			return err
		}
		defer runtime.KeepAlive(f)
	case "lease":
		f, err := os.OpenFile(args[0], os.O_RDWR, 0)
		if err != nil {
			return err
		}
		if _, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
			return err
		}
		defer runtime.KeepAlive(f)
	case "fanotify":
		fd, err := unix.FanotifyInit(unix.FAN_CLASS_NOTIF|unix.FAN_CLOEXEC, unix.O_RDONLY)
		if err != nil {
			return err
		}
		flags := uint(unix.FAN_MARK_ADD)
		if args[1] == "mount" {
			flags |= unix.FAN_MARK_MOUNT
		}
		if err := unix.FanotifyMark(fd, flags, unix.FAN_OPEN|unix.FAN_MODIFY, unix.AT_FDCWD, args[0]); err != nil {
			return err
		}
	case "many": // has a file open many times
		for i := 0; i < 10000; i++ {
			if _, err := unix.Open(args[0], unix.O_RDONLY, 0); err != nil {
				return err
			}
		}
	case "open": // has a file open, and tells by which descriptor
		fd, err := unix.Open(args[0], unix.O_RDWR, 0)
		if err != nil {
			return err
		}
		fmt.Println("ready")
		fmt.Println(fd)
		for in.Scan() {
			unix.Close(fd)
			fmt.Println("closed")
		}
		return nil
	case "drop": // gives up being root when it is asked to
		fmt.Println("ready")
		in.Scan()
		if err := syscall.Setgroups([]int{1234}); err != nil {
			return err
		}
		if err := syscall.Setresgid(65533, 65533, 65533); err != nil {
			return err
		}
		if err := syscall.Setresuid(65534, 65534, 65534); err != nil {
			return err
		}
		fmt.Println("dropped")
		in.Scan()
		return nil
	case "chroot":
		if err := unix.Chroot(args[0]); err != nil {
			return err
		}
		if err := unix.Chdir("/"); err != nil {
			return err
		}
	case "agent": // has an errand done for itself, and tells its helper's number
		h, err := Start(Config{PID: os.Getpid()})
		if err != nil {
			return err
		}
		h.Do(event.Errand{ID: 1, Where: event.Here, Mimic: event.Mimic{Deed: event.DoSync, Path: args[0], FD: -1}})
		for len(h.Outcomes(nil)) == 0 {
			time.Sleep(time.Millisecond)
		}
		fmt.Println("ready")
		h.post(func() { fmt.Println(h.loop.child.process.Load().Pid) })
		in.Scan()
		return nil
	default:
		return fmt.Errorf("there is no mode %q", mode)
	}
	fmt.Println("ready")
	for in.Scan() {
	}
	return nil
}

// watch tells what inotify tells of a directory, a line each time it is asked.
func watch(dir string, in *bufio.Scanner) error {
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK)
	if err != nil {
		return err
	}
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_ALL_EVENTS); err != nil {
		return err
	}
	fmt.Println("ready")
	buf := make([]byte, 1<<16)
	for in.Scan() {
		var told []string
		n, _ := unix.Read(fd, buf)
		for off := 0; off+unix.SizeofInotifyEvent <= n; {
			mask := uint32(buf[off+4]) | uint32(buf[off+5])<<8 | uint32(buf[off+6])<<16 | uint32(buf[off+7])<<24
			size := int(buf[off+12]) | int(buf[off+13])<<8
			name := strings.TrimRight(string(buf[off+16:off+16+size]), "\x00")
			told = append(told, fmt.Sprintf("%#x %s", mask, name))
			off += 16 + size
		}
		fmt.Println("told:", strings.Join(told, ", "))
	}
	return nil
}
