package page

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"sync/atomic"
	"unsafe"

	"github.com/lifesign-go/lifesign/event"
)

// MimicSize is the size of a mimic in bytes.
const MimicSize = int(unsafe.Sizeof(Mimic{}))

// MimicData is how many bytes of what an operation was given a mimic has room
// for.
const MimicData = 4096

// Mimic is what a mimic checker has come to. Mimics are a ring, in which the
// newest overwrite the oldest.
type Mimic struct {
	Seq      uint64 // counts mimics from 1; 0 while it is written
	At       uint64 // CLOCK_MONOTONIC nanoseconds
	Region   uint32 // row of the site table
	Site     uint32
	TextSize uint32 // bytes of Text in use
	DataSize uint32 // bytes of Data in use
	Text     [2016]byte
	Data     [MimicData]byte
}

// Mimic leaves m for whoever reads the page, and returns its number. Region and
// site are given by their rows, and m's own are not looked at. What there is no
// room for is cut off: of the chain first. It has one caller at a time.
func (v *View) Mimic(region, site uint32, m event.Mimic) uint64 {
	if len(v.Mimics) == 0 {
		return 0
	}
	h := v.Header
	seq := h.MimicSeq + 1
	s := &v.Mimics[seq%uint64(len(v.Mimics))]
	atomic.StoreUint64(&s.Seq, 0)
	atomic.StoreUint64(&s.At, uint64(m.At))
	atomic.StoreUint32(&s.Region, region)
	atomic.StoreUint32(&s.Site, site)
	atomic.StoreUint32(&s.TextSize, uint32(copy(s.Text[:], appendMimic(m, len(s.Text)))))
	atomic.StoreUint32(&s.DataSize, uint32(copy(s.Data[:], m.Data)))
	atomic.StoreUint64(&s.Seq, seq)
	atomic.StoreUint64(&h.MimicSeq, seq)
	return seq
}

// WantMimics has the program's half look after mimics, or not.
func (v *View) WantMimics(wanted bool) {
	n := uint64(0)
	if wanted {
		n = 1
	}
	atomic.StoreUint64(&v.Header.MimicsWanted, n)
}

// MimicsWanted reports whether somebody looks after mimics.
func (v *View) MimicsWanted() bool { return atomic.LoadUint64(&v.Header.MimicsWanted) == 1 }

const (
	mimicFields = 10 // before the chain
	frameFields = 3
	longest     = 400 // bytes of a path, an address or an error that are kept, in three of which there is room for all else
)

// appendMimic writes m as fields between tabs, escaped as those of a site:
//
//	deed pass path fd network address offset size err numbers [func file line]…
func appendMimic(m event.Mimic, room int) string {
	var b strings.Builder
	for i, field := range [mimicFields]string{
		string(m.Deed), strconv.FormatUint(m.Pass, 10), clip(m.Path), strconv.Itoa(m.FD), m.Network, clip(m.Address),
		strconv.FormatInt(m.Offset, 10), strconv.FormatInt(m.Size, 10), clip(m.Err), numbers(m.Numbers),
	} {
		if i > 0 {
			b.WriteByte('\t')
		}
		b.WriteString(escaper.Replace(field))
	}
	for _, f := range m.Chain {
		frame := "\t" + escaper.Replace(f.Func) + "\t" + escaper.Replace(f.File) + "\t" + strconv.Itoa(f.Line)
		if b.Len()+len(frame) > room {
			break
		}
		b.WriteString(frame)
	}
	return b.String()
}

// clip cuts s off without breaking a character. It counts what escaping adds.
func clip(s string) string {
	for len(escaper.Replace(s)) > longest {
		n := len(s) - 1
		if n > longest {
			n = longest
		}
		s = strings.ToValidUTF8(s[:n], "")
	}
	return s
}

