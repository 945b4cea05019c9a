package lifesign

import (
	"fmt"
	"runtime"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/hook"
	"github.com/lifesign-go/lifesign/internal/clock"
)

// complaints is what the program says against itself: violated assertions and
// invariants, and calls that hang.
var complaints = board{standing: map[string]event.Finding{}, told: map[string]int64{}, open: map[string]bool{}}

// board holds what stands, by who says it. Nothing of the program's is called
// under its lock, so that it is free even if the program stands still.
type board struct {
	mu       sync.Mutex // guards what follows
	standing map[string]event.Finding
	told     map[string]int64 // when something was told under a key last
	open     map[string]bool  // keys under which something was told that stands
	outlets  []*outlet
}

// quiet is how long nothing more is told under a key after something was: an
// assertion that fails every other time is one matter.
const quiet = int64(10 * time.Second)

// raise notes that f stands, and tells it if nothing stood under key.
func (b *board) raise(key string, f event.Finding) {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, old := b.standing[key]
	b.standing[key] = f
	last, told := b.told[key]
	if !old && (!told || f.At-last >= quiet) {
		b.told[key], b.open[key] = f.At, true
		b.say(f)
	}
}

// withdraw notes that what stood under key does so no more, and tells that if
// it was told to stand.
func (b *board) withdraw(key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.standing[key]
	delete(b.standing, key)
	if !b.open[key] {
		return
	}
	delete(b.open, key)
	f.Verdict, f.At = event.Working, clock.Monotonic()
	f.What = fmt.Sprintf("the %s holds again", key)
	if strings.HasPrefix(key, callPrefix) {
		f.What = fmt.Sprintf("the %s has returned", key)
	}
	f.Evidence = []event.Evidence{{Source: event.Program, At: f.At, Text: f.What}}
	b.say(f)
}

// mention tells something of the program's that does not stand.
func (b *board) mention(f event.Finding) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.say(f)
}

// say tells something of the program's here, and to an agent.
func (b *board) say(f event.Finding) {
	hook.Say(f)
	for _, o := range b.outlets {
		o.put(f)
	}
}

// tell hands what a judge has found to all that want to hear of findings. It
// does not wait for them.
func (b *board) tell(f event.Finding) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, o := range b.outlets {
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
