package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/internal/cputime"
	"golang.org/x/sys/unix"
)

// burnKnown waits for a line, uses a second of CPU time in threads that come and
// go, in user and in system mode, and waits again. It says what its own clock
// shows whenever it waits.
const burnKnown = `package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"
	"unsafe"
)

func clock(id uintptr) int64 {
	var ts syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, id, uintptr(unsafe.Pointer(&ts)), 0)
	return ts.Nano()
}

const process, thread = 2, 3

func burn(ns int64) {
	runtime.LockOSThread() // and never unlocked: the thread ends here
	for n, end := 0, clock(thread)+ns; clock(thread) < end; n++ {
		if n%2 == 0 {
			for i := 0; i < 100000; i++ {
			}
		} else {
			syscall.RawSyscall(syscall.SYS_GETPPID, 0, 0, 0)
		}
	}
}

func main() {
	in := bufio.NewReader(os.Stdin)
	for {
		fmt.Println(clock(process))
		if _, err := in.ReadString('\n'); err != nil {
			return
		}
		for end := clock(process) + 1e9; clock(process) < end; {
			var wg sync.WaitGroup
			for i := int64(1); i <= 4; i++ {
				wg.Add(1)
				go func() { defer wg.Done(); burn(i * 5e6) }()
			}
			wg.Wait()
		}
	}
}
`

// burner is a program that burnKnown is.
type burner struct {
	*exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startBurner(t *testing.T) *burner {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module burn\n\ngo 1.22\n", "main.go": burnKnown} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command("go", "build", "-o", "burn", ".")
	build.Dir, build.Env = dir, append(os.Environ(), "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b := &burner{Cmd: exec.Command(filepath.Join(dir, "burn"))}
	b.in, _ = b.StdinPipe()
	out, _ := b.StdoutPipe()
	b.out = bufio.NewReader(out)
	if err := b.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Process.Kill(); b.Wait() })
	return b
}

// says returns what its own clock shows, in seconds.
func (b *burner) says(t *testing.T) float64 {
	t.Helper()
	line, err := b.out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	ns, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return seconds(ns)
}

// TestCPUTellsWhatAProgramHasBurnt compares lifesign cpu with the program's own
// clock. The program waits before and after, so that no load of the machine
// comes between the two readings.
func TestCPUTellsWhatAProgramHasBurnt(t *testing.T) {
	b := startBurner(t)
	before := b.says(t)
	cmd := exec.Command("lifesign", "cpu", "-json", "-threads", "-every", "100ms", strconv.Itoa(b.Process.Pid))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	lines := json.NewDecoder(out)
	var sum, stat, threads, total float64
	next := func() error {
		var line cpuLine
		if err := lines.Decode(&line); err != nil {
			return err
		}
		if line.PID != b.Process.Pid || line.Comm != "burn" || !line.Exact || line.Fault != "" {
			t.Errorf("%+v", line)
		}
		sum, stat, total, threads = sum+line.CPU, stat+line.StatCPU, line.Total, threads+line.Ended
		for _, th := range line.Threads {
			threads += th.CPU
		}
		return nil
	}
	if err := next(); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(b.in)
	after := b.says(t)
	cmd.Process.Signal(os.Interrupt)
	for err == nil {
		err = next()
	}
	if err != io.EOF {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("interrupted, it ends with %v", err)
	}
	truth := after - before
	t.Logf("the program: %.6f s, lifesign: %.6f s, /proc/PID/stat: %.2f s, threads: %.6f s", truth, sum, stat, threads)
	if math.Abs(sum-truth) > truth/100 {
		t.Errorf("lifesign says %.6f s, the program has burnt %.6f s", sum, truth)
	}
	if math.Abs(total-after) > truth/100 {
		t.Errorf("lifesign says %.6f s in all, the program %.6f s", total, after)
	}
	// Threads are read after the process's clock. What they run in between is
	// never less than nothing, so it can be told twice, by 4 threads at a time.
	if threads < truth*0.99 {
		t.Errorf("the threads have %.6f s, the program has burnt %.6f s", threads, truth)
	}
	if math.Abs(stat-truth) > truth/100+0.02 {
		t.Errorf("stat says %.2f s, the program has burnt %.6f s", stat, truth)
	}
}

