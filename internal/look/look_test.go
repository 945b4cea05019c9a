package look

import (
	"encoding/binary"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/page"
)

// layoutText is the layout of a runtime that there never was.
const layoutText = "go1.99 amd64 g.goid=0 g.atomicstatus=8 g.waitreason=16 g.waiting=24 g.stack.hi=32 " +
	"g.sched.pc=40 g.sched.sp=48 g.sched.bp=56 g.syscallpc=64 g.syscallsp=72 g.syscallbp=80 g.startpc=88 " +
	"status.idle=0 status.runnable=1 status.running=2 status.syscall=3 status.waiting=4 status.dead=6 " +
	"status.preempted=9 status.leaked=10 status.deadextra=11 status.scan=4096 sudog.elem=8 sudog.c=16 " +
	"Mutex.state=0 Mutex.size=8 RWMutex.readerCount=8 RWMutex.readerWait=12 RWMutex.size=24 " +
	"reason.1=chan_send reason.2=sync.Mutex.Lock reason.3=select"

// image is a memory made of words.
type image map[uint64]uint64

func (m image) Read(parts []Part) {
	for i := range parts {
		p := &parts[i]
		p.Err = nil
		for off := uint64(0); off < uint64(len(p.Buf)); off += 8 {
			w, ok := m[p.Addr+off]
			if !ok {
				p.Err = unreadable(*p, errors.New("not in the image"))
				break
			}
			var b [8]byte
			binary.LittleEndian.PutUint64(b[:], w)
			copy(p.Buf[off:], b[:])
		}
	}
}

// goroutine puts a g at addr, with a stack of two frames.
func (m image) goroutine(addr, id, status, reason, sudog uint64) {
	sp, hi := addr+0x1000, addr+0x1040
	for i, w := range []uint64{id, status, reason, sudog, hi, 0xc1, sp, sp + 16, 0xd1, sp, sp + 16, 0xee} {
		m[addr+uint64(8*i)] = w
	}
	for i, w := range []uint64{0, 0, sp + 32, 0xc2, 0, 0, 0, 0} {
		m[sp+uint64(8*i)] = w
	}
}

// letters names the functions at addresses after these.
type letters struct{}

func (letters) Frames(pc uint64) []event.Frame {
	return []event.Frame{{Func: string(rune('a' + pc&0xf)), File: "x.go", Line: int(pc)}}
}

func looker(t *testing.T, m Memory) *Looker {
	t.Helper()
	parsed, err := page.ParseLayout(layoutText)
	if err != nil {
		t.Fatal(err)
	}
	l, err := NewLayout(parsed)
	if err != nil {
		t.Fatal(err)
	}
	return New(m, l, letters{})
}

func TestLooks(t *testing.T) {
	m := image{}
	m[0x9000], m[0x9008], m[0x9010] = 0, 0xe1e, 0xc4a // a sudog
	for i, g := range []struct{ status, reason, sudog uint64 }{
		{4, 1, 0x9000}, {4, 2, 0x9000}, {4, 3, 0x9000}, {4 | 0x1000, 1, 0}, {10, 1, 0x9000}, {3, 0, 0},
		{1, 0, 0}, {2, 0, 0}, {6, 0, 0}, {11, 0, 0}, {9, 0, 0}, {4, 1, 0xbad000},
	} {
		m.goroutine(uint64(0x100000*(i+1)), uint64(i+1), g.status, g.reason, g.sudog)
	}
	parked := []event.Frame{{Func: "b", File: "x.go", Line: 0xc1}, {Func: "c", File: "x.go", Line: 0xc2}}
	call := []event.Frame{{Func: "b", File: "x.go", Line: 0xd1}, parked[1]}
	want := []event.Look{
		{Status: event.Waiting, Reason: "chan send", Object: 0xc4a, Stack: parked},
		{Status: event.Waiting, Reason: "sync.Mutex.Lock", Object: 0xe1e, Stack: parked},
		{Status: event.Waiting, Reason: "select", Stack: parked},
		{Status: event.Waiting, Reason: "chan send", Stack: parked},
		{Status: event.Waiting, Reason: "chan send", Object: 0xc4a, Stack: parked},
		{Status: event.Syscall, Stack: call},
		{Status: event.Runnable}, {Status: event.Running}, {Status: event.Gone}, {Status: event.Gone}, {Status: event.Runnable},
		{Status: event.Waiting, Reason: "chan send", Stack: parked}, // its sudog cannot be read
	}
	var who []Goroutine
	for i := range want {
		who = append(who, Goroutine{uint64(0x100000 * (i + 1)), uint64(i + 1)})
	}
	who = append(who, Goroutine{0x100000, 77})
	want = append(want, event.Look{Status: event.Gone})
	got := looker(t, m).Looks(who)
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("goroutine %d:\n%+v, want\n%+v", i+1, got[i], want[i])
		}
	}
	if &got[0].Stack[0] != &got[1].Stack[0] {
		t.Error("two at the same place do not share their stack")
	}
}

