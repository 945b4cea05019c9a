package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/cmd/weave"
)

// progress tells how far a build is: on a terminal in one line that is written
// over and cleared at the end, elsewhere in a line a phase.
type progress struct {
	out      io.Writer
	terminal bool
	quiet    bool // nothing elsewhere than on a terminal
	start    time.Time
	stop     func() // ends the ticker, if there is one

	mu    sync.Mutex // guards phase and the line on the terminal
	phase weave.Phase
}

func newProgress(out io.Writer, quiet bool) *progress {
	p := &progress{out: out, quiet: quiet, start: time.Now(), stop: func() {}}
	if f, ok := out.(*os.File); ok {
		_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
		p.terminal = err == nil
	}
	if p.terminal {
		done, ended := make(chan struct{}), make(chan struct{})
		go p.tick(done, ended)
		p.stop = func() { close(done); <-ended }
	}
	return p
}

// tick rewrites the line until done is closed, then clears it.
func (p *progress) tick(done <-chan struct{}, ended chan<- struct{}) {
	defer close(ended)
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			p.show("\r", "\033[K")
		case <-done:
			fmt.Fprint(p.out, "\r\033[K")
			return
		}
	}
}

func (p *progress) show(before, after string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.phase == "" {
		return
	}
	fmt.Fprintf(p.out, "%slifesign: %s, %.1f s%s", before, p.phase, time.Since(p.start).Seconds(), after)
}

// step is told of each phase as it begins and ends.
func (p *progress) step(s weave.Step) {
	if s.Done {
		return
	}
	p.mu.Lock()
	p.phase = s.Phase
	p.mu.Unlock()
	if !p.terminal && !p.quiet {
		p.show("", "\n")
	}
}

// end clears the line. It may be called again.
func (p *progress) end() { p.stop(); p.stop = func() {} }
