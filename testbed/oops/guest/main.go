// Command guest is the first process of a virtual machine in which the kernel
// makes mistakes on demand. A thread of a program dies of each; lifesign, which
// watches the program, must say within 100 ms that it has vanished, while the
// program's heartbeat goes on.
//
// An emulated machine on a busy one can be late without lifesign's fault, so each
// case is tried a few times, and one that was in time will do; what is said must be
// right each time. It prints a line for each try, then PASS or FAIL, and switches
// the machine off.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

const (
	// limit is for the time from the thread's death, by the kernel's clock, to the
	// finding's line in the file.
	limit = 100 * time.Millisecond
	// tries is how often a case that was late is tried.
	tries = 3
	// patience is how long anything is waited for before it counts as missing.
	patience = 60 * time.Second
	// settled is how long lifesign watches before anything happens.
	settled = time.Second
	// alive is how often the heartbeat must still come after the thread's death.
	alive = 100
)

// out is the serial line. What this process says goes there, and nothing else.
var out io.Writer = os.Stdout

func main() {
	err := run()
	if err != nil {
		say("FAIL: %v", err)
	} else {
		say("PASS")
	}
	// Where that fails the machine goes on, and whoever started it gives it up.
	say("%v", syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF))
	select {}
}

func say(format string, args ...any) { fmt.Fprintf(out, "oops: "+format+"\n", args...) }

// cases are the kernel's mistakes; see the module.
var cases = []struct {
	name   string
	letter string
	leader bool
	waiter bool // another thread then waits for the dead one's lock
}{
	{name: "page fault", letter: "o"},
	{name: "BUG", letter: "b"},
	{name: "page fault of the first thread", letter: "o", leader: true},
	{name: "page fault with a lock held", letter: "m", waiter: true},
}