// restless changes a word each time that it is read.
type restless struct {
	image
	at    uint64
	times int
}

func (m *restless) Read(parts []Part) {
	m.image.Read(parts)
	for _, p := range parts {
		if m.times > 0 && p.Addr <= m.at && m.at < p.Addr+uint64(len(p.Buf)) {
			m.image[m.at]++
			m.times--
		}
	}
}

func TestWhoMovesIsLookedAtAgain(t *testing.T) {
	for _, test := range []struct {
		times int
		want  event.Status
	}{{1, event.Waiting}, {2, event.Waiting}, {1000, event.Running}} {
		m := &restless{image: image{}, at: 0x100000 + 40, times: test.times} // sched.pc
		m.goroutine(0x100000, 1, 4, 1, 0)
		if got := looker(t, m).Looks([]Goroutine{{0x100000, 1}})[0]; got.Status != test.want || got.Err != "" {
			t.Errorf("moved %d times: %+v", test.times, got)
		}
	}
}

func TestStacksThatMakeNoSense(t *testing.T) {
	for name, change := range map[string]struct{ off, value uint64 }{
		"sp is 0":             {48, 0},
		"sp beyond the top":   {48, 0x200000},
		"bp below sp":         {56, 8},
		"bp at the top":       {56, 0x10103f},
		"bp is the greatest":  {56, ^uint64(0)},
		"top is the greatest": {32, ^uint64(0)},
	} {
		m := image{}
		m.goroutine(0x100000, 1, 4, 1, 0)
		m[0x100000+change.off] = change.value
		got := looker(t, m).Looks([]Goroutine{{0x100000, 1}})[0]
		if len(got.Stack) > 2 || len(got.Stack) == 2 && got.Stack[1].Line != 0xef {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// A stack that is too long ends in the function that it began with.
func TestEndlessStack(t *testing.T) {
	m := image{}
	m.goroutine(0x100000, 1, 4, 1, 0)
	const sp = 0x101000
	for i := uint64(0); i < 4000; i++ {
		m[sp+16*i], m[sp+16*i+8] = sp+16*(i+1), 0xc2
	}
	m[0x100000+32], m[0x100000+56] = sp+16*4000, sp
	got := looker(t, m).Looks([]Goroutine{{0x100000, 1}})[0].Stack
	if len(got) != maxFrames+1 || got[maxFrames].Line != 0xef || got[maxFrames-1].Line != 0xc2 {
		t.Errorf("%d frames, the last %+v", len(got), got[len(got)-1:])
	}
}

func TestLayoutsThatLackSomething(t *testing.T) {
	for _, name := range []string{"g.goid=", "g.sched.bp=", "status.waiting=", "sudog.elem="} {
		i := strings.Index(layoutText, name)
		end := i + strings.IndexByte(layoutText[i:], ' ')
		for what, text := range map[string]string{
			"without " + name:    layoutText[:i] + layoutText[end+1:],
			"with a far " + name: layoutText[:i] + name + "100000" + layoutText[end:],
		} {
			parsed, err := page.ParseLayout(text)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := NewLayout(parsed); err == nil && what != "with a far status.waiting=" {
				t.Errorf("a layout %s is taken", what)
			}
		}
	}
}

func TestOwnSymbols(t *testing.T) {
	pc := reflect.ValueOf(TestOwnSymbols).Pointer()
	got := OwnSymbols{}.Frames(uint64(pc) + 1)
	if len(got) != 1 || !strings.HasSuffix(got[0].Func, "look.TestOwnSymbols") || !strings.HasSuffix(got[0].File, "look_test.go") || got[0].Line == 0 {
		t.Errorf("%+v", got)
	}
	if got := (OwnSymbols{}).Frames(8); got != nil {
		t.Errorf("at address 8: %+v", got)
	}
}