// TestCPUOfThreadsAlone takes the clock of the process away.
func TestCPUOfThreadsAlone(t *testing.T) {
	b := startBurner(t)
	before := b.says(t)
	none := func(int) (int64, error) { return -1, unix.EINVAL }
	p, err := openCPUBy(none, b.Process.Pid, false)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	start := seconds(p.account.Total())
	fmt.Fprintln(b.in)
	var after float64
	done := make(chan bool)
	go func() { after = b.says(t); close(done) }()
	for going := true; going; {
		select {
		case <-done:
			going = false
		case <-time.After(10 * time.Millisecond):
		}
		i, ok, err := p.step()
		if err != nil || !ok || i.Exact || i.Fault != "" {
			t.Fatalf("%+v, %v, %v", i, ok, err)
		}
	}
	got, truth := seconds(p.account.Total())-start, after-before
	t.Logf("%.6f s of %.6f s are seen in threads that live 5 to 20 ms of CPU time, read every 10 ms", got, truth)
	if got > truth*1.01 || got <= 0 {
		t.Errorf("the threads have %.6f s, the program has burnt %.6f s", got, truth)
	}
}

// TestCPUOfAProcessThatEnds reads it once more when it has ended, as long as its
// parent has not taken note; and not that of another one with its number.
func TestCPUOfAProcessThatEnds(t *testing.T) {
	b := startBurner(t)
	b.says(t)
	p, err := openCPU(b.Process.Pid, true)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	fmt.Fprintln(b.in)
	b.in.Close() // it ends when it is done
	b.says(t)
	if err := unix.Waitid(unix.P_PID, b.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	i, ok, err := p.step()
	if !errors.Is(err, errEnded) || !ok || i.Ran < 0.99e9 {
		t.Errorf("%d ns, %v, %v; want a second, true, %v", i.Ran, ok, err, errEnded)
	}
	if _, err := openCPU(b.Process.Pid, false); err == nil || !strings.Contains(err.Error(), "the process has ended, and its parent has not taken note") {
		t.Errorf("open: %v", err)
	}
	b.Wait()
	if i, ok, err := p.step(); !errors.Is(err, errEnded) || ok {
		t.Errorf("%+v, %v, %v; want nothing, false, %v", i, ok, err, errEnded)
	}

	own, err := openCPU(os.Getpid(), false)
	if err != nil {
		t.Fatal(err)
	}
	own.start++
	if _, ok, err := own.step(); !errors.Is(err, errEnded) || ok {
		t.Errorf("another process of that number: %v, %v", ok, err)
	}
}

// TestMetricsNeverGoBack has several monitors ask while the processes are read.
func TestMetricsNeverGoBack(t *testing.T) {
	p, err := openCPU(os.Getpid(), false)
	if err != nil {
		t.Fatal(err)
	}
	w := &cpuWatch{procs: []*cpuProcess{p}, say: t.Logf}
	var wg sync.WaitGroup
	for n := 0; n < 4; n++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			last := 0.0
			for i := 0; i < 200; i++ {
				if err := w.step(); err != nil {
					t.Error(err)
				}
				_, rest, _ := strings.Cut(w.metrics(false), "\nprocess_cpu_seconds_total ")
				line, _, _ := strings.Cut(rest, "\n")
				v, err := strconv.ParseFloat(line, 64)
				if err != nil || v < last || v == 0 {
					t.Errorf("%q after %v: %v", line, last, err)
				}
				last = v
			}
		}()
	}
	wg.Wait()
}

