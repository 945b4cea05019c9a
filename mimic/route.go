package mimic

import (
	"os"
	"reflect"
	"sort"
	"strconv"
)

const (
	// maxWays is of how many ways through a region the newest captures are kept,
	// and of each with how many different connections or pools: one of many that has
	// gone silent must not be forgotten for those that work.
	maxWays = 4
	maxWith = 4

	// stale is how long captures are used while the region is passed through in
	// other ways.
	stale = 300 * second

	// together is how many operations two ways have at most that are used at once.
	together = 96
)

// capture is what an operation was given: a *hook.Capture.
type capture interface {
	Site() Site
	Handled() bool // it was given a handle, which Value returns while it lives
	Value() any
	Texts() []string
	Data() []byte
	Size() int
	Numbers() []int64
	Mapped() uintptr
}

// way is a way through a region: the operations that a pass has come to, and what
// they were given.
type way struct {
	pass  uint64 // its number
	given []capture
	set   string // the operations
	key   string // and what they are done with, of connections and pools
	at    int64  // when it was taken
	ran   uint64 // when it was used last, in turns of the route; 0 if never
	gone  bool   // all that it is about was closed
}

// newWay returns the way of what a pass was given.
func newWay(pass uint64, given []capture, now int64) *way {
	w := &way{pass: pass, given: given, at: now}
	sorted := append([]capture(nil), given...)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i].Site() < sorted[j].Site() })
	for _, c := range sorted {
		w.set += strconv.Itoa(int(c.Site())) + " "
	}
	w.key = w.set
	for _, c := range sorted {
		w.key += " " + strconv.FormatUint(identity(c), 16)
	}
	return w
}

// identity tells handles apart, 0 for files: of them a program may have any
// number, and they come and go.
func identity(c capture) uint64 {
	v := c.Value()
	if _, file := v.(*os.File); file || v == nil {
		return 0
	}
	if p := reflect.ValueOf(v); p.Kind() == reflect.Ptr {
		return uint64(p.Pointer())
	}
	return 0
}

// route has the newest captures of several ways through one region.
type route struct {
	ways  []*way // by age, the newest last
	turns uint64
}

// put takes what a pass has come to so far. It replaces what the same pass had
// come to before, and the captures of an older pass by the same way.
func (r *route) put(pass uint64, given []capture, now int64) {
	w := newWay(pass, given, now)
	r.keep(func(old *way) bool { return old.pass != pass && old.key != w.key })
	r.ways = append(r.ways, w)
	r.bound()
}

// bound drops the oldest ways where there are too many.
func (r *route) bound() {
	with := map[string]int{}
	for i := len(r.ways) - 1; i >= 0; i-- {
		w := r.ways[i]
		if _, known := with[w.set]; !known && len(with) == maxWays || with[w.set] == maxWith {
			w.gone = true
			continue
		}
		with[w.set]++
	}
	r.keep(func(w *way) bool { return !w.gone })
}

// keep drops the ways that are not wanted.
func (r *route) keep(wanted func(*way) bool) {
	kept := r.ways[:0]
	for _, w := range r.ways {
		if wanted(w) {
			kept = append(kept, w)
		}
	}
	for i := len(kept); i < len(r.ways); i++ {
		r.ways[i] = nil
	}
	r.ways = kept
}

// alive reports whether there is anything that a checker could still use: an
// operation without a handle, or one whose handle lives.
func (w *way) alive() bool {
	for _, c := range w.given {
		if !c.Handled() || c.Value() != nil {
			return true
		}
	}
	return false
}

// take returns the captures to be used now: the newest ones, and those that were
// not used for longest; by turns, where that is more than the page has room for.
func (r *route) take(now int64) []*way {
	if len(r.ways) == 0 {
		return nil
	}
	newest := r.ways[len(r.ways)-1]
	r.keep(func(w *way) bool { return !w.gone && (w == newest || now-w.at < stale) && w.alive() })
	if len(r.ways) == 0 {
		return nil
	}
	r.turns++
	newest = r.ways[len(r.ways)-1]
	list := []*way{newest}
	var other *way
	for _, w := range r.ways[:len(r.ways)-1] {
		if other == nil || w.ran < other.ran {
			other = w
		}
	}
	switch {
	case other == nil:
	case len(newest.given)+len(other.given) <= together:
		list = append(list, other)
	case r.turns%2 == 0:
		list[0] = other
	}
	for _, w := range list {
		w.ran = r.turns
	}
	return list
}
