package pause

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/internal/clock"
	"github.com/lifesign-go/lifesign/internal/proc"
)

// The victim is this test's binary once more. It watches itself, writes its pauses as
// lines of JSON, and does to itself what a line on its standard input says.

const victimEnv = "PAUSE_TEST_VICTIM"

func TestMain(m *testing.M) {
	switch os.Getenv(victimEnv) {
	case "victim":
		victim()
		os.Exit(0)
	case "watched":
		if _, err := Watch(Options{}); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fallthrough
	case "idle":
		time.Sleep(2500 * time.Millisecond) // the first reading opens files
		before, _ := proc.ProcessTime(os.Getpid())
		time.Sleep(duration(os.Args[1]))
		after, _ := proc.ProcessTime(os.Getpid())
		fmt.Print(after - before)
		os.Exit(0)
	case "hog":
		hog(duration(os.Args[1]))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func victim() {
	var mu sync.Mutex
	out := json.NewEncoder(os.Stdout)
	w, err := Watch(Options{Report: func(p Pause) {
		mu.Lock()
		defer mu.Unlock()
		out.Encode(p)
	}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer w.Stop()
	time.Sleep(3300 * time.Millisecond) // a reading shows what is usual
	fmt.Println(`{"Kind":"ready"}`)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		deed(strings.Fields(lines.Text()))
		if lines.Text() == "settle" { // what may show late has shown
			time.Sleep(3 * w.o.Tick)
			for atomic.LoadInt32(&w.waiting) > 0 {
				time.Sleep(10 * time.Millisecond)
			}
			time.Sleep(20 * time.Millisecond)
		}
		mu.Lock()
		fmt.Printf("{\"Kind\":\"done\",\"Until\":%d}\n", clock.Monotonic())
		mu.Unlock()
	}
}

// deed is what a victim does to itself.
func deed(word []string) {
	switch word[0] {
	case "burn":
		burn(runtime.GOMAXPROCS(0), duration(word[1]))
	case "crowd":
		crowd()
	case "gcstop":
		gcStop()
	case "stacks":
		stacks()
	case "gcwork":
		gcWork(duration(word[1]))
	case "swap":
		swap(duration(word[1]))
	case "fault":
		fault(word[1], duration(word[2]))
	}
}

func duration(s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		panic(err)
	}
	return d
}

// burn has n goroutines compute.
func burn(n int, d time.Duration) {
	var wg sync.WaitGroup
	until := time.Now().Add(d)
	for i := 0; i < n; i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for x := 0; ; x++ {
				if x%10000 == 0 && time.Now().After(until) {
					return
				}
			}
		}()
	}
	wg.Wait()
}

var zeroes = func() func() (a, b []byte) {
	var a, b []byte
	return func() ([]byte, []byte) {
		if a == nil {
			a, b = mapped(16<<30), mapped(16<<30)
		}
		return a, b
	}
}()

// mapped is memory that has nothing in it but the kernel's page of zeroes.
func mapped(size int) []byte {
	m, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ, syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_NORESERVE)
	if err != nil {
		panic(err)
	}
	return m
}

// gcStop has the collector wait for a goroutine that cannot be stopped: comparing
// memory is one function of assembly, which the runtime does not interrupt.
func gcStop() {
	a, b := zeroes()
	done := make(chan struct{})
	go func() {
		bytes.Equal(a, b)
		close(done)
	}()
	time.Sleep(3 * time.Millisecond)
	runtime.GC()
	<-done
}

// crowd has goroutines that cannot be interrupted on every processor. Those that can
// hardly delay a tick: a timer's goroutine is the next to run.
func crowd() {
	a, b := zeroes()
	var wg sync.WaitGroup
	for i := 0; i < runtime.GOMAXPROCS(0); i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			bytes.Equal(a, b)
		}()
	}
	wg.Wait()
}

var many sync.Once

// stacks writes the stacks of very many goroutines, for which the world stands.
func stacks() {
	many.Do(func() {
		var wg sync.WaitGroup
		for i := 0; i < 60000; i++ {
			wg.Add(1)
			go func() { wg.Done(); select {} }()
		}
		wg.Wait()
		time.Sleep(300 * time.Millisecond)
	})
	runtime.Stack(make([]byte, 64<<20), true)
}

type tree struct{ left, right *tree }

func grow(depth int) *tree {
	if depth == 0 {
		return &tree{}
	}
	return &tree{grow(depth - 1), grow(depth - 1)}
}

var forest []*tree

// gcWork allocates beside a large heap of pointers.
func gcWork(d time.Duration) {
	for len(forest) < 8 {
		forest = append(forest, grow(19))
	}
	var wg sync.WaitGroup
	until := time.Now().Add(d)
	for i := 0; i < 8*runtime.GOMAXPROCS(0); i++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for time.Now().Before(until) {
				grow(12)
			}
		}()
	}
	wg.Wait()
}

var large []byte

// swap goes through more memory than the control group may have.
func swap(d time.Duration) {
	const size, page = 300 << 20, 4096
	if large == nil {
		m, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
		if err != nil {
			panic(err)
		}
		syscall.Madvise(m, 15) // MADV_NOHUGEPAGE
		rand.New(rand.NewSource(1)).Read(m)
		large = m
	}
	var wg sync.WaitGroup
	until := time.Now().Add(d)
	for i := 0; i < 2*runtime.GOMAXPROCS(0); i++ {
		wg.Add(1)
		go func(i int) {
			defer wg.Done()
			for at := i * 7919 * page; time.Now().Before(until); at += 104729 * page {
				large[at%size]++
			}
		}(i)
	}
	wg.Wait()
}

// fault reads pages of a file that nothing has in memory, by more goroutines than
// there are processors: each keeps its own while it waits.
func fault(name string, d time.Duration) {
	f, err := os.Open(name)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	size := 32 << 20
	m, err := syscall.Mmap(int(f.Fd()), 0, size, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	defer syscall.Munmap(m)
	syscall.Madvise(m, syscall.MADV_RANDOM)
	var wg sync.WaitGroup
	until := time.Now().Add(d)
	n := 2 * runtime.GOMAXPROCS(0)
	var sum byte
	for i := 0; i < n; i++ {
		wg.Add(1)
		go func(i int) {
			defer wg.Done()
			var own byte
			for at := i * size / n; at < (i+1)*size/n && time.Now().Before(until); at += 16 << 10 {
				own += m[at]
			}
			if own > 200 {
				sum = own
			}
		}(i)
	}
	wg.Wait()
	_ = sum
}
