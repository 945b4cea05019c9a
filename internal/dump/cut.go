package dump

import (
	"encoding/json"
	"fmt"
	"sort"
	"unicode/utf8"
)

// maxString bounds the texts that are not in lists, in bytes of their JSON.
const maxString = 512

// reserved is what the list of cuts may take.
const reserved = 4 << 10

// Mappings are known to the first that matter: what is beyond them can be looked
// up in no file. Facts are few.
const (
	maxAuxv  = 1024
	maxFacts = 16
	maxCuts  = 32
)

func leftOut(n int) string { return fmt.Sprintf("… %d are left out …", n) }

// clip cuts a text, not within a character, to n bytes.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// clipJSON cuts a text to n bytes of JSON.
func clipJSON(s string, n int) string {
	s = clip(s, n)
	for jsonSize(s) > int64(n) {
		s = clip(s, len(s)*3/4)
	}
	return s
}

// bound returns a copy of d whose texts and facts are of bounded size, but for
// those in lists.
func bound(d *Dump) *Dump {
	c := *d
	c.Version, c.Cuts = Version, nil
	for _, s := range []*string{
		&c.Reason.What, &c.Reason.Name, &c.Process.Program, &c.Process.Exe, &c.Process.State, &c.Process.Arch, &c.Process.OS,
	} {
		*s = clipJSON(*s, maxString)
	}
	c.Reason.Kind = Kind(clipJSON(string(c.Reason.Kind), 32))
	if p := d.Reason.Place; p != nil {
		place := *p
		place.Func, place.File = clipJSON(place.Func, maxString), clipJSON(place.File, maxString)
		c.Reason.Place = &place
	}
	if d.Build != nil {
		b := *d.Build
		b.Go, b.Path, b.Version = clipJSON(b.Go, 64), clipJSON(b.Path, maxString), clipJSON(b.Version, 256)
		c.Build = &b
	}
	if len(d.Auxv) > maxAuxv {
		c.Auxv = d.Auxv[:maxAuxv]
	}
	c.Facts = boundFacts(d.Facts)
	return &c
}

func boundFacts(facts map[string]string) map[string]string {
	if len(facts) == 0 {
		return nil
	}
	var names []string
	for name := range facts {
		names = append(names, name)
	}
	sort.Strings(names)
	kept := map[string]string{}
	for _, name := range names {
		if len(kept) < maxFacts {
			kept[clipJSON(name, 32)] = clipJSON(facts[name], 128)
		}
	}
	return kept
}

// list is a list of a dump that can be cut.
type list struct {
	name  string
	floor int // entries that are kept until no list has more than its floor
	n     int // entries that are left
	sizes []int64
	cut   func(n int) // sets the list to n entries
	back  bool        // its beginning is cut
}

// last is how many bytes go with the entry that is the next to go.
func (l *list) last() int64 {
	if l.back {
		return l.sizes[len(l.sizes)-l.n]
	}
	return l.sizes[l.n-1]
}

// listOf describes a list. extra is what an entry takes beside its JSON.
func listOf[T any](name string, p *[]T, floor int, extra func(*T) int) *list {
	all := *p
	l := &list{name: name, floor: floor, n: len(all), sizes: make([]int64, len(all))}
	for i := range all {
		if extra != nil {
			l.sizes[i] = int64(extra(&all[i]))
		}
		l.sizes[i] += jsonSize(all[i]) + 1
	}
	l.cut = func(n int) {
		switch {
		case n == 0:
			*p = nil
		case l.back:
			*p = all[len(all)-n:]
		default:
			*p = all[:n]
		}
	}
	return l
}

// noJSON is for lists that are not in the JSON.
type noJSON struct{ Mapping }

func (noJSON) MarshalJSON() ([]byte, error) { return []byte("0"), nil }

func jsonSize(v interface{}) int64 {
	b, err := json.Marshal(v)
	if err != nil {
		return 1 << 40 // it is not kept
	}
	return int64(len(b))
}

