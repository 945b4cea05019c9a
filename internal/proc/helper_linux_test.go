package proc

import (
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// cpuSet is what sched_setaffinity takes: 1024 processors.
type cpuSet [16]uint64

func affinity() (set cpuSet) {
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SCHED_GETAFFINITY, 0, unsafe.Sizeof(set), uintptr(unsafe.Pointer(&set))); errno != 0 {
		panic(errno)
	}
	return set
}

// keepTo keeps the running thread to the processors of a set.
func keepTo(set cpuSet) {
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, unsafe.Sizeof(set), uintptr(unsafe.Pointer(&set))); errno != 0 {
		panic(errno)
	}
}

func (set cpuSet) last() (one cpuSet, number int) {
	for number = 64*len(set) - 1; set[number/64]>>(uint(number)%64)&1 == 0; number-- {
	}
	one[number/64] = 1 << (uint(number) % 64)
	return one, number
}

// playSpin has so many threads that share one processor and leave it to nobody.
func playSpin(args []string) {
	n, _ := strconv.Atoi(args[0])
	one, _ := affinity().last()
	runtime.GOMAXPROCS(n + 2)
	for i := 0; i < n; i++ {
		begun := make(chan bool)
		go func() {
			runtime.LockOSThread()
			keepTo(one)
			for close(begun); ; {
			}
		}()
		<-begun
	}
	ready("spins")
	forever()
}

// A helper that has had no processor is not given up: it has not hung.
func TestHelperThatWaitsForAProcessor(t *testing.T) {
	start(t, "spin 7")
	const limit = 300 * time.Millisecond
	h := Ask(func() {
		old := affinity()
		defer keepTo(old)
		one, _ := old.last()
		keepTo(one)
		// It runs for an eighth of this time, and waits for the rest.
		for end := time.Now().Add(2 * limit); time.Now().Before(end); {
		}
	})
	if !h.Wait(limit) {
		t.Errorf("it was given up: %+v", h.stance())
	}
	<-h.Done()
}

// One that has had all the processor time that it may have is given up.
func TestHelperThatComputes(t *testing.T) {
	var stop int32
	h := Ask(func() {
		for end := time.Now().Add(time.Minute); time.Now().Before(end) && atomic.LoadInt32(&stop) == 0; {
		}
	})
	if h.Wait(30 * time.Millisecond) {
		t.Error("it was waited for to its end")
	}
	if h.Wait(0) {
		t.Error("it has not returned, and a wait of no time says that it has")
	}
	atomic.StoreInt32(&stop, 1)
	<-h.Done()
	if !h.Wait(0) || !h.Wait(time.Hour) {
		t.Error("it has returned, and a wait says that it has not")
	}
}

// One that stands in the kernel is given up when its time is up, and not later.
func TestHelperThatHangs(t *testing.T) {
	var p [2]int
	if err := syscall.Pipe(p[:]); err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(p[0])
	h := Ask(func() { rawRead(p[0], make([]byte, 1)) })
	began := time.Now()
	const limit = 2 * time.Second // of which an extension would make twenty
	if h.Wait(limit) {
		t.Error("a read of an empty pipe has returned")
	}
	if took := time.Since(began); took < limit || took > limit*helperMost/2 {
		t.Errorf("it was given up after %v, want %v", took, limit)
	}
	if s := h.stance(); !s.stands || s.slices == 0 {
		t.Errorf("it stands as %+v", s)
	}
	syscall.Close(p[1])
	<-h.Done()
}

// TestPulseGoesByTheClock: what this very process has computed is told exactly.
func TestPulseGoesByTheClock(t *testing.T) {
	p := real(os.Getpid()).Pulse()
	defer p.Close()
	before, err := ProcessTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	got := p.Process().RanNS
	after, err := ProcessTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if before <= 0 || got < before || got > after {
		t.Errorf("it has had %d ns, by its clock %d before and %d after that", got, before, after)
	}
	if _, err := ProcessTime(1 << 22); err == nil {
		t.Error("a process that there cannot be has a clock")
	}
}
