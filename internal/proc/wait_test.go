//go:build linux

package proc

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// asked waits until a thread stands in a call, with a first argument if one is
// given (the Go runtime makes calls of its own), and tells what it waits for, by
// Tasks.
func asked(t *testing.T, pid int, tid string, call string, first ...string) event.Thread {
	t.Helper()
	arg := uint64(0)
	if len(first) > 0 {
		var err error
		if arg, err = strconv.ParseUint(first[0], 0, 64); err != nil {
			t.Fatal(err)
		}
	}
	k := real(pid)
	mem, err := os.Open(k.path("mem"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mem.Close() })
	k.Read = func(addr uint64, buf []byte) error { _, err := mem.ReadAt(buf, int64(addr)); return err }
	tasks, err := OpenTasks(k)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tasks.Close)
	tasks.seen.limit, tasks.deep.limit = time.Minute, time.Minute // the machine may be busy
	id, _ := strconv.Atoi(tid)
	var th event.Thread
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		all, err := tasks.Counters(nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, th = range all {
			if th.ID != id {
				continue
			}
			tasks.State(&th)
			if th.Call == call && (th.State == "S" || th.State == "D") && (len(first) == 0 || tasks.find(id).call.args[0] == arg) {
				tasks.Resource(&th)
				return th
			}
		}
	}
	t.Fatalf("thread %s of %d does not stand in %s: %+v", tid, pid, call, th)
	return th
}

// until waits for what is bound to come.
func until(t *testing.T, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not come")
		}
	}
}

func holders(r *event.Resource) (pids []int) {
	for _, h := range r.Holders {
		pids = append(pids, h.PID)
	}
	return pids
}

func check(t *testing.T, th event.Thread, what string, kind event.ResourceKind, name string, pids ...int) *event.Resource {
	t.Helper()
	r := th.Resource
	if r == nil {
		t.Fatalf("no resource: %+v", th)
	}
	if th.What != what || r.Kind != kind || r.Name != name || r.Err != "" || !reflect.DeepEqual(holders(r), pids) || th.Depth != event.DepthResource {
		t.Errorf("%q waits for %+v\nwant %q, %s %q, of %v\nstate %s, in %s, %v", th.What, *r, what, kind, name, pids, th.State, th.Wchan, th.Stack)
	}
	return r
}

func link(t *testing.T, pid int, fd string) string {
	t.Helper()
	l, err := os.Readlink(real(pid).path("fd", fd))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestPipes(t *testing.T) {
	pid, told := start(t, "pipe read")
	pipe := link(t, pid, told[1])
	r := check(t, asked(t, pid, told[0], "read", told[1]), "read("+told[1]+" → "+pipe+")", event.OnPipe, pipe, pid)
	if r.InFlight != 0 || r.Holders[0].State == "" || r.Holders[0].Comm == "" || r.Holders[0].RanNS == 0 {
		t.Errorf("%+v", *r)
	}
	pid, told = start(t, "pipe write")
	pipe = link(t, pid, told[1])
	if r := check(t, asked(t, pid, told[0], "write", told[1]), "write("+told[1]+" → "+pipe+")", event.OnPipe, pipe, pid); r.InFlight != 1 {
		t.Errorf("%+v", *r)
	}
}

func TestPipeWithAName(t *testing.T) {
	name := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(name, 0o666); err != nil {
		t.Fatal(err)
	}
	keep, err := os.OpenFile(name, os.O_RDWR, 0) // lets both open it
	if err != nil {
		t.Fatal(err)
	}
	writer, _ := start(t, "fifo write "+name)
	pid, told := start(t, "fifo read "+name)
	keep.Close()
	check(t, asked(t, pid, told[0], "read", told[1]), "read("+told[1]+" → "+name+")", event.OnPipe, name, writer)
}

func TestLocksOfFiles(t *testing.T) {
	for _, test := range []struct{ holder, waiter, call string }{
		{"flock", "flock", "flock"}, {"posix", "posix", "fcntl"}, {"ofd", "posix", "fcntl"}, {"heir", "flock", "flock"},
	} {
		t.Run(test.holder+"-"+test.waiter, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "lock file")
			name = strings.ReplaceAll(name, " ", "_")
			holder, told := start(t, "holder "+test.holder+" "+name)
			if test.holder == "heir" {
				until(t, func() bool { return real(holder).Task(holder, 0).State == "Z" })
				holder, _ = strconv.Atoi(told[0])
				defer syscall.Kill(holder, syscall.SIGKILL)
			}
			pid, told := start(t, test.waiter+" "+name)
			check(t, asked(t, pid, told[0], test.call, told[1]), test.call+"("+told[1]+" → "+name+")", event.OnLockFile, "the lock of "+name, holder)
		})
	}
}

