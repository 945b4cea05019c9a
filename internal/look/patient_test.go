package look

import (
	"errors"
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

func TestPatientReadsAsItsMemory(t *testing.T) {
	m := stubborn{crowd(300), make(chan bool)}
	close(m.hang)
	l := looker(t, Patient(m, time.Minute))
	delete(m.image, 0x100000*9+8)
	if c := l.Census(0x4010); len(c.Goroutines) != 299 || c.Err == "" {
		t.Errorf("%d goroutines, %q", len(c.Goroutines), c.Err)
	}
}
