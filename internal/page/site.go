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
//	kind TAB flags TAB package TAB file TAB line TAB func TAB object LF
//
// Flags are the letters i (idle) and p (paired), or "-". Tabs, line feeds and
// backslashes in a field are escaped by a backslash.

const siteFields = 7

var escaper = strings.NewReplacer("\\", `\\`, "\t", `\t`, "\n", `\n`)

// AppendSite appends the row of s to dst, line feed included.
func AppendSite(dst []byte, s event.Site) []byte {
	flags := ""
	if s.Idle {
		flags += "i"
	}
	if s.Paired {
		flags += "p"
	}
	if flags == "" {
		flags = "-"
	}
	for _, f := range [...]string{string(s.Kind), flags, s.Package, s.File, strconv.Itoa(s.Line), s.Func} {
		dst = append(dst, escaper.Replace(f)...)
		dst = append(dst, '\t')
	}
	dst = append(dst, escaper.Replace(s.Object)...)
	return append(dst, '\n')
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
	s := event.Site{Kind: event.Kind(f[0]), Package: f[2], File: f[3], Line: line, Func: f[5], Object: f[6]}
	if !knownKind[s.Kind] {
		return event.Site{}, fmt.Errorf("site row of kind %q, which this lifesign does not know", f[0])
	}
	switch f[1] {
	case "-":
	case "i":
		s.Idle = true
	case "p":
		s.Paired = true
	case "ip":
		s.Idle, s.Paired = true, true
	default:
		return event.Site{}, fmt.Errorf("site row with flags %q", f[1])
	}
	return s, nil
}

var knownKind = map[event.Kind]bool{
	event.Region: true, event.Lock: true, event.RWLock: true, event.RLock: true, event.Locker: true,
	event.Send: true, event.Receive: true, event.Range: true, event.Select: true, event.Never: true, event.Call: true,
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
