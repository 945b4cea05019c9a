package unwind

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/look"
)

var (
	// ErrMoved is why there is no stack of a thread that has gone on while it was
	// read.
	ErrMoved = errors.New("the thread has moved while its stack was read")
	// ErrRunning is why there is no stack of a thread that is not blocked.
	ErrRunning = errors.New("the thread runs")
)

// patience is how long the kernel may take: to ask, for memory and for what it
// knows itself, and to load, for files, which may have to come from a disk. What
// of a file comes later is there for the next stack.
type patience struct{ ask, load time.Duration }

var usual = patience{ask: 50 * time.Millisecond, load: 250 * time.Millisecond}

// retry is when a file that could not be read is tried again.
const retry = 10 * time.Second

// Unwinder reads the stacks of one process.
type Unwinder struct {
	pid    int
	limit  patience
	mem    look.Memory
	slots  slots
	maps   []mapping
	images map[mapping]*loaded
	named  map[uint64][]event.Frame // by address; of the current maps
	checks map[*loaded]bool         // images that the stack in work has shown to be in their place
}

// loaded is the image of a mapping, on its way.
type loaded struct {
	image *later[*image]
	since time.Time
	start uint64 // where the file begins in memory, 0 if that is not mapped
}

// maxNamed bounds what is kept of names.
const maxNamed = 1 << 16

// New returns an Unwinder of a process. It fails if the process is not there or
// may not be read.
func New(pid int) (*Unwinder, error) { return open(pid, usual) }

func open(pid int, limit patience) (*Unwinder, error) {
	if runtime.GOARCH != "amd64" {
		return nil, fmt.Errorf("read stacks of process %d: not known how on %s", pid, runtime.GOARCH)
	}
	u := &Unwinder{
		pid:    pid,
		limit:  limit,
		mem:    look.Patient(look.Process(pid), limit.ask),
		slots:  make(slots, maxHanging),
		images: map[mapping]*loaded{},
	}
	if err := u.readMaps(); err != nil {
		return nil, err
	}
	return u, nil
}

// Stack returns the functions of a blocked thread whose stack and instruction
// pointer are given, innermost first; inlined ones too where the program tells
// of them. A frame has a source file and a line if the program has line tables;
// else its File is the program or the library. The error says why there are no
// more of them; frames that come with it are right as far as they go. The error
// is ErrMoved, and there are no frames, if the thread has not stood still.
func (u *Unwinder) Stack(tid int, sp, pc uint64) ([]event.Frame, error) {
	before, err := u.posture(tid)
	if err != nil {
		return nil, err
	}
	if before.sp != sp || before.pc != pc {
		return nil, ErrMoved
	}
	return u.standing(tid, before)
}

// Thread returns what Stack does, of a thread whose pointers are asked here.
// The error is ErrRunning if it is not blocked.
func (u *Unwinder) Thread(tid int) ([]event.Frame, error) {
	before, err := u.posture(tid)
	if err != nil {
		return nil, err
	}
	return u.standing(tid, before)
}

// Fill sets the User of a thread that is blocked, and UserErr if there is none
// or not all of it. It is what a sampler wants.
func (u *Unwinder) Fill(t *event.Thread) {
	frames, err := u.Thread(t.ID)
	t.User, t.UserErr = frames, ""
	if err != nil {
		t.UserErr = err.Error()
	}
}

func (u *Unwinder) standing(tid int, before posture) ([]event.Frame, error) {
	u.checks = map[*loaded]bool{}
	first, err := u.walk(before)
	if err != nil && u.readMaps() == nil {
		// The way may have led into code that was loaded since.
		u.checks = map[*loaded]bool{}
		first, err = u.walk(before)
	}
	again, _ := u.walk(before)
	after, errAfter := u.posture(tid)
	if errAfter != nil || after != before || !slices.Equal(first, again) {
		return nil, ErrMoved
	}
	var frames []event.Frame
	for _, f := range first {
		frames = append(frames, u.names(f)...)
	}
	return frames, err
}

// Names returns the functions at an instruction pointer, those that were put
// into others first, and the mapping's name if no function is known there. It
// is nil if no code is mapped there.
func (u *Unwinder) Names(pc uint64) []event.Frame {
	u.checks = map[*loaded]bool{}
	if _, err := u.code(pc); err != nil && u.readMaps() != nil {
		return nil
	}
	return u.names(place{pc, true})
}

// place is a frame without its registers.
type place struct {
	pc    uint64
	exact bool
}

// walk goes up a stack once. Nothing of what it has read is kept.
func (u *Unwinder) walk(p posture) ([]place, error) {
	f := frame{pc: p.pc, exact: true}
	f.regs[rsp] = value{p.sp, true}
	p.arguments(&f)
	if _, err := u.code(f.pc); err != nil {
		return nil, fmt.Errorf("the thread stands at %#x: %w", f.pc, err)
	}
	w := walk{code: u.code, mem: u.mem, pages: map[uint64][]byte{}, fails: map[uint64]error{}}
	frames, err := w.up(f)
	places := make([]place, len(frames))
	for i, f := range frames {
		places[i] = place{f.pc, f.exact}
	}
	return places, err
}

func (u *Unwinder) names(p place) []event.Frame {
	at := frame{pc: p.pc, exact: p.exact}.lookup()
	if frames, ok := u.named[at]; ok {
		return frames
	}
	r, err := u.code(at)
	if err != nil {
		return nil
	}
	frames := []event.Frame{{Func: fmt.Sprintf("code without a file at %#x", at), File: r.mapping.path}}
	final := true
	if r.image != nil {
		frames, final = r.image.frames(at-r.bias, u.limit.load)
	}
	if final && len(u.named) < maxNamed {
		u.named[at] = frames
	}
	return frames
}

