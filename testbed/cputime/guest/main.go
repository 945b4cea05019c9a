// Command guest is the first process of a virtual machine whose kernel makes
// utime and stime as all do, or as those before 4.3 did. It starts a program that
// is busy for less than half of the time, mostly when no tick sees it, and has
// lifesign cpu say how busy it is. It prints what came out, then PASS or FAIL, and
// switches the machine off.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// out is the serial line. What this process says goes there, and nothing else.
var out io.Writer = os.Stdout

func say(format string, args ...any) { fmt.Fprintf(out, "cputime: "+format+"\n", args...) }

func main() {
	if len(os.Args) > 1 && os.Args[1] == "load" {
		load()
		return
	}
	if err := run(); err != nil {
		say("FAIL: %v", err)
	} else {
		say("PASS")
	}
	// Where that fails the machine goes on, and whoever started it gives it up.
	say("%v", syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF))
	select {}
}

func run() error {
	for _, m := range []struct{ source, target string }{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}} {
		if err := syscall.Mount(m.source, m.target, m.source, 0, ""); err != nil && !errors.Is(err, syscall.EBUSY) {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	serial, err := os.OpenFile("/dev/ttyS0", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	out = serial
	cmdline, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return err
	}
	old := bytes.Contains(cmdline, []byte("lifesign.kernel=old"))
	if old {
		if err := patch("/lifesign_cputime.ko"); err != nil {
			return fmt.Errorf("patch the kernel: %w", err)
		}
		say("utime and stime as before Linux 4.3")
	} else {
		say("utime and stime as they are")
	}
	return judge(old)
}

// patch inserts a live patch and waits until every task goes by it.
func patch(name string) error {
	module, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	none := []byte{0}
	_, _, errno := syscall.Syscall(syscall.SYS_INIT_MODULE, uintptr(unsafe.Pointer(&module[0])), uintptr(len(module)), uintptr(unsafe.Pointer(&none[0])))
	if errno != 0 {
		return errno
	}
	for i := 0; i < 100; i++ {
		state, err := os.ReadFile("/sys/kernel/livepatch/lifesign_cputime/transition")
		if err == nil && string(state) == "0\n" {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return errors.New("some tasks have not taken it")
}

// seen is what lifesign has said, second by second.
type seen struct {
	seconds             int
	least, most         float64 // percents of its own
	statLeast, statMost float64 // and of /proc/PID/stat
	faults              int
	total               float64 // CPU seconds
}

func judge(old bool) error {
	program := exec.Command("/proc/self/exe", "load")
	program.Stderr = out
	stop, err := program.StdinPipe()
	if err != nil {
		return err
	}
	var told bytes.Buffer
	program.Stdout = &told
	if err := program.Start(); err != nil {
		return err
	}
	pid := strconv.Itoa(program.Process.Pid)
	lines, err := exec.Command("/lifesign", "cpu", "-json", "-for", "60s", pid).Output()
	if err != nil {
		return fmt.Errorf("lifesign cpu: %w", err)
	}
	s, err := read(lines)
	if err != nil {
		return err
	}
	check := exec.Command("/lifesign", "cpu", "-check", "-for", "20s")
	verdict, _ := check.Output()
	for _, line := range strings.Split(strings.TrimSpace(string(verdict)), "\n") {
		say("%s", line)
	}
	// What it has used of the processor is told until it stops, by lifesign and,
	// by the clock on the wall, by itself.
	last, err := exec.Command("/lifesign", "cpu", "-json", "-for", "100ms", pid).Output()
	if err != nil {
		return fmt.Errorf("lifesign cpu: %w", err)
	}
	end, err := read(last)
	if err != nil {
		return err
	}
	stop.Close()
	if err := program.Wait(); err != nil {
		return fmt.Errorf("the program: %w", err)
	}
	truth, err := strconv.ParseFloat(strings.TrimSpace(told.String()), 64)
	if err != nil {
		return fmt.Errorf("the program said %q", &told)
	}
	say("in %d seconds lifesign said %.1f to %.1f %%, /proc/PID/stat %.1f to %.1f %%, and that was wrong %d times",
		s.seconds, s.least, s.most, s.statLeast, s.statMost, s.faults)
	say("in all lifesign said %.2f s, the clock on the wall %.2f s", end.total, truth)
	return s.right(old, check.ProcessState.ExitCode(), end.total, truth)
}

// right says what is not as it must be.
func (s seen) right(old bool, status int, total, truth float64) error {
	switch {
	case s.seconds < 55:
		return fmt.Errorf("%d seconds were told of 60", s.seconds)
	case s.most > 1.1*s.least:
		return errors.New("the load is even, and lifesign's figure is not")
	case math.Abs(total-truth) > 0.04*truth:
		return errors.New("lifesign's sum is not that of the clock on the wall")
	case old && (s.faults == 0 || s.statLeast > s.least/2 || s.statMost < 1.5*s.most):
		return errors.New("the patched kernel has not shown the fault, or lifesign has not seen it")
	case old && status != 3:
		return fmt.Errorf("lifesign cpu -check ended with status %d on a kernel that is affected", status)
	case !old && (s.faults > 0 || s.statLeast < s.least-3 || s.statMost > s.most+3):
		return errors.New("the kernel has shown a fault that it does not have")
	case !old && status != 0:
		return fmt.Errorf("lifesign cpu -check ended with status %d on a kernel that is not affected", status)
	}
	return nil
}

func read(lines []byte) (seen, error) {
	s := seen{least: math.Inf(1), statLeast: math.Inf(1)}
	for d := json.NewDecoder(bytes.NewReader(lines)); ; {
		var line struct {
			Percent     float64
			StatPercent float64 `json:"stat_percent"`
			Total       float64 `json:"total_cpu_seconds"`
			Fault       string
		}
		if err := d.Decode(&line); err == io.EOF {
			return s, nil
		} else if err != nil {
			return s, fmt.Errorf("lifesign cpu -json: %w", err)
		}
		s.seconds++
		s.least, s.most = math.Min(s.least, line.Percent), math.Max(s.most, line.Percent)
		s.statLeast, s.statMost = math.Min(s.statLeast, line.StatPercent), math.Max(s.statMost, line.StatPercent)
		s.total = line.Total
		if line.Fault != "" {
			s.faults++
		}
	}
}

// load works after each tick and sleeps before the next, until its standard input
// is closed. One time in some thousand a tick sees it. The part of the time that
// it spends in the kernel goes from 30 % to 70 % and back in a minute. At the end it
// prints how long it has worked, in seconds by the clock on the wall: nobody else
// wants the processor.
func load() {
	done := make(chan bool)
	go func() { io.Copy(io.Discard, os.Stdin); close(done) }()
	// Nothing is allocated, for a collector at work would be seen by ticks.
	text := make([]byte, 512)
	version, err := syscall.Open("/proc/version", syscall.O_RDONLY, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	runtime.LockOSThread()
	random := rand.New(rand.NewSource(1))
	start := monotonic()
	worked := int64(0)
	for began := start; ; began = monotonic() {
		select {
		case <-done:
			fmt.Println(float64(worked) / 1e9)
			return
		default:
		}
		share := 0.5 - 0.2*math.Cos(2*math.Pi*float64(began-start)/60e9)
		system := random.Float64() < share
		long := int64(1.6e6)
		if random.Intn(4000) == 0 {
			long = 6e6
		}
		for monotonic() < began+long {
			if system {
				syscall.Pread(version, text, 0)
			} else {
				spin()
			}
		}
		worked += monotonic() - began
		time := syscall.Timespec{Nsec: 1e6}
		syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&time)), 0, 0)
	}
}

//go:noinline
func spin() {
	for i := 0; i < 10000; i++ {
	}
}

// monotonic is CLOCK_MONOTONIC.
func monotonic() int64 {
	var ts syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, 1, uintptr(unsafe.Pointer(&ts)), 0)
	return ts.Nano()
}