// numbers writes numbers by name, in the order of the names.
func numbers(m map[string]int64) string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	for i, name := range names {
		names[i] = name + "=" + strconv.FormatInt(m[name], 10)
	}
	return strings.Join(names, " ")
}

// parseMimic is the other way round.
func parseMimic(text string) (m event.Mimic, err error) {
	fields := strings.Split(text, "\t")
	if n := len(fields) - mimicFields; n < 0 || n%frameFields != 0 {
		return m, fmt.Errorf("mimic with %d fields", len(fields))
	}
	for i := range fields {
		if fields[i], err = unescape(fields[i]); err != nil {
			return m, err
		}
	}
	m = event.Mimic{Deed: event.Deed(fields[0]), Path: fields[2], Network: fields[4], Address: fields[5], Err: fields[8]}
	if m.Pass, err = strconv.ParseUint(fields[1], 10, 64); err == nil {
		m.FD, err = strconv.Atoi(fields[3])
	}
	if err == nil {
		m.Offset, err = strconv.ParseInt(fields[6], 10, 64)
	}
	if err == nil {
		m.Size, err = strconv.ParseInt(fields[7], 10, 64)
	}
	if err == nil {
		m.Numbers, err = parseNumbers(fields[9])
	}
	for at := mimicFields; at < len(fields) && err == nil; at += frameFields {
		f := event.Frame{Func: fields[at], File: fields[at+1]}
		f.Line, err = strconv.Atoi(fields[at+2])
		m.Chain = append(m.Chain, f)
	}
	if err != nil {
		return event.Mimic{}, fmt.Errorf("mimic %.80q: %w", text, err)
	}
	return m, nil
}

func parseNumbers(text string) (map[string]int64, error) {
	if text == "" {
		return nil, nil
	}
	m := map[string]int64{}
	for _, item := range strings.Split(text, " ") {
		at := strings.LastIndexByte(item, '=')
		if at < 0 {
			return nil, fmt.Errorf("number %q without a name", item)
		}
		n, err := strconv.ParseInt(item[at+1:], 10, 64)
		if err != nil {
			return nil, err
		}
		m[item[:at]] = n
	}
	return m, nil
}

// readMimics reads the mimics that were written since it was called last, as
// far as they are still there.
func (r *Reader) readMimics(into *Reading) {
	into.Mimics = nil
	newest, room := atomic.LoadUint64(&r.view.Header.MimicSeq), uint64(len(r.view.Mimics))
	if newest <= r.mimics || room == 0 {
		return
	}
	first := r.mimics + 1
	if newest-r.mimics > room {
		first = newest - room + 1
	}
	into.MimicsLost += first - r.mimics - 1
	r.mimics = newest
	for seq := first; seq <= newest && seq != 0; seq++ {
		s := &r.view.Mimics[seq%room]
		if atomic.LoadUint64(&s.Seq) != seq {
			into.MimicsLost++
			continue
		}
		copied := *s
		if atomic.LoadUint64(&s.Seq) != seq {
			into.MimicsLost++
			continue
		}
		if m, ok := r.mimic(&copied); ok {
			m.ID = seq
			into.Mimics = append(into.Mimics, m)
		} else {
			into.Damaged++
		}
	}
}

func (r *Reader) mimic(s *Mimic) (m event.Mimic, ok bool) {
	if uint64(s.TextSize) > uint64(len(s.Text)) || uint64(s.DataSize) > uint64(len(s.Data)) {
		return m, false
	}
	if uint64(s.Region) >= uint64(len(r.sites)) || uint64(s.Site) >= uint64(len(r.sites)) {
		return m, false
	}
	m, err := parseMimic(string(s.Text[:s.TextSize]))
	if err != nil {
		return m, false
	}
	m.At, m.Region, m.Site = int64(s.At), r.sites[s.Region], r.sites[s.Site]
	if s.DataSize > 0 {
		m.Data = append([]byte(nil), s.Data[:s.DataSize]...)
	}
	return m, true
}