func run() error {
	for _, m := range []struct{ source, target string }{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/run"}} {
		if err := os.MkdirAll(m.target, 0o755); err != nil {
			return err
		}
		if err := syscall.Mount(m.source, m.target, m.source, 0, ""); err != nil && !errors.Is(err, syscall.EBUSY) {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	serial, err := os.OpenFile("/dev/ttyS0", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	out = serial
	if err := insert("/lifesign_oops.ko"); err != nil {
		return fmt.Errorf("insert the module: %w", err)
	}
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return err
	}
	say("Linux %s", bytes.TrimSpace(release))
	failed := 0
	for i := range cases {
		if err := tried(i); err != nil {
			say("%s: FAIL: %v", cases[i].name, err)
			failed++
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d cases", failed, len(cases))
	}
	return nil
}

var errLate = errors.New("it took too long each time")

func tried(i int) error {
	for try := 0; try < tries; try++ {
		if err := one(i, fmt.Sprintf("%d-%d", i, try)); !errors.Is(err, errLate) {
			return err
		}
	}
	return errLate
}

// insert is finit_module.
func insert(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	none := []byte{0}
	if _, _, errno := syscall.Syscall(sysFinitModule, f.Fd(), uintptr(unsafe.Pointer(&none[0])), 0); errno != 0 {
		return errno
	}
	return nil
}

const sysFinitModule = 313 // on amd64, which the virtual machine is

// one lets a thread of a fresh program die.
func one(i int, run string) error {
	c := cases[i]
	beat, found := "/run/beat"+run, "/run/found"+run
	victim := exec.Command("/victim", beat)
	forWorkers, err := victim.StdinPipe()
	if err != nil {
		return err
	}
	forLeader, err := leaderPipe(victim)
	if err != nil {
		return err
	}
	words, err := victim.StdoutPipe()
	if err != nil {
		return err
	}
	if err := victim.Start(); err != nil {
		return fmt.Errorf("start the victim: %w", err)
	}
	defer forWorkers.Close() // and not before: the victim ends with its input
	defer forLeader.Close()
	// What hangs in the kernel for ever is not waited for: the machine ends soon.
	defer victim.Process.Kill()
	watch, err := watching(victim.Process.Pid, found)
	if err != nil {
		return err
	}
	defer watch.Kill()
	time.Sleep(settled)

	var to io.Writer = forWorkers
	if c.leader {
		to = forLeader
	}
	lines := bufio.NewScanner(words)
	tid, at, err := trigger(to, c.letter, lines)
	if err != nil {
		return err
	}
	f, told, err := await(found, tid)
	if err != nil {
		return err
	}
	if f.Verdict != "vanished" || f.Class != "proven" {
		return fmt.Errorf("thread %d is said to be %s (%s): %s", tid, f.Verdict, f.Class, f.What)
	}
	died := f.Place.Since
	if died < at || died > told {
		return fmt.Errorf("thread %d is said to have died at %d, but it lived at %d, and that was said at %d", tid, died, at, told)
	}
	beats, err := beating(beat, told)
	if err != nil {
		return err
	}
	took := time.Duration(told - died)
	say("%s: thread %d died %.1f ms after its write; %.1f ms after that lifesign says: %s; %d heartbeats since",
		c.name, tid, time.Duration(died-at).Seconds()*1e3, took.Seconds()*1e3, f.What, beats)
	if c.waiter {
		if err := waiter(forWorkers, lines, found); err != nil {
			return err
		}
	}
	if took > limit {
		return errLate
	}
	return nil
}

// watching starts lifesign, and returns when it has said that it watches.
func watching(pid int, found string) (*os.Process, error) {
	watch := exec.Command("/lifesign", "watch", "-json", found, fmt.Sprint(pid))
	words, err := watch.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := watch.Start(); err != nil {
		return nil, fmt.Errorf("start lifesign: %w", err)
	}
	begun := make(chan bool)
	go func() {
		lines := bufio.NewScanner(words)
		for first := true; lines.Scan(); first = false {
			if first {
				close(begun)
			}
			fmt.Fprintln(out, lines.Text())
		}
	}()
	select {
	case <-begun:
		return watch.Process, nil
	case <-time.After(patience):
		return nil, fmt.Errorf("lifesign has not said in %v that it watches", patience)
	}
}

// leaderPipe gives the victim a pipe as descriptor 3.
func leaderPipe(victim *exec.Cmd) (io.WriteCloser, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	victim.ExtraFiles = []*os.File{r}
	return w, nil
}

// trigger writes the letter, and returns who got it and when, as that thread says.
func trigger(to io.Writer, letter string, lines *bufio.Scanner) (tid int, at int64, err error) {
	if _, err := io.WriteString(to, letter); err != nil {
		return 0, 0, err
	}
	if !lines.Scan() {
		return 0, 0, errors.New("the victim has ended")
	}
	if _, err := fmt.Sscan(lines.Text(), &tid, &at); err != nil {
		return 0, 0, fmt.Errorf("the victim says %q", lines.Text())
	}
	return tid, at, nil
}

// waiter has another thread wait for the lock of the dead one. It never gets it,
// and lifesign must say that it is stuck, or else that it cannot tell.
func waiter(to io.Writer, lines *bufio.Scanner, found string) error {
	tid, at, err := trigger(to, "w", lines)
	if err != nil {
		return err
	}
	f, told, err := await(found, tid)
	if err != nil {
		return err
	}
	say("a thread that waits for its lock is %s (%s) after %.1f s: %s", f.Verdict, f.Class, time.Duration(told-at).Seconds(), f.What)
	if f.Verdict != "stuck" {
		return fmt.Errorf("thread %d, which waits for ever, is said to be %s", tid, f.Verdict)
	}
	return nil
}

// finding is what is needed of a line of lifesign's.
type finding struct {
	Verdict string `json:"verdict"`
	Class   string `json:"class"`
	What    string `json:"what"`
	Thread  int    `json:"thread"`
	Place   struct {
		Since int64 `json:"since"` // CLOCK_MONOTONIC nanoseconds
	} `json:"place"`
}

// await returns the first finding about a thread, and when it stood in the file.
func await(name string, tid int) (finding, int64, error) {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		b, err := os.ReadFile(name)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return finding{}, 0, err
		}
		now := monotonic()
		for _, line := range bytes.SplitAfter(b, []byte("\n")) {
			var f finding
			if bytes.HasSuffix(line, []byte("\n")) && json.Unmarshal(line, &f) == nil && f.Thread == tid {
				return f, now, nil
			}
		}
	}
	b, _ := os.ReadFile(name)
	return finding{}, 0, fmt.Errorf("nothing is said of thread %d in %v; in the file stands %q", tid, patience, strings.TrimSpace(string(b)))
}

// beating waits for heartbeats that came later than since.
func beating(name string, since int64) (int, error) {
	n := 0
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		b, err := os.ReadFile(name)
		if err != nil {
			return 0, err
		}
		if t := int64(binary.LittleEndian.Uint64(b)); t > since {
			since = t
			if n++; n == alive {
				return n, nil
			}
		}
	}
	return n, fmt.Errorf("the heartbeat came only %d times after the thread's death", n)
}

func monotonic() int64 {
	var t syscall.Timespec
	const clockMonotonic = 1
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&t)), 0)
	return t.Nano()
}
