package mimics

import (
	"fmt"

	"github.com/lifesign-go/lifesign/event"
)

const (
	// maxTrend bounds the readings that are kept of the whole process's numbers.
	maxTrend = 128

	// long is over what time numbers must have grown to be worth a word.
	long = int64(30e9)
)

// trend has the numbers of the whole process: of use as evidence beside other, as
// they grow in programs that are well, too.
type trend struct {
	readings []reading
}

type reading struct {
	at      int64
	numbers map[string]int64
}

func (t *trend) add(m *event.Mimic) {
	if len(t.readings) == maxTrend { // every second one is kept, so that it reaches far back
		n := 0
		for i := 0; i < maxTrend; i += 2 {
			t.readings[n] = t.readings[i]
			n++
		}
		t.readings = t.readings[:n]
	}
	t.readings = append(t.readings, reading{m.At, m.Numbers})
}

// words tells of each number that has grown by half or more since before, and in
// three of four steps.
func (t *trend) words() []string {
	if len(t.readings) < 4 {
		return nil
	}
	first, last := t.readings[0], t.readings[len(t.readings)-1]
	if last.at-first.at < long {
		return nil
	}
	var words []string
	for _, name := range []string{"goroutines", "heap"} {
		from, known := first.numbers[name]
		to := last.numbers[name]
		if !known || from <= 0 || to < from+from/2 {
			continue
		}
		up := 0
		for i := 1; i < len(t.readings); i++ {
			if t.readings[i].numbers[name] >= t.readings[i-1].numbers[name] {
				up++
			}
		}
		if 4*up >= 3*(len(t.readings)-1) {
			words = append(words, fmt.Sprintf("%s: from %d to %d in %s, which may have to do with it", name, from, to, span(last.at-first.at)))
		}
	}
	lost := int64(0)
	for i := range t.readings {
		lost += t.readings[i].numbers["lost"]
	}
	if lost > 0 {
		words = append(words, fmt.Sprintf("%d errors of the program's own operations were not noted: they came from too many at once", lost))
	}
	return words
}
