package page

import (
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"unsafe"

	"github.com/lifesign-go/lifesign/event"
)

// NoteSize is the size of a note in bytes.
const NoteSize = int(unsafe.Sizeof(Note{}))

// Note is something that the program says of itself. Notes are a ring, in which
// the newest overwrite the oldest.
type Note struct {
	Seq  uint64 // counts notes from 1; 0 while it is written
	Size uint64 // bytes of Text in use
	At   uint64 // CLOCK_MONOTONIC nanoseconds
	_    uint64
	Text [480]byte // see appendNote
}

// Say leaves f for whoever reads the page: verdict, class, sentence and place,
// cut off where there is no room. It has one caller at a time.
func (v *View) Say(f event.Finding) {
	if len(v.Notes) == 0 {
		return
	}
	h := v.Header
	seq := h.NoteSeq + 1
	n := &v.Notes[seq%uint64(len(v.Notes))]
	atomic.StoreUint64(&n.Seq, 0)
	size := copy(n.Text[:], appendNote(f, len(n.Text)))
	atomic.StoreUint64(&n.Size, uint64(size))
	atomic.StoreUint64(&n.At, uint64(f.At))
	atomic.StoreUint64(&n.Seq, seq)
	atomic.StoreUint64(&h.NoteSeq, seq)
}

const noteFields = 9

// appendNote writes f as fields between tabs, escaped as those of a site:
//
//	verdict class package file line func object since what
func appendNote(f event.Finding, room int) string {
	s := f.Place.Site
	var b strings.Builder
	for _, field := range [...]string{string(f.Verdict), string(f.Class), s.Package, s.File, strconv.Itoa(s.Line), s.Func, s.Object, strconv.FormatInt(f.Place.Since, 10)} {
		b.WriteString(escaper.Replace(field))
		b.WriteByte('\t')
	}
	what := escaper.Replace(f.What)
	if n := room - b.Len(); n < len(what) && n >= 0 {
		what = strings.TrimRight(strings.ToValidUTF8(what[:n], ""), `\`)
	}
	return b.String() + what
}

// parseNote is the other way round.
func parseNote(text string) (event.Finding, error) {
	fields := strings.Split(text, "\t")
	if len(fields) != noteFields {
		return event.Finding{}, fmt.Errorf("note with %d fields, not %d", len(fields), noteFields)
	}
	for i := range fields {
		s, err := unescape(fields[i])
		if err != nil {
			return event.Finding{}, err
		}
		fields[i] = s
	}
	line, err := strconv.Atoi(fields[4])
	if err != nil || line < 0 {
		return event.Finding{}, fmt.Errorf("note with line %q", fields[4])
	}
	since, err := strconv.ParseInt(fields[7], 10, 64)
	if err != nil {
		return event.Finding{}, fmt.Errorf("note with time %q", fields[7])
	}
	return event.Finding{
		Verdict: event.Verdict(fields[0]), Class: event.Class(fields[1]), What: fields[8],
		Place: event.Step{Site: event.Site{Package: fields[2], File: fields[3], Line: line, Func: fields[5], Object: fields[6]}, Since: since},
	}, nil
}

// readNotes reads the notes that were made since it was called last, as far as
// they are still there.
func (r *Reader) readNotes(into *Reading) {
	into.Said = nil
	newest, room := atomic.LoadUint64(&r.view.Header.NoteSeq), uint64(len(r.view.Notes))
	if newest <= r.notes || room == 0 {
		return
	}
	first := r.notes + 1
	if newest-r.notes > room {
		first = newest - room + 1
	}
	r.notes = newest
	for seq := first; seq <= newest && seq != 0; seq++ {
		n := &r.view.Notes[seq%room]
		if atomic.LoadUint64(&n.Seq) != seq {
			continue
		}
		copied := *n
		if atomic.LoadUint64(&n.Seq) != seq || copied.Size > uint64(len(copied.Text)) {
			into.Damaged++
			continue
		}
		f, err := parseNote(string(copied.Text[:copied.Size]))
		if err != nil {
			into.Damaged++
			continue
		}
		f.At = int64(copied.At)
		f.Evidence = []event.Evidence{{Source: event.Program, At: f.At, Text: f.What}}
		into.Said = append(into.Said, f)
	}
}