func TestExposition(t *testing.T) {
	make := func(pid int, comm string, ran, stat int64) *cpuProcess {
		p := &cpuProcess{pid: pid, comm: comm, stat: stat}
		p.account.Step(cputime.Sample{Before: ran, After: ran, Stat: stat})
		return p
	}
	plain := make(7, "etcd", 12_345_678_901, 12_340_000_000)
	faulty := make(8, "a\"b\\c\nd\xff{}", 1, 60_000_000)
	got := exposition([]*cpuProcess{plain}, false) + exposition([]*cpuProcess{plain, faulty}, true) + exposition(nil, false)
	head := func(m metric) string { return "# HELP " + m.name + " " + m.help + "\n# TYPE " + m.name + " counter\n" }
	const etcd, other = `{pid="7",comm="etcd"} `, `{pid="8",comm="a\"b\\c\nd` + "\uFFFD" + `{}"} `
	want := ""
	for _, v := range [][3]string{{"12.345678901", "0.000000001"}, {"12.34", "0.06"}, {"0", "1"}} {
		m := metrics[strings.Count(want, "# HELP")]
		want += head(m) + m.name + " " + v[0] + "\n"
	}
	for n, v := range [][2]string{{"12.345678901", "0.000000001"}, {"12.34", "0.06"}, {"0", "1"}} {
		m := metrics[n]
		want += head(m) + m.name + etcd + v[0] + "\n" + m.name + other + v[1] + "\n"
	}
	for _, m := range metrics {
		want += head(m)
	}
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestCPUTable(t *testing.T) {
	var b bytes.Buffer
	out := &cpuTable{out: &b, every: time.Second}
	at := time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	p := &cpuProcess{pid: 4711, comm: "a\x1b[31mb"}
	for _, i := range []cputime.Interval{
		{To: 1e9, Ran: 399e6, Stat: 390e6, Exact: true},
		{To: 1e9, Ran: 399e6, Exact: true, Fault: cputime.StandsStill, Ended: 2e6},
		{To: 499e6, Ran: 1, Exact: true}, // too short
		{To: 2e9, Ran: 30e9, Stat: 30e9, Ended: 1e9},
	} {
		if err := out.interval(p, cpuInterval{i, at}); err != nil {
			t.Fatal(err)
		}
	}
	p.sum = cputime.Interval{To: 4e9, Ran: 1, Stat: 2e9}
	if err := out.end(p); err != nil {
		t.Fatal(err)
	}
	want := `
time          pid name                 CPU %    stat %
15:04:05     4711 a?[31mb               39.9      39.0
15:04:05     4711 a?[31mb               39.9       0.0  stat stands still
15:04:05     4711 a?[31mb            ≥1500.0    1500.0
                    ended threads       50.0
a?[31mb, process 4711, in 4.0 s: at least 0.000 s of CPU time, 0.0 %; its stat says 2.00 s, 50.0 %
`
	if got := "\n" + b.String(); got != want {
		t.Errorf("got%s\nwant%s", got, want)
	}
}

// TestKernelCheck judges a machine with a process that shows the fault.
func TestKernelCheck(t *testing.T) {
	good, bad := &cpuProcess{pid: 7, comm: "good"}, &cpuProcess{pid: 8, comm: "bad"}
	for n := int64(0); n < 5; n++ {
		ran := n * 200e6
		good.account.Step(cputime.Sample{Before: ran, After: ran, Stat: ran - ran%10e6})
		bad.account.Step(cputime.Sample{Before: ran, After: ran, Stat: 820e6})
	}
	for _, test := range []struct {
		name    string
		procs   []*cpuProcess
		release string
		want    int
	}{
		{"old, without the fault", []*cpuProcess{good}, "3.10.0", exitCannotTell},
		{"old, with it", []*cpuProcess{good, bad}, "3.10.0", exitAffected},
		{"new", []*cpuProcess{good}, "6.18.44", 0},
		{"new, idle", nil, "6.18.44", 0},
		{"old, idle", nil, "3.10.0", exitCannotTell},
		{"new by its number", []*cpuProcess{bad}, "6.18.44", exitAffected},
	} {
		h := &hostCheck{ended: test.procs}
		check := h.judge(test.release)
		if got := check.status(); got != test.want {
			t.Errorf("%s: status %d, want %d: %+v", test.name, got, test.want, check)
		}
		var b bytes.Buffer
		if err := check.print(&b); err != nil {
			t.Fatal(err)
		}
		named := strings.Contains(b.String(), "process 8 (bad): in 4 of 4 stretches of 100 ms of CPU time it stood still")
		if named != (test.want == exitAffected) || strings.Contains(b.String(), "(good)") {
			t.Errorf("%s:\n%s", test.name, &b)
		}
	}
}

func BenchmarkCPUSample(b *testing.B) {
	for _, threads := range []bool{false, true} {
		b.Run(fmt.Sprintf("threads=%v", threads), func(b *testing.B) {
			p, err := openCPU(os.Getpid(), threads)
			if err != nil {
				b.Fatal(err)
			}
			defer p.close()
			b.ReportAllocs()
			for i := 0; i < b.N; i++ {
				if _, _, err := p.step(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
