package proc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// mutexText is a mutex of glibc on a 64-bit machine (sysdeps/nptl/bits/struct_mutex.h):
// the word that futexes work on at 0, owner at 8, users at 12, kind at 16. What
// follows is zero except in some kinds.
type mutexText struct {
	word  uint32
	count uint32
	owner int32
	users uint32
	kind  uint32
	spins uint32 // and elision
	links [2]uint64
}

const mutexSize = 40

// parseMutex reports by ok whether b could be a mutex that is held.
func parseMutex(b []byte) (m mutexText, ok bool) {
	if len(b) < mutexSize {
		return m, false
	}
	le := binary.LittleEndian
	m = mutexText{
		le.Uint32(b), le.Uint32(b[4:]), int32(le.Uint32(b[8:])), le.Uint32(b[12:]), le.Uint32(b[16:]), le.Uint32(b[20:]),
		[2]uint64{le.Uint64(b[24:]), le.Uint64(b[32:])},
	}
	return m, m.plausible()
}

// The bits of a mutex's kind (PTHREAD_MUTEX_KIND_MASK_NP and so on).
const (
	kindMask   = 3
	recursive  = 1
	adaptive   = 3
	kindRobust = 0x10
	kindPI     = 0x20
	kindShared = 0x80
	kindElides = 0x100
	kindKnown  = 0x3f3
	maxUsers   = 1 << 20
	maxTID     = 1 << 22 // PID_MAX_LIMIT
)

// plausible reports whether a mutex that is held could look like this. Other
// locks wait in the same way, and have anything behind their word: a false owner
// would be a false proof.
func (m mutexText) plausible() bool {
	switch {
	case m.kind&^kindKnown != 0, m.owner <= 0, m.owner > maxTID, m.users == 0, m.users > maxUsers:
		return false
	case m.count != 0 && m.kind&kindMask != recursive && m.kind&(kindRobust|kindPI) == 0, m.count > maxUsers:
		return false
	case m.spins != 0 && m.kind&kindMask != adaptive && m.kind&kindElides == 0:
		return false
	}
	return m.links == [2]uint64{} || m.kind&(kindRobust|kindPI) != 0
}

// The operations of futex that wait, without their flags (include/uapi/linux/futex.h).
const (
	futexWait       = 0
	futexLockPI     = 6
	futexWaitBitset = 9
	futexLockPI2    = 13
	futexPrivate    = 128
	futexFlags      = futexPrivate | 256
)

// A futex word that says who has it: the owner's number, and flags.
const (
	wordTID     = 0x3fffffff
	wordWaiters = 0x80000000
)

// onFutex is for a wait at a word in memory: whose that is follows from the
// memory there, if that makes sense.
func (q *inquiry) onFutex(r *event.Resource) error {
	addr, value := q.in.args[0], uint32(q.in.args[2])
	op := int(uint32(q.in.args[1]) &^ futexFlags)
	if q.call.name == "futex_wait" {
		value, op = uint32(q.in.args[1]), futexWait
	}
	r.Kind, r.Name = event.OnFutex, fmt.Sprintf("the futex at %#x", addr)
	if q.Read == nil {
		return errNoRead
	}
	var buf [mutexSize]byte
	if err := q.Read(addr, buf[:4]); err != nil {
		return err
	}
	word := binary.LittleEndian.Uint32(buf[:])
	switch {
	case op == futexLockPI || op == futexLockPI2:
		return q.owned(addr, int(word&wordTID), q.in.args[1]&futexPrivate == 0, r)
	case op != futexWait && op != futexWaitBitset:
	case op == futexWait && value == 2 && word == 2:
		// A wait with a limit, and those of Rust's locks, are of the other kind.
		if q.Read(addr, buf[:]) == nil {
			if m, ok := parseMutex(buf[:]); ok {
				return q.owned(addr, int(m.owner), m.kind&kindShared != 0, r)
			}
		}
		q.join(addr, value, r)
	case value&wordWaiters != 0 && word&wordTID == value&wordTID:
		if tid, own, _ := q.thread(int(value & wordTID)); own && q.namesOwner(addr, value&wordTID) {
			r.Kind, r.Name = event.OnMutex, fmt.Sprintf("the mutex at %#x", addr)
			r.Holders = []event.Task{q.Task(q.PID, tid)}
		}
	case value == readWriteHeld && word == value && q.readWrite(addr, r):
	case word == value:
		q.join(addr, value, r)
	}
	return nil
}

