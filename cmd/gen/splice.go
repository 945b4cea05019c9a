package gen

import (
	"cmp"
	"fmt"
	"slices"
)

// edit replaces del bytes at off by text. Edits belong to constructs that nest:
// lo and hi say which bytes the edit's construct spans, and closes whether it
// stands at the construct's end. With these, edits at the same offset have an
// order: what closes goes first, inner before outer, then what opens, outer
// before inner.
type edit struct {
	off, del int
	text     string
	lo, hi   int
	closes   bool
}

func (a edit) compare(b edit) int {
	if c := cmp.Compare(a.off, b.off); c != 0 {
		return c
	}
	switch {
	case a.closes && !b.closes:
		return -1
	case !a.closes && b.closes:
		return 1
	case a.closes:
		return cmp.Compare(b.lo, a.lo)
	default:
		return cmp.Compare(b.hi, a.hi)
	}
}

// splice applies edits to src. Of edits that open at the same place and span
// the same bytes, the first one given is the outer one; likewise the last one
// to close.
func splice(src []byte, edits []edit) ([]byte, error) {
	var opens, closes []edit
	size := len(src)
	for _, e := range edits {
		size += len(e.text)
		if e.closes {
			closes = append(closes, e)
		} else {
			opens = append(opens, e)
		}
	}
	slices.Reverse(closes)
	sorted := append(closes, opens...)
	slices.SortStableFunc(sorted, edit.compare)
	out := make([]byte, 0, size)
	at := 0
	for _, e := range sorted {
		if e.off < at || e.off+e.del > len(src) {
			return nil, fmt.Errorf("the model has an edit at byte %d, which is out of its order", e.off)
		}
		out = append(out, src[at:e.off]...)
		out = append(out, e.text...)
		at = e.off + e.del
	}
	return append(out, src[at:]...), nil
}
