package page

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/lifesign-go/lifesign/event"
)

// The site table is text, a row a site, so that a page can be read with a
// pager in an emergency:
//
//	kind TAB flags TAB package TAB file TAB line TAB func TAB object TAB needs LF
//
// Flags are the letters i (idle), p (paired), c (confined), l (leaves) and r (for
// one request), in this order, or "-". Tabs, line feeds and
// backslashes in a field are escaped by a backslash.

const siteFields = 8

var escaper = strings.NewReplacer("\\", `\\`, "\t", `\t`, "\n", `\n`)

// AppendSite appends the row of s to dst, line feed included.
func AppendSite(dst []byte, s event.Site) []byte {
	for _, f := range [...]string{string(s.Kind), flagsOf(&s), s.Package, s.File, strconv.Itoa(s.Line), s.Func, s.Object} {
		dst = append(dst, escaper.Replace(f)...)
		dst = append(dst, '\t')
	}
	dst = append(dst, escaper.Replace(s.Needs)...)
	return append(dst, '\n')
}

// siteFlags are the flags of a row, in their order.
var siteFlags = []struct {
	letter byte
	of     func(*event.Site) *bool
}{
	{'i', func(s *event.Site) *bool { return &s.Idle }},
	{'p', func(s *event.Site) *bool { return &s.Paired }},
	{'c', func(s *event.Site) *bool { return &s.Confined }},
	{'l', func(s *event.Site) *bool { return &s.Leaves }},
	{'r', func(s *event.Site) *bool { return &s.PerRequest }},
}

func flagsOf(s *event.Site) string {
	var flags []byte
	for _, f := range siteFlags {
		if *f.of(s) {
			flags = append(flags, f.letter)
		}
	}
	if len(flags) == 0 {
		return "-"
	}
	return string(flags)
}

// setFlags sets the flags of s, and reports whether they are as flagsOf makes
// them.
func setFlags(s *event.Site, flags string) bool {
	for _, f := range siteFlags {
		*f.of(s) = strings.IndexByte(flags, f.letter) >= 0
	}
	return flagsOf(s) == flags
}

// ParseSite parses a row as AppendSite makes it, with or without its line
// feed. Unknown kinds and flags are errors: a table by another version is not
// half understood.
func ParseSite(row string) (event.Site, error) {
	f := strings.Split(strings.TrimSuffix(row, "\n"), "\t")
	if len(f) != siteFields {
		return event.Site{}, fmt.Errorf("site row with %d fields, not %d", len(f), siteFields)
	}
	for i := range f {
		s, err := unescape(f[i])
		if err != nil {
			return event.Site{}, err
		}
		f[i] = s
	}
	line, err := strconv.Atoi(f[4])
	if err != nil || line < 0 {
		return event.Site{}, fmt.Errorf("site row with line %q", f[4])
	}
	s := event.Site{Kind: event.Kind(f[0]), Package: f[2], File: f[3], Line: line, Func: f[5], Object: f[6], Needs: f[7]}
	if !knownKind[s.Kind] {
		return event.Site{}, fmt.Errorf("site row of kind %q, which this lifesign does not know", f[0])
	}
	if !setFlags(&s, f[1]) {
		return event.Site{}, fmt.Errorf("site row with flags %q", f[1])
	}
	return s, nil
}

var knownKind = kindSet()

func kindSet() map[event.Kind]bool {
	known := make(map[event.Kind]bool)
	for _, k := range event.Kinds {
		known[k] = true
	}
	return known
}

func unescape(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		i++
		if i == len(s) {
			return "", fmt.Errorf("site row ends in a backslash")
		}
		switch s[i] {
		case '\\':
			b.WriteByte('\\')
		case 't':
			b.WriteByte('\t')
		case 'n':
			b.WriteByte('\n')
		default:
			return "", fmt.Errorf("site row with escape \\%c", s[i])
		}
	}
	return b.String(), nil
}