// readWriteHeld is what readers and writers expect of a read-write lock's words
// while they wait for a writer: it is theirs, and it is waited at (nptl/pthread_rwlock_common.c).
const readWriteHeld = 1 | 2

// readWrite finds out whether the word is one of a read-write lock of glibc on a
// 64-bit machine that a writer has (sysdeps/nptl/bits/struct_rwlock.h): of those
// at 8 and 12. The state at 0 says that a writer has it, its number is at 24; what
// follows is the kind of sharing, no elision, zeros and which kind it is.
func (q *inquiry) readWrite(addr uint64, r *event.Resource) bool {
	const size, held = 56, 1 | 2
	for _, at := range []uint64{8, 12} {
		var buf [size]byte
		if addr < at || q.Read(addr-at, buf[:]) != nil {
			continue
		}
		le := binary.LittleEndian
		state, spare, owner, shared := le.Uint32(buf[:]), le.Uint64(buf[16:]), le.Uint32(buf[24:]), le.Uint32(buf[28:])
		if state&held != held || spare != 0 || owner == 0 || owner > maxTID || shared > 1 || le.Uint64(buf[32:]) != 0 || le.Uint64(buf[40:]) != 0 || le.Uint32(buf[48:]) > 2 {
			continue
		}
		if err := q.owned(addr-at, int(owner), shared != 0, r); err != nil {
			r.Err = err.Error()
		}
		r.Name = fmt.Sprintf("the read-write lock at %#x", addr-at)
		return true
	}
	return false
}

// namesOwner reports whether the lock at addr is one that has its owner's number
// in the word: a robust mutex of glibc, or a mutex of musl that checks its
// owner (type before the word: recursive or checking, perhaps robust,
// inheriting, shared).
func (q *inquiry) namesOwner(addr uint64, owner uint32) bool {
	var buf [mutexSize]byte
	if q.Read(addr, buf[:]) == nil {
		if m, ok := parseMutex(buf[:]); ok && m.kind&kindRobust != 0 && uint32(m.owner) == owner {
			return true
		}
	}
	if q.Read(addr-4, buf[:4]) != nil {
		return false
	}
	kind := binary.LittleEndian.Uint32(buf[:])
	return kind&3 != 0 && kind&^(3|4|8|128) == 0
}

// join finds out whether the word is the number of a thread that pthread_join
// waits for: the kernel clears it when the thread has ended. In glibc on amd64
// it stands in the thread's descriptor, which begins with its own address, twice
// (nptl/descr.h, sysdeps/x86_64/nptl/tls.h). Elsewhere nothing tells it from any
// small number, and it stays a futex.
func (q *inquiry) join(addr uint64, value uint32, r *event.Resource) {
	const tidAt, selfAt = 720, 16
	if q.Arch != "amd64" || value == 0 || value > maxTID || addr < tidAt {
		return
	}
	var buf [selfAt + 8]byte
	if q.Read(addr-tidAt, buf[:]) != nil {
		return
	}
	if le := binary.LittleEndian; le.Uint64(buf[:]) != addr-tidAt || le.Uint64(buf[selfAt:]) != addr-tidAt {
		return
	}
	if tid, own, _ := q.thread(int(value)); own && tid != q.th.ID {
		r.Kind, r.Name = event.OnJoin, fmt.Sprintf("the end of thread %d", tid)
		r.Holders = []event.Task{q.Task(q.PID, tid)}
	}
}

