package page

import (
	"fmt"
	"strconv"
	"strings"
)

// Layout is what a reader must know of the Go runtime that a program was built
// with, to look at its goroutines and locks from outside: offsets of fields
// and values of constants, by name. It is computed from the runtime's
// type-checked source when the program is woven.
type Layout struct {
	GoVersion string
	Arch      string
	values    map[string]uint64
	reasons   map[uint64]string
}

// ParseLayout parses the text that weaving puts into a program:
//
//	go1.26.8 amd64 g.goid=152 … reason.9=chan_receive
func ParseLayout(text string) (Layout, error) {
	f := strings.Fields(text)
	if len(f) < 2 {
		return Layout{}, fmt.Errorf("runtime layout %.40q lacks version and architecture", text)
	}
	l := Layout{GoVersion: f[0], Arch: f[1], values: map[string]uint64{}, reasons: map[uint64]string{}}
	for _, pair := range f[2:] {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return Layout{}, fmt.Errorf("runtime layout has %.40q where name=value is expected", pair)
		}
		if n := strings.TrimPrefix(name, "reason."); n != name {
			k, err := strconv.ParseUint(n, 10, 8)
			if err != nil {
				return Layout{}, fmt.Errorf("runtime layout has the wait reason %.40q", pair)
			}
			l.reasons[k] = strings.ReplaceAll(value, "_", " ")
			continue
		}
		v, err := strconv.ParseUint(value, 10, 32)
		if err != nil {
			return Layout{}, fmt.Errorf("runtime layout has %.40q, not a number", pair)
		}
		l.values[name] = v
	}
	return l, nil
}

// Value returns the value of a name. ok is false for a name that this Go
// version does not have: that is not the same as 0.
func (l Layout) Value(name string) (v uint64, ok bool) {
	v, ok = l.values[name]
	return v, ok
}

// Reason returns the runtime's text for a wait reason.
func (l Layout) Reason(n uint64) string {
	if r, ok := l.reasons[n]; ok {
		return r
	}
	return fmt.Sprintf("wait reason %d", n)
}
