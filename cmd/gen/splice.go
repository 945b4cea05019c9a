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

// Edit replaces Del bytes of a file at offset Off by Text. The edits of a file
// are in the order of their offsets and do not overlap.
type Edit struct {
	Off, Del int
	Text     string
}

// arrange puts the edits of src in order, those at the same offset into one. Of
// edits that open at the same place and span the same bytes, the first one given
// is the outer one; likewise the last one to close.
func arrange(src []byte, edits []edit) ([]Edit, error) {
	var opens, closes []edit
	for _, e := range edits {
		if e.closes {
			closes = append(closes, e)
		} else {
			opens = append(opens, e)
		}
	}
	slices.Reverse(closes)
	sorted := append(closes, opens...)
	slices.SortStableFunc(sorted, edit.compare)
	var out []Edit
	at := 0
	for _, e := range sorted {
		if e.off < at || e.off+e.del > len(src) {
			return nil, fmt.Errorf("the model has an edit at byte %d, which is out of its order", e.off)
		}
		if last := len(out) - 1; last >= 0 && out[last].Off == e.off && out[last].Del == 0 {
			out[last].Del, out[last].Text = e.del, out[last].Text+e.text
		} else {
			out = append(out, Edit{e.off, e.del, e.text})
		}
		at = e.off + e.del
	}
	return out, nil
}

// Apply returns src with the edits made.
func Apply(src []byte, edits []Edit) []byte {
	var out []byte
	at := 0
	for _, e := range edits {
		out = append(out, src[at:e.Off]...)
		out = append(out, e.Text...)
		at = e.Off + e.Del
	}
	return append(out, src[at:]...)
}
