package kernel

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A helper is this test's binary again, as a process of its own that does one
// thing after the other as it is told by lines on its standard input.
const helperRole = "LIFESIGN_KERNEL_HELPER"

func init() {
	if os.Getenv(helperRole) != "" {
		runtime.LockOSThread() // so that main runs in the first thread
	}
}

func TestMain(m *testing.M) {
	switch role := os.Getenv(helperRole); role {
	case "":
		os.Exit(m.Run())
	case "threads":
		threads(os.Stdin)
	case "listen":
		e, err := NewExits()
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		e.Close()
		fmt.Println("it listens")
	default:
		if f, ok := roles[role]; ok {
			f(os.Stdin)
			return
		}
		fmt.Fprintf(os.Stderr, "there is no role %q\n", role)
		os.Exit(2)
	}
}

// roles are those of other files' tests.
var roles = map[string]func(stdin io.Reader){}

// threads obeys "exit" (a thread ends by itself), "kill" (seccomp kills a thread
// alone), "leader" (the same, the first thread), "many N" (N threads end) and
// "group N" (the process ends with status N). It answers each with the number of
// the thread that is about to end.
func threads(commands io.Reader) {
	leader := make(chan bool)
	go func() {
		in := bufio.NewScanner(commands)
		for in.Scan() {
			command, arg, _ := strings.Cut(in.Text(), " ")
			n, _ := strconv.Atoi(arg)
			switch command {
			case "exit":
				endThread(func() { fmt.Println(unix.Gettid()) })
			case "kill":
				go killedThread()
			case "leader":
				leader <- true
			case "many":
				for i := 0; i < n; i++ {
					endThread(func() {})
				}
				fmt.Println(n)
			case "group":
				runtime.LockOSThread()
				fmt.Println(unix.Gettid())
				os.Exit(n)
			case "alive":
				fmt.Println("alive")
			}
		}
		os.Exit(0)
	}()
	<-leader
	killedThread()
}

// endThread runs f in a thread that ends after it.
func endThread(f func()) {
	done := make(chan bool)
	go func() {
		runtime.LockOSThread() // and never unlocks it
		f()
		close(done)
	}()
	<-done
}

// killedThread has seccomp kill the thread that calls it, alone: four lines of
// BPF and the call that they forbid.
func killedThread() {
	runtime.LockOSThread()
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_GETPPID, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_KILL_THREAD},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	fatal(unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	fatal(setSeccomp(&prog))
	fmt.Println(unix.Gettid())
	// Not unix.Getppid: the runtime must know that this thread is in the kernel.
	syscall.Syscall(unix.SYS_GETPPID, 0, 0, 0)
	fmt.Println("the thread lives on")
}

func fatal(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// process is a helper that runs.
type process struct {
	*exec.Cmd
	t   testing.TB
	in  io.WriteCloser
	out *bufio.Scanner
}

// start starts a helper. It is killed with the test.
func start(t testing.TB, role string, change ...func(*exec.Cmd)) *process {
	t.Helper()
	p := &process{Cmd: helper(t, role), t: t}
	for _, f := range change {
		f(p.Cmd)
	}
	in, err := p.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.in, p.out = in, bufio.NewScanner(out)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Process.Kill()
		p.Wait()
	})
	return p
}

func helper(t testing.TB, role string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self)
	c.Env = append(os.Environ(), helperRole+"="+role)
	c.Stderr = os.Stderr
	return c
}

// tell has the helper do something and returns what it answers.
func (p *process) tell(command string) string {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.in, command); err != nil {
		p.t.Fatalf("%s: %v", command, err)
	}
	return p.line()
}

func (p *process) line() string {
	p.t.Helper()
	if !p.out.Scan() {
		p.t.Fatalf("the helper has ended: %v", p.out.Err())
	}
	return p.out.Text()
}

// number is tell for an answer that is a number.
func (p *process) number(command string) int {
	p.t.Helper()
	answer := p.tell(command)
	n, err := strconv.Atoi(answer)
	if err != nil {
		p.t.Fatalf("%s: the helper answers %q", command, answer)
	}
	return n
}

// forAnybody copies a program to where every user may run it.
func forAnybody(t *testing.T, program string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lifesign-kernel-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	b, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "program")
	if err := os.WriteFile(to, b, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return to
}
