package lifesign

import (
	"fmt"
	"runtime"
	"sort"
	"strings"
	"sync"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/clock"
)

// complaints is what the program says against itself: violated assertions and
// invariants, and calls that hang.
var complaints = board{standing: map[string]event.Finding{}}

// board holds what stands, by who says it. Nothing of the program's is called
// under its lock, so that it is free even if the program stands still.
type board struct {
	mu       sync.Mutex // guards what follows
	standing map[string]event.Finding
	outlets  []*outlet
}

// raise notes that f stands, and tells it if nothing stood under key.
func (b *board) raise(key string, f event.Finding) {
	b.mu.Lock()
	_, old := b.standing[key]
	b.standing[key] = f
	b.mu.Unlock()
	if !old {
		b.tell(f)
	}
}

// withdraw notes that what stood under key does so no more.
func (b *board) withdraw(key string) {
	b.mu.Lock()
	delete(b.standing, key)
	b.mu.Unlock()
}

// tell hands f to all that want to hear of findings. It does not wait for them.
func (b *board) tell(f event.Finding) {
	b.mu.Lock()
	outlets := b.outlets
	b.mu.Unlock()
	for _, o := range outlets {
		o.put(f)
	}
}

// attach has o told from now on.
func (b *board) attach(o *outlet) {
	b.mu.Lock()
	b.outlets = append(b.outlets[:len(b.outlets):len(b.outlets)], o)
	b.mu.Unlock()
}

// detach undoes attach.
func (b *board) detach(o *outlet) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var rest []*outlet
	for _, other := range b.outlets {
		if other != o {
			rest = append(rest, other)
		}
	}
	b.outlets = rest
}

// list returns what stands, the oldest first.
func (b *board) list() []event.Finding {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []event.Finding
	for _, f := range b.standing {
		all = append(all, f)
	}
	sortFindings(all)
	return all
}

// sortFindings puts the oldest first.
func sortFindings(all []event.Finding) {
	sort.Slice(all, func(i, j int) bool {
		if all[i].At != all[j].At {
			return all[i].At < all[j].At
		}
		return all[i].What < all[j].What
	})
}

// placed is where somebody complains: in the source, or under a name.
type placed struct {
	name  string
	frame runtime.Frame
}

// own makes a finding of something that the program says itself.
func own(v event.Verdict, c event.Class, at placed, what string) event.Finding {
	now := clock.Monotonic()
	pkg, fn := cutFunc(at.frame.Function)
	return event.Finding{
		Verdict: v, Class: c, What: what, At: now,
		Place:    event.Step{Site: event.Site{Package: pkg, File: at.frame.File, Line: at.frame.Line, Func: fn, Object: at.name}, Since: now},
		Evidence: []event.Evidence{{Source: event.Program, At: now, Text: what}},
	}
}

// callerOf returns the function that called the caller, skip frames further out.
func callerOf(skip int) runtime.Frame {
	var pcs [1]uintptr
	if runtime.Callers(skip+2, pcs[:]) == 0 {
		return runtime.Frame{}
	}
	frame, _ := runtime.CallersFrames(pcs[:]).Next()
	return frame
}

func placeOf(f runtime.Frame) string {
	return fmt.Sprintf("at %s:%d", f.File[strings.LastIndexByte(f.File, '/')+1:], f.Line)
}

// cutFunc cuts a function's full name into import path and name.
func cutFunc(name string) (pkg, fn string) {
	start := strings.LastIndexByte(name, '/') + 1
	dot := strings.IndexByte(name[start:], '.')
	if dot < 0 {
		return "", name
	}
	return name[:start+dot], name[start+dot+1:]
}