func TestFutexes(t *testing.T) {
	for _, test := range []struct {
		part, state string
		kind        event.ResourceKind
		named       bool // the owner is the holder
	}{
		{"mutex", "S", event.OnMutex, true}, {"recursive", "S", event.OnMutex, true}, {"orphan", "gone", event.OnMutex, false},
		{"robust", "S", event.OnMutex, true}, {"inheriting", "S", event.OnMutex, true}, {"join", "S", event.OnJoin, true},
		{"condition", "", event.OnFutex, false}, {"noise", "", event.OnFutex, false}, {"number", "", event.OnFutex, false},
		{"timed", "", event.OnFutex, false},
	} {
		for _, inside := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s-%v", test.part, inside), func(t *testing.T) {
				var attr *syscall.SysProcAttr
				if inside {
					attr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
				}
				pid, told := startIn(t, attr, "futex "+test.part)
				waiter, owner := outside(t, pid, told[0]), outside(t, pid, told[1])
				if inside == (waiter == told[0]) {
					t.Fatalf("%s calls itself %s", waiter, told[0])
				}
				th := asked(t, pid, waiter, "futex", told[2])
				r := th.Resource
				if r == nil || r.Err != "" || r.Kind != test.kind {
					t.Fatalf("%+v", r)
				}
				name := "the futex at " + told[2]
				switch test.kind {
				case event.OnMutex:
					name = "the mutex at " + told[2]
				case event.OnJoin:
					name = "the end of thread " + owner
				}
				if r.Name != name {
					t.Errorf("%q, want %q", r.Name, name)
				}
				switch {
				case test.state == "" && len(r.Holders) == 0:
				case len(r.Holders) != 1 || r.Holders[0].State != test.state || r.Holders[0].PID != pid:
					t.Errorf("holders %+v, want one in state %s", r.Holders, test.state)
				case test.named && strconv.Itoa(r.Holders[0].TID) != owner:
					t.Errorf("holders %+v, want %s", r.Holders, owner)
				}
			})
		}
	}
}

// outside returns the number that /proc has of a thread which calls itself inner.
func outside(t *testing.T, pid int, inner string) string {
	t.Helper()
	k := real(pid)
	names, err := os.ReadDir(k.path("task"))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range names {
		if strconv.Itoa(k.inner(d.Name())) == inner {
			return d.Name()
		}
	}
	t.Fatalf("no thread of %d calls itself %s", pid, inner)
	return ""
}

// A mutex in shared memory can be another process's.
func TestMutexOfAnotherProcess(t *testing.T) {
	owner, told := start(t, "sleep")
	pid, mine := start(t, "futex shared "+told[0])
	r := asked(t, pid, mine[0], "futex", mine[2]).Resource
	if r == nil || r.Kind != event.OnMutex || len(r.Holders) != 1 || r.Holders[0].PID != owner || strconv.Itoa(r.Holders[0].TID) != told[0] {
		t.Errorf("%+v", r)
	}
}

