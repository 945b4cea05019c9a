package attach

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/lifesign-go/lifesign/event"
)

// Profile says how many goroutines stand where, as the goroutine profile with
// debug=1 does. It costs a program much less than a dump.
type Profile struct {
	Total  int
	Places []Place
}

// Place is where goroutines stand.
type Place struct {
	Count int
	Key   string // the addresses of its code: equal for equal places of one run
	Stack []event.Frame
}

var (
	total = regexp.MustCompile(`^goroutine profile: total (\d+)$`)
	count = regexp.MustCompile(`^(\d+) @((?: 0x[0-9a-f]+)*)$`)
	frame = regexp.MustCompile(`^#\t0x[0-9a-f]+\t(.+?)\+0x[0-9a-f]+\s+(.+):(\d+)$`)
)

// ParseProfile parses a profile. Text that is not one is an error.
func ParseProfile(text []byte) (Profile, error) {
	var p Profile
	var at *Place
	for n, line := range bytes.Split(text, []byte("\n")) {
		s := strings.TrimRight(string(line), " \r")
		switch {
		case n == 0:
			m := total.FindStringSubmatch(s)
			if m == nil {
				return Profile{}, fmt.Errorf("%.60q is not the beginning of a goroutine profile", s)
			}
			all, err := strconv.ParseUint(m[1], 10, 31)
			if err != nil {
				return Profile{}, fmt.Errorf("number of goroutines %q: %w", m[1], err)
			}
			p.Total = int(all)
		case s == "" || strings.HasPrefix(s, "# labels:"):
		case s[0] == '#':
			m := frame.FindStringSubmatch(s)
			if m == nil || at == nil {
				continue // a column that a later Go has added
			}
			l, err := strconv.ParseUint(m[3], 10, 31)
			if err != nil {
				return Profile{}, fmt.Errorf("line %d: line number %q: %w", n+1, m[3], err)
			}
			at.Stack = append(at.Stack, event.Frame{Func: m[1], File: m[2], Line: int(l)})
		default:
			m := count.FindStringSubmatch(s)
			if m == nil {
				return Profile{}, fmt.Errorf("line %d: %.60q where a place is expected", n+1, s)
			}
			c, err := strconv.ParseUint(m[1], 10, 31)
			if err != nil {
				return Profile{}, fmt.Errorf("line %d: number of goroutines %q: %w", n+1, m[1], err)
			}
			p.Places = append(p.Places, Place{Count: int(c), Key: m[2]})
			at = &p.Places[len(p.Places)-1]
		}
	}
	return p, nil
}
