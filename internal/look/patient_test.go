package look

import (
	"bytes"
	"errors"
	"math/rand"
	"sort"
	"sync"
	"testing"
	"time"
)

// stubborn is an image that does not answer while the channel is open.
type stubborn struct {
	image
	hang chan bool
}

func (m stubborn) Read(parts []Part) {
	<-m.hang
	m.image.Read(parts)
}

func TestPatientGivesUp(t *testing.T) {
	m := stubborn{image{8: 1, 16: 2}, make(chan bool)}
	p := Patient(m, 10*time.Millisecond)
	late := []Part{{Addr: 8, Buf: make([]byte, 8)}}
	p.Read(late)
	if !errors.Is(late[0].Err, errLate) {
		t.Errorf("one that hangs: %v", late[0].Err)
	}
	if _, err := word(p, 16); !errors.Is(err, errHangs) {
		t.Errorf("one while it hangs: %v", err)
	}
	close(m.hang)
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		if w, err := word(p, 16); err == nil && w == 2 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("nothing is read any more although nothing hangs")
		}
	}
	if late[0].Buf[0] != 0 {
		t.Error("the read that was given up was written into its caller's memory")
	}
}

// Who asks in a thread that is given up asks the next question while that thread
// is still reading: a plan that both used was an index out of range, or the one's
// memory in the other's hands.
func TestPatientKeepsConcurrentReadsApart(t *testing.T) {
	p := Patient(steady{}, time.Minute)
	var all sync.WaitGroup
	for g := 0; g < 4; g++ {
		all.Add(1)
		go func(g int) {
			defer all.Done()
			for round := 0; round < 2000; round++ {
				n := 1 + (round+g)%7
				parts := make([]Part, n)
				for i := range parts {
					parts[i] = Part{Addr: uint64(g)<<32 + uint64(i*round*97), Buf: make([]byte, 8+i)}
				}
				p.Read(parts)
				for _, part := range parts {
					if part.Err != nil {
						t.Errorf("goroutine %d: %v", g, part.Err)
						return
					}
					for k, b := range part.Buf {
						if b != steadyByte(part.Addr+uint64(k)) {
							t.Errorf("goroutine %d has read %#x at %#x, want %#x", g, b, part.Addr+uint64(k), steadyByte(part.Addr+uint64(k)))
							return
						}
					}
				}
			}
		}(g)
	}
	all.Wait()
}

// steady is a memory whose every byte follows from its address. It has no state.
type steady struct{}

func steadyByte(addr uint64) byte { return byte(addr ^ addr>>8 ^ addr>>32*31) }

func (steady) Read(parts []Part) {
	for i := range parts {
		parts[i].Err = nil
		for k := range parts[i].Buf {
			parts[i].Buf[k] = steadyByte(parts[i].Addr + uint64(k))
		}
	}
}

func TestPatientReadsAsItsMemory(t *testing.T) {
	m := stubborn{crowd(300), make(chan bool)}
	close(m.hang)
	l := looker(t, Patient(m, time.Minute))
	delete(m.image, 0x100000*9+8)
	if c := l.Census(0x4010); len(c.Goroutines) != 299 || c.Err == "" {
		t.Errorf("%d goroutines, %q", len(c.Goroutines), c.Err)
	}
}

// pages is a memory of bytes that tell their own address, but for one page that
// is not there. It counts what is asked for.
type pages struct {
	missing uint64
	asked   int
}

func (m *pages) Read(parts []Part) {
	m.asked += len(parts)
	for i := range parts {
		p := &parts[i]
		p.Err = nil
		for k := range p.Buf {
			if a := p.Addr + uint64(k); a>>12 == m.missing>>12 {
				p.Err = unreadable(*p, errNoPage)
				break
			}
			p.Buf[k] = byte((p.Addr + uint64(k)) * 31 >> 3)
		}
	}
}

var errNoPage = errors.New("no such page")

func TestPatientReadsNeighboursTogether(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	for round := 0; round < 200; round++ {
		m := &pages{missing: 0x1004000}
		parts := make([]Part, 1+random.Intn(300))
		for i := range parts {
			parts[i] = Part{Addr: 0x1000000 + uint64(random.Intn(0x9000)), Buf: make([]byte, random.Intn(700))}
		}
		if round%2 == 0 {
			sort.Slice(parts, func(i, j int) bool { return parts[i].Addr < parts[j].Addr })
		}
		want := make([]Part, len(parts))
		for i := range parts {
			want[i] = Part{Addr: parts[i].Addr, Buf: make([]byte, len(parts[i].Buf))}
		}
		(&pages{missing: m.missing}).Read(want)
		Patient(m, time.Minute).Read(parts)
		for i := range parts {
			if !errors.Is(parts[i].Err, errors.Unwrap(want[i].Err)) || want[i].Err == nil && !bytes.Equal(parts[i].Buf, want[i].Buf) {
				t.Fatalf("part %d at %#x: %v, want %v", i, parts[i].Addr, parts[i].Err, want[i].Err)
			}
		}
	}
	m := &pages{}
	parts := make([]Part, 128)
	for i := range parts {
		parts[i] = Part{Addr: 0x1000000 + 480*uint64(i), Buf: make([]byte, 330)}
	}
	if Patient(m, time.Minute).Read(parts); m.asked != 1 {
		t.Errorf("%d stretches were read for neighbours", m.asked)
	}
}

func TestPlansAtTheEndsOfMemory(t *testing.T) {
	m := &pages{missing: 0x5000000}
	parts := []Part{{Addr: ^uint64(0) - 3, Buf: make([]byte, 8)}, {Addr: 0x2000}, {Addr: ^uint64(0), Buf: make([]byte, 1)}, {Addr: 0x3000, Buf: make([]byte, 1)}, {Addr: 0x2fff}}
	Patient(m, time.Minute).Read(parts)
	for i, p := range parts {
		if p.Err != nil {
			t.Errorf("part %d: %v", i, p.Err)
		}
	}
}