// posture is how a blocked thread stands: if it is the same twice, the thread
// has not run in between.
type posture struct {
	sp, pc uint64
	call   string // the system call and its arguments
	counts string // CPU time, and how often it was given a processor
}

func (u *Unwinder) posture(tid int) (posture, error) {
	task := fmt.Sprintf("/proc/%d/task/%d/", u.pid, tid)
	return ask(u.slots, func() (posture, error) {
		call, err := os.ReadFile(task + "syscall")
		if err != nil {
			return posture{}, fmt.Errorf("read how thread %d stands: %w", tid, err)
		}
		counts, err := os.ReadFile(task + "schedstat")
		if err != nil {
			return posture{}, fmt.Errorf("read how thread %d stands: %w", tid, err)
		}
		p, err := parsePosture(string(call))
		p.counts = string(counts)
		return p, err
	}).wait(u.limit.ask)
}

// parsePosture parses "202 0x7f… … 0x7ffd… 0x7f…": the call, its arguments, the
// stack pointer and the instruction pointer. A page fault has -1 and no
// arguments.
func parsePosture(line string) (posture, error) {
	f := strings.Fields(line)
	if len(f) < 3 {
		return posture{}, ErrRunning
	}
	sp, err := strconv.ParseUint(f[len(f)-2], 0, 64)
	pc, err2 := strconv.ParseUint(f[len(f)-1], 0, 64)
	if err != nil || err2 != nil || pc == 0 {
		return posture{}, fmt.Errorf("the kernel tells of the thread %.200q", line)
	}
	return posture{sp: sp, pc: pc, call: strings.Join(f[:len(f)-2], " ")}, nil
}

// arguments sets the registers that have a system call's arguments, which it
// leaves alone. In vfork one has the return address.
func (p posture) arguments(f *frame) {
	fields := strings.Fields(p.call)
	if len(fields) != 1+len(argumentRegisters) {
		return
	}
	for i, reg := range argumentRegisters {
		if v, err := strconv.ParseUint(fields[1+i], 0, 64); err == nil {
			f.regs[reg] = value{v, true}
		}
	}
}

// argumentRegisters are rdi, rsi, rdx, r10, r8 and r9 (the psABI, A.2.1).
var argumentRegisters = [...]int{5, 4, 1, 10, 8, 9}

// maxMaps is how many bytes of /proc/PID/maps are read.
const maxMaps = 64 << 20

func (u *Unwinder) readMaps() error {
	b, err := ask(u.slots, func() ([]byte, error) {
		return readUpTo(fmt.Sprintf("/proc/%d/maps", u.pid), maxMaps)
	}).wait(u.limit.ask)
	if err != nil {
		return fmt.Errorf("read what process %d has mapped: %w", u.pid, err)
	}
	u.maps, u.named = parseMaps(b), map[uint64][]event.Frame{}
	images := map[mapping]*loaded{}
	for _, m := range u.maps {
		if l := u.images[m]; l != nil {
			images[m] = l
		}
	}
	u.images = images
	return nil
}

// code implements walk.code.
func (u *Unwinder) code(addr uint64) (region, error) {
	m, ok := mappingOf(u.maps, addr)
	if !ok {
		return region{}, errNoCode
	}
	r := region{mapping: m}
	if m.inode == 0 && m.path != "[vdso]" {
		return r, nil // of no file
	}
	l := u.images[m]
	if l == nil || time.Since(l.since) > retry && l.failed() {
		l = u.load(m)
		u.images[m] = l
	}
	image, err := l.image.wait(u.limit.load)
	if err == nil {
		err = u.inPlace(l, image)
	}
	if err != nil {
		return r, fmt.Errorf("%s: %w", m.path, err)
	}
	r.image = image
	if r.bias, ok = image.bias(m); !ok {
		return r, fmt.Errorf("%s: it is mapped as no part of it says", m.path)
	}
	return r, nil
}

func (l *loaded) failed() bool {
	_, err := l.image.wait(0)
	return err != nil
}

// inPlace checks that it is still this file that is mapped: the maps were read
// some time ago.
func (u *Unwinder) inPlace(l *loaded, im *image) error {
	if l.start == 0 || u.checks[l] {
		return nil
	}
	var head [64]byte
	if err := look.Fill(u.mem, l.start, head[:]); err != nil {
		return err
	}
	if !im.begins(head[:]) {
		return errChanged
	}
	u.checks[l] = true
	return nil
}

var errChanged = errors.New("what is mapped is not what is in the file")

// load has the file of a mapping read.
func (u *Unwinder) load(m mapping) *loaded {
	l := &loaded{since: time.Now()}
	l.start, _ = beginning(u.maps, m)
	mem, pid, slots := look.Process(u.pid), u.pid, u.slots
	start, length := l.start, uint64(headSize)
	if first, ok := at(u.maps, start); ok {
		length = min(length, first.end-first.start)
	}
	l.image = ask(slots, func() (*image, error) {
		if m.path == "[vdso]" {
			return readVDSO(mem, m)
		}
		f, sure, err := openMapped(pid, m)
		if err != nil {
			return nil, err
		}
		closes := true
		defer func() {
			if closes {
				f.Close()
			}
		}()
		im, err := readImage(f, m.path, func(e *elf.File) *later[*lines] {
			closes = false
			return ask(slots, func() (*lines, error) { defer f.Close(); return readLines(e) })
		})
		if err != nil || sure {
			return im, err
		}
		head := make([]byte, length)
		if start == 0 || look.Fill(mem, start, head) != nil || !im.begins(head) {
			return nil, errChanged
		}
		return im, nil
	})
	return l
}
