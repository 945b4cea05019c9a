// Command layout checks the layout text it is given against the runtime it has:
// it looks at its own goroutines and locks the way a reader from outside does.
// It prints what does not agree.
package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
	"unsafe"
)

func getg() unsafe.Pointer

var values = map[string]string{}

func main() {
	for _, pair := range strings.Fields(os.Args[1])[2:] {
		name, value, _ := strings.Cut(pair, "=")
		values[name] = value
	}
	running()
	blocked()
	locks()
}

func number(name string) uintptr {
	n, err := strconv.ParseUint(values[name], 10, 32)
	if err != nil {
		fmt.Printf("%s: %v\n", name, err)
	}
	return uintptr(n)
}

func word(p unsafe.Pointer, name string) uint64   { return *(*uint64)(unsafe.Add(p, number(name))) }
func word32(p unsafe.Pointer, name string) uint32 { return *(*uint32)(unsafe.Add(p, number(name))) }

func check(what string, ok bool, got ...any) {
	if !ok {
		fmt.Println(what, fmt.Sprint(got...))
	}
}

// goid is what the runtime says the number of this goroutine is.
func goid() uint64 {
	var buf [64]byte
	f := bytes.Fields(buf[:runtime.Stack(buf[:], false)])
	n, _ := strconv.ParseUint(string(f[1]), 10, 64)
	return n
}

func status(g unsafe.Pointer) uintptr {
	return uintptr(word32(g, "g.atomicstatus")) &^ number("status.scan")
}

func running() {
	parent := goid()
	done := make(chan bool)
	go func() {
		defer close(done)
		g, local := getg(), 0
		at := uint64(uintptr(unsafe.Pointer(&local)))
		check("goid", word(g, "g.goid") == goid(), word(g, "g.goid"), " ", goid())
		check("parentGoid", word(g, "g.parentGoid") == parent, word(g, "g.parentGoid"), " ", parent)
		check("stack", word(g, "g.stack.lo") < at && at < word(g, "g.stack.hi"))
		check("status", status(g) == number("status.running"), status(g))
		check("gopc", within(word(g, "g.gopc"), "main.running"))
		check("startpc", within(word(g, "g.startpc"), "main.running.func1"))
	}()
	<-done
}

func within(pc uint64, name string) bool {
	f := runtime.FuncForPC(uintptr(pc))
	return f != nil && f.Name() == name
}

// blocked looks at goroutines that wait: for a lock of each kind, and at a
// channel.
func blocked() {
	mu, rw, ch, group := new(sync.Mutex), new(sync.RWMutex), make(chan int), new(sync.WaitGroup)
	group.Add(3)
	mu.Lock()
	rw.RLock()
	tests := []struct {
		name, reason string
		object       unsafe.Pointer // nil if the runtime keeps another one
		wait         func()
	}{
		{"mutex", "sync.Mutex.Lock", unsafe.Pointer(mu), func() { mu.Lock() }},
		{"writer", "sync.RWMutex.Lock", nil, func() { rw.Lock() }},
		{"reader", "sync.RWMutex.RLock", nil, func() { rw.RLock() }},
		{"receive", "chan receive", nil, func() { <-ch }},
		{"group", "sync.WaitGroup.Wait", nil, func() { group.Wait() }},
	}
	for _, tt := range tests {
		gs := make(chan unsafe.Pointer)
		go func() {
			gs <- getg()
			tt.wait()
		}()
		g := <-gs
		for i := 0; status(g) != number("status.waiting") && i < 1000; i++ {
			time.Sleep(time.Millisecond)
		}
		reason := values[fmt.Sprintf("reason.%d", *(*uint8)(unsafe.Add(g, number("g.waitreason"))))]
		check(tt.name+" reason", strings.ReplaceAll(reason, "_", " ") == tt.reason, reason)
		check(tt.name+" status", status(g) == number("status.waiting"), status(g))
		sp, lo, hi := word(g, "g.sched.sp"), word(g, "g.stack.lo"), word(g, "g.stack.hi")
		check(tt.name+" sp", lo < sp && sp < hi, sp)
		check(tt.name+" bp", lo < word(g, "g.sched.bp") && word(g, "g.sched.bp") < hi)
		check(tt.name+" pc", within(word(g, "g.sched.pc"), "runtime.gopark"))
		if tt.object != nil {
			object(tt.name, g, tt.object)
		}
		if tt.name == "receive" {
			channel(g, *(*unsafe.Pointer)(unsafe.Pointer(&ch)))
		}
	}
	check("group", int32(*(*uint64)(unsafe.Add(unsafe.Pointer(group), number("WaitGroup.state")))>>32) == 3)
	check("group size", number("WaitGroup.size") == unsafe.Sizeof(*group))
}

// channel checks that the goroutine waits at the channel, which is empty.
func channel(g, ch unsafe.Pointer) {
	sudog := *(*unsafe.Pointer)(unsafe.Add(g, number("g.waiting")))
	check("sudog.c", *(*unsafe.Pointer)(unsafe.Add(sudog, number("sudog.c"))) == ch)
	check("recvq", *(*unsafe.Pointer)(unsafe.Add(ch, number("hchan.recvq"))) == sudog)
	check("sendq", word(ch, "hchan.sendq") == 0)
	check("next", word(sudog, "sudog.next") == 0)
	check("qcount", word(ch, "hchan.qcount") == 0 && word(ch, "hchan.dataqsiz") == 0)
	check("closed", word32(ch, "hchan.closed") == 0)
}

// object checks that the goroutine waits at an address in the lock, as found
// through its sudog.
func object(name string, g, lock unsafe.Pointer) {
	waiting := word(g, "g.waiting")
	if waiting == 0 {
		return // the runtime does not keep it for semaphores in this version
	}
	elem := *(*uint64)(unsafe.Add(*(*unsafe.Pointer)(unsafe.Add(g, number("g.waiting"))), number("sudog.elem")))
	at := uint64(uintptr(lock))
	check(name+" elem", at <= elem && elem < at+uint64(number("Mutex.size")), elem-at)
}

func locks() {
	var mu sync.Mutex
	check("Mutex.size", number("Mutex.size") == unsafe.Sizeof(mu))
	check("free", word32(unsafe.Pointer(&mu), "Mutex.state")&1 == 0)
	mu.Lock()
	check("locked", word32(unsafe.Pointer(&mu), "Mutex.state")&1 == 1)

	var rw sync.RWMutex
	p := unsafe.Pointer(&rw)
	check("RWMutex.size", number("RWMutex.size") == unsafe.Sizeof(rw))
	rw.RLock()
	rw.RLock()
	check("readers", word32(p, "RWMutex.readerCount") == 2, word32(p, "RWMutex.readerCount"))
	go rw.Lock()
	for i := 0; word32(p, "RWMutex.readerWait") == 0 && i < 1000; i++ {
		time.Sleep(time.Millisecond)
	}
	check("pending readers", word32(p, "RWMutex.readerWait") == 2, word32(p, "RWMutex.readerWait"))
	check("pending count", int32(word32(p, "RWMutex.readerCount")) < 0)
	w := unsafe.Add(p, number("RWMutex.w"))
	check("pending writer", word32(w, "Mutex.state")&1 == 1)
}
