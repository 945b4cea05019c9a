package errands

import (
	"time"

	"github.com/lifesign-go/lifesign/internal/proc"
)

// mountTable names what is mounted where the program is. It is read anew if something
// is not in it, once a second at most, and by a goroutine of its own, which is given up
// if it takes long. For one goroutine at a time.
type mountTable struct {
	k      proc.Kernel
	table  proc.Mounts
	asked  time.Time
	answer chan proc.Mounts // nil if nobody reads
}

const mountPatience = 50 * time.Millisecond

func (m *mountTable) at(path string) string {
	if path == "" {
		return ""
	}
	m.read()
	return m.table.At(path)
}

func (m *mountTable) number(major, minor uint32) string {
	name := m.table.Number(major, minor)
	if name == "" {
		m.read()
		name = m.table.Number(major, minor)
	}
	return name
}

func (m *mountTable) read() {
	if m.answer == nil {
		if time.Since(m.asked) < time.Second {
			return
		}
		m.asked = time.Now()
		answer := make(chan proc.Mounts, 1)
		m.answer = answer
		go func() {
			t, _ := m.k.Mounts()
			answer <- t
		}()
	}
	late := time.NewTimer(mountPatience)
	defer late.Stop()
	select {
	case m.table = <-m.answer:
		m.answer = nil
	case <-late.C:
	}
}