func TestWork(t *testing.T) {
	pid, told := start(t, "sleep")
	check(t, asked(t, pid, told[0], "nanosleep"), "nanosleep", event.OnTime, "a time to come")
	pid, told = start(t, "epoll")
	th := asked(t, pid, told[0], map[bool]string{true: "epoll_wait", false: "epoll_pwait"}[real(pid).Arch == "amd64"])
	check(t, th, th.Call, event.OnWork, "events")
}

func TestSockets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	for _, test := range []struct{ part, call, name string }{
		{"accept", "accept", "connections to TCP 127.0.0.1:"}, {"accept6", "accept", "connections to TCP [::1]:"},
		{"unix " + path, "accept", "connections to Unix socket " + path}, {"datagrams", "recvfrom", "datagrams at UDP 127.0.0.1:"},
	} {
		pid, told := start(t, "sockets "+test.part)
		call := test.call
		if call == "accept" && runtimeAccept4 {
			call = "accept4"
		}
		th := asked(t, pid, told[0], call, told[1])
		if r := th.Resource; r == nil || r.Kind != event.OnWork || !strings.HasPrefix(r.Name, test.name) || r.Err != "" {
			t.Errorf("%s: %q, %+v", test.part, th.What, r)
		}
	}
}

// runtimeAccept4: package syscall accepts by accept4.
const runtimeAccept4 = true

func TestConnections(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, part := range []string{"read", "write"} {
		pid, told := start(t, "sockets "+part+" "+l.Addr().String())
		peer, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		th := asked(t, pid, told[0], part, told[1])
		r := check(t, th, part+"("+told[1]+" → "+link(t, pid, told[1])+")", event.OnSocket,
			"TCP "+peer.RemoteAddr().String()+" → "+peer.LocalAddr().String(), os.Getpid())
		if (r.InFlight > 0) != (part == "write") {
			t.Errorf("%s: %d bytes are not acknowledged", part, r.InFlight)
		}
		peer.Close()
	}
}

func TestChildren(t *testing.T) {
	for _, part := range []string{"this", "any"} {
		pid, told := start(t, "wait "+part)
		child, _ := strconv.Atoi(told[1])
		r := check(t, asked(t, pid, told[0], "wait4"), "wait4", event.OnChild, "process "+told[1], child)
		if r.Holders[0].Comm != "sleep" || r.Holders[0].State == "gone" {
			t.Errorf("%+v", r.Holders)
		}
	}
}

func TestVfork(t *testing.T) {
	pid, told := start(t, "vfork")
	th := asked(t, pid, told[0], "clone")
	children := real(pid).children(0)
	if len(children) != 1 {
		t.Fatalf("children %v", children)
	}
	check(t, th, "clone", event.OnChild, taskName(children[0]), children[0])
	if th.State != "D" {
		t.Errorf("state %s", th.State)
	}
}

func TestUserfault(t *testing.T) {
	pid, told := start(t, "userfault")
	th := asked(t, pid, told[0], "read")
	r := check(t, th, "read", event.OnPage, "a page that user space has to fill", pid)
	if r.InFlight != 1 {
		t.Errorf("%+v, in %s", *r, th.Wchan)
	}
}

// The file that msync writes back is known by the mapping that it is told of.
func TestFileOfAMapping(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	pid, told := start(t, "msync "+name)
	addr, err := strconv.ParseUint(told[1], 0, 64)
	if err != nil {
		t.Fatal(err)
	}
	th := event.Thread{State: "D", Syscall: 26, Wchan: "folio_wait_bit_common"}
	k := real(pid)
	k.Arch = "amd64"
	k.wait(&th, systemCall{number: 26, args: [6]uint64{addr + 100, 4096}}, nil)
	r := th.Resource
	if th.What != "msync("+name+")" || r == nil || r.Kind != event.OnDevice || r.Err != "" || !strings.HasPrefix(r.Name, "block device ") {
		t.Errorf("%q on %+v", th.What, r)
	}
}