// lists are all lists of d, those first that are cut first.
func lists(d *Dump) []*list {
	log := listOf("log", &d.Log, 50, nil)
	log.back = true
	all := []*list{log}
	if d.Build != nil {
		all = append(all, listOf("modules", &d.Build.Modules, 0, nil), listOf("settings", &d.Build.Settings, 16, nil))
	}
	return append(all,
		mappingList(d),
		listOf("mimics", &d.Mimics, 8, nil),
		listOf("regions", &d.Regions, 16, nil),
		listOf("workers", &d.Workers, 16, nil),
		listOf("goroutines", &d.Goroutines, 32, nil),
		listOf("operations", &d.Operations, 32, nil),
		listOf("locks", &d.Locks, 32, nil),
		listOf("findings", &d.Findings, 2, nil),
		listOf("env", &d.Env, 16, nil),
		listOf("args", &d.Args, 8, nil),
		listOf("threads", &d.Threads, 16, func(t *Thread) int {
			if s := prstatus(&d.Process, t); s != nil {
				return noteSize(owner, len(s))
			}
			return 0
		}),
		listOf("missing", &d.Missing, 8, nil),
	)
}

func mappingList(d *Dump) *list {
	wrapped := make([]noJSON, len(d.Mappings))
	for i, m := range d.Mappings {
		wrapped[i] = noJSON{m}
	}
	l := listOf("mappings", &wrapped, 64, func(m *noJSON) int { return 24 + len(m.File) + 1 })
	all := d.Mappings
	l.cut = func(n int) { d.Mappings = all[:n:n] }
	return l
}

// fit cuts the lists and the text of d, a copy of the caller's, until its JSON and
// its notes take no more than room, and returns what was cut. A dump of which
// nothing but its bounded parts is left takes less than Least.
func fit(d *Dump, room int64) []Cut {
	all := lists(d)
	size := bareSize(d, len(all))
	for _, l := range all {
		for _, s := range l.sizes {
			size += s
		}
	}
	var cuts []Cut
	text := d.Text
	d.Text = shortenText(text, textRoom(size, room))
	if lost := len(text) - len(d.Text); lost > 0 {
		cuts = append(cuts, Cut{What: "text", Kept: int64(len(d.Text)), Lost: int64(lost)})
	}
	size += jsonSize(d.Text)
	for _, floor := range []int{1, 0} {
		for _, l := range all {
			for l.n > l.floor*floor && size > room {
				size -= l.last()
				l.n--
			}
		}
	}
	for _, l := range all {
		if lost := len(l.sizes) - l.n; lost > 0 {
			l.cut(l.n)
			cuts = append(cuts, Cut{What: l.name, Kept: int64(l.n), Lost: int64(lost)})
		}
	}
	return cuts
}

// bareSize is what is left of d if all that can be cut is.
func bareSize(d *Dump, lists int) int64 {
	const frame = 32 // a list's name and brackets
	bare := Dump{Version: d.Version, Time: d.Time, Reason: d.Reason, Process: d.Process, Facts: d.Facts, Auxv: d.Auxv}
	if d.Build != nil {
		bare.Build = &Build{Go: d.Build.Go, Path: d.Build.Path, Version: d.Build.Version}
	}
	files := noteSize(owner, 16)
	return jsonSize(&bare) + int64(len(coreNotes(&bare))+files+noteSize(ownOwner, 0)) + int64(frame*(lists+2))
}

// textRoom is what a text may take: what the lists leave of room, and a quarter of it
// in any case.
func textRoom(lists, room int64) int64 {
	if left := room - lists; left > room/4 {
		return left
	}
	return room / 4
}

// shortenText cuts a text in its middle, so that its JSON takes no more than room.
func shortenText(s string, room int64) string {
	keep := len(s)
	for short := s; ; {
		size := jsonSize(short)
		if size <= room {
			return short
		}
		// Its end is what was done by others; its beginning is why.
		keep = int(int64(keep) * room / size * 15 / 16)
		if keep < 64 {
			return ""
		}
		head, tail := clip(s, keep*3/4), s[len(s)-keep/4:]
		for len(tail) > 0 && !utf8.RuneStart(tail[0]) {
			tail = tail[1:]
		}
		short = head + "\n" + leftOut(len(s)-len(head)-len(tail)) + "\n" + tail
	}
}

// join adds what was cut earlier, when a dump was made that was read and is written
// again.
func join(earlier, cuts []Cut) []Cut {
	for _, e := range earlier {
		known := false
		for i := range cuts {
			if cuts[i].What == e.What {
				cuts[i].Lost += e.Lost
				known = true
			}
		}
		if !known && len(cuts) < maxCuts {
			cuts = append(cuts, Cut{clipJSON(e.What, 32), e.Kept, e.Lost})
		}
	}
	return cuts
}