// owned is for a mutex that names its owner by the number that this has in the
// process's own PID namespace. If no thread there has that number, the owner is
// gone. Of a mutex that processes share it may be in another one, and in another
// namespace.
func (q *inquiry) owned(addr uint64, owner int, shared bool, r *event.Resource) error {
	r.Kind, r.Name = event.OnMutex, fmt.Sprintf("the mutex at %#x", addr)
	if owner == 0 {
		return errors.New("it names no owner")
	}
	tid, own, err := q.thread(owner)
	switch {
	case err != nil:
		return fmt.Errorf("whether its owner, thread %d, is there: %w", owner, err)
	case own:
		r.Holders = []event.Task{q.Task(q.PID, tid)}
	case !shared:
		r.Holders = []event.Task{{PID: q.PID, TID: owner, State: stateGone}}
	default:
		return q.stranger(owner, r)
	}
	return nil
}

// stranger finds an owner in another process. Any thread has a directory in
// /proc, though it is not listed.
func (q *inquiry) stranger(owner int, r *event.Resource) error {
	if nested, err := q.nested(); nested || err != nil {
		return fmt.Errorf("its owner, %d in the process's own PID namespace, is a thread of another process", owner)
	}
	b, err := os.ReadFile(q.of(owner).path("status"))
	if err != nil {
		return fmt.Errorf("its owner, %d, is gone, or is in another PID namespace", owner)
	}
	s, err := parseStatus(b)
	if err != nil {
		return err
	}
	r.Holders = []event.Task{q.Task(s.process, owner)}
	return nil
}

var errNoNamespaces = errors.New("this kernel does not tell what threads call themselves (NSpid, since Linux 4.1)")

// nested reports whether the process is in another PID namespace than /proc
// shows.
func (k Kernel) nested() (bool, error) {
	b, err := os.ReadFile(k.path("status"))
	if err != nil {
		return false, err
	}
	s, err := parseStatus(b)
	if err == nil && s.inner == 0 {
		err = errNoNamespaces
	}
	return s.nested, err
}

// freshInner is how long what threads call themselves is good for. Who has stood
// for a while waits for nobody who has come since.
const freshInner = 50 * time.Millisecond

// thread returns the thread of the process that calls itself by a number. What a
// thread calls itself is its number in its own PID namespace. Without an error
// it is certain that there is none if ok is false.
func (q *inquiry) thread(inner int) (tid int, ok bool, err error) {
	nested, err := q.nested()
	if !nested {
		_, e := os.ReadFile(q.path("task", strconv.Itoa(inner), "comm"))
		switch {
		case e == nil:
			return inner, true, nil
		case !gone(e):
			return 0, false, e
		}
		return 0, false, err
	}
	if q.seen == nil {
		q.seen = newPeers(nil)
	}
	p := q.seen
	if tid, ok = p.inner[inner]; ok && q.inner(strconv.Itoa(tid)) == inner {
		return tid, true, nil
	}
	if time.Since(p.innerAt) > freshInner {
		d, err := os.Open(q.path("task"))
		if err != nil {
			return 0, false, err
		}
		names, err := d.Readdirnames(-1)
		d.Close()
		if err != nil {
			return 0, false, err
		}
		p.inner, p.innerAt = map[int]int{}, time.Now()
		for _, name := range names {
			if tid, err := strconv.Atoi(name); err == nil {
				p.inner[q.inner(name)] = tid
			}
		}
	}
	tid, ok = p.inner[inner]
	if !ok && p.inner[0] != 0 {
		// One could not be asked: it was about to end, or is the one.
		p.innerAt = time.Time{}
		return 0, false, errors.New("not all threads could be asked")
	}
	return tid, ok && inner != 0, nil
}

// inner returns what a thread calls itself, 0 if that is not known.
func (k Kernel) inner(tid string) int {
	b, err := os.ReadFile(k.path("task", tid, "status"))
	if err != nil {
		return 0
	}
	s, err := parseStatus(b)
	if err != nil {
		return 0
	}
	return s.inner
}
