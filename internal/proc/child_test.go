//go:build linux

package proc

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// The programs that are looked at are this very test, started again with a part
// to play. A part sets up what it plays, calls ready, and stands.

const partVar = "LIFESIGN_PROC_PART"

var parts = map[string]func(args []string){
	"threads":   playThreads,
	"spin":      playSpin,
	"pipe":      playPipe,
	"fifo":      playFIFO,
	"holder":    playHolder,
	"flock":     playFlock,
	"posix":     playPosix,
	"futex":     playFutex,
	"sleep":     playSleep,
	"epoll":     playEpoll,
	"sockets":   playSockets,
	"wait":      playWait,
	"userfault": playUserfault,
	"vfork":     playVfork,
	"again":     playAgain,
	"msync":     playMsync,
}

// A part's main goroutine keeps the first thread, which does not end with a
// goroutine as others do.
func init() {
	if os.Getenv(partVar) != "" {
		runtime.LockOSThread()
	}
}

func TestMain(m *testing.M) {
	if part := os.Getenv(partVar); part != "" {
		args := strings.Fields(part)
		go func() { // whoever started it is gone: so is it
			os.Stdin.Read(make([]byte, 1))
			os.Exit(0)
		}()
		parts[args[0]](args[1:])
		return
	}
	os.Exit(m.Run())
}

// ready tells the test what it has to know.
func ready(words ...interface{}) { fmt.Println(words...) }

// start starts a part and returns its process and what it told when it was
// ready.
func start(t testing.TB, part string) (pid int, told []string) {
	t.Helper()
	return startIn(t, nil, part)
}

func startIn(t testing.TB, attr *syscall.SysProcAttr, part string) (pid int, told []string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.SysProcAttr = attr
	cmd.Env = append(os.Environ(), partVar+"="+part)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("part %s: %v", part, err)
	}
	return cmd.Process.Pid, strings.Fields(line)
}

func real(pid int) Kernel {
	return Kernel{Proc: "/proc", Sys: "/sys", PID: pid, Arch: runtime.GOARCH}
}

// playThreads has as many threads as args say that stand in a read, and tells
// nothing until they do. A byte ends one of them.
func playThreads(args []string) {
	n, _ := strconv.Atoi(args[0])
	var p [2]int
	if err := syscall.Pipe(p[:]); err != nil {
		panic(err)
	}
	in := make(chan bool)
	for i := 0; i < n; i++ {
		go func() {
			runtime.LockOSThread()
			in <- true
			// Raw: the thread is the runtime's no more.
			var b [1]byte
			rawRead(p[0], b[:])
		}()
	}
	for i := 0; i < n; i++ {
		<-in
	}
	for end := time.Now().Add(time.Minute); standing(os.Getpid(), "read") < n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			panic("they do not read")
		}
	}
	ready(p[1])
	for {
		time.Sleep(time.Hour)
	}
}

func rawRead(fd int, b []byte) { syscall.Read(fd, b) }

// standing counts the threads of a process that stand in a call.
func standing(pid int, call string) (n int) {
	for _, th := range threads(pid) {
		if th.Call == call && th.State == "S" {
			n++
		}
	}
	return n
}

// threads reads every thread of a process to DepthState.
func threads(pid int) []event.Thread {
	tasks, err := OpenTasks(real(pid))
	if err != nil {
		return nil
	}
	defer tasks.Close()
	all, _ := tasks.Counters(nil)
	for i := range all {
		tasks.State(&all[i])
	}
	return all
}
