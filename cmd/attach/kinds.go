package attach

import (
	"strings"

	"github.com/lifesign-go/lifesign/event"
)

// kindOf says what a goroutine waits in, "" if it waits for work or not at all,
// as far as can be told.
func kindOf(g *Goroutine) event.Kind {
	switch g.Reason {
	case "chan send (nil chan)", "chan receive (nil chan)", "select (no cases)":
		return event.Never
	case "chan send":
		return event.Send
	case "sync.Mutex.Lock":
		if calls(g, "sync.(*RWMutex).Lock") { // it waits for other writers
			return event.RWLock
		}
		return event.Lock
	case "sync.RWMutex.Lock":
		return event.RWLock
	case "sync.RWMutex.RLock":
		return event.RLock
	case "semacquire": // Go before 1.20 has one reason for all of them
		switch {
		case calls(g, "sync.(*RWMutex).RLock"):
			return event.RLock
		case calls(g, "sync.(*RWMutex).Lock"):
			return event.RWLock
		case calls(g, "sync.(*Mutex).lockSlow"), calls(g, "sync.(*Mutex).Lock"):
			return event.Lock
		}
	case "syscall":
		if inward(g) != "" {
			return event.Call
		}
	}
	return ""
}

// calls reports whether a function is on a goroutine's stack.
func calls(g *Goroutine, name string) bool {
	for _, f := range g.Frames {
		if f.Func == name {
			return true
		}
	}
	return false
}

// inwardCalls are system calls that wait for nothing from outside the machine:
// one that lasts for minutes waits for a device or a file system that does not
// answer. Reads and writes are not among them, which may be of pipes, nor are
// open (of a FIFO), flock and wait4, which wait for other processes.
var inwardCalls = map[string]bool{
	"syscall.Fsync": true, "syscall.Fdatasync": true, "syscall.Sync": true, "syscall.SyncFileRange": true,
	"syscall.Ftruncate": true, "syscall.Truncate": true, "syscall.Fallocate": true,
	"syscall.Rename": true, "syscall.Renameat": true, "syscall.Unlink": true, "syscall.Unlinkat": true, "syscall.unlinkat": true,
	"syscall.Mkdir": true, "syscall.Mkdirat": true, "syscall.Rmdir": true, "syscall.Link": true, "syscall.Symlink": true,
	"syscall.Pwrite": true, "syscall.pwrite": true, "syscall.Pread": true, "syscall.pread": true,
	"syscall.Stat": true, "syscall.Lstat": true, "syscall.fstatat": true, "syscall.Fstat": true, "syscall.Getdents": true, "syscall.ReadDirent": true,
	"golang.org/x/sys/unix.Fsync": true, "golang.org/x/sys/unix.Fdatasync": true, "golang.org/x/sys/unix.Syncfs": true,
	"golang.org/x/sys/unix.Ftruncate": true, "golang.org/x/sys/unix.Fallocate": true, "golang.org/x/sys/unix.Msync": true,
	"golang.org/x/sys/unix.Renameat2": true, "golang.org/x/sys/unix.Pwrite": true, "golang.org/x/sys/unix.Pread": true,
}

// inward returns the outermost of the library's functions around a system call
// that waits for nothing from outside, "" if the call is not one of these.
func inward(g *Goroutine) string {
	found, name := false, ""
	for _, f := range g.Frames {
		if !waits(f.Func) {
			break
		}
		found = found || inwardCalls[f.Func]
		name = f.Func
	}
	if !found {
		return ""
	}
	return display(name)
}

// display writes a method as lifesign does: (*os.File).Sync.
func display(name string) string {
	pkg, fn := cutFunc(name)
	base := pkg[strings.LastIndexByte(pkg, '/')+1:]
	if rest := strings.TrimPrefix(fn, "(*"); rest != fn {
		return "(*" + base + "." + rest
	}
	return base + "." + fn
}

// lockAddr returns the address of the Mutex that a goroutine waits for, "" if
// its stack does not tell. An address with a question mark may be out of date.
func lockAddr(g *Goroutine) string {
	for _, f := range g.Frames {
		if strings.HasSuffix(f.Func, "sync.(*Mutex).lockSlow") && strings.HasPrefix(f.Args, "0x") && !strings.ContainsAny(f.Args, "?,") {
			return f.Args
		}
	}
	return ""
}

// request returns the function that serves a request on whose behalf a
// goroutine runs, "" if it is not known to be one.
func request(g *Goroutine) string {
	for _, f := range g.Frames {
		switch f.Func {
		case "net/http.HandlerFunc.ServeHTTP", "net/http.serverHandler.ServeHTTP", "google.golang.org/grpc.(*Server).handleStream":
			return f.Func
		}
	}
	return ""
}
