package attach

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/lifesign-go/lifesign/event"
)

// Dump is the stacks of all goroutines, as runtime.Stack writes them (debug=2).
type Dump struct {
	Goroutines []Goroutine
	Cut        bool // the text ends in the middle: there are more
}

// Goroutine is one goroutine of a dump.
type Goroutine struct {
	ID      uint64
	Reason  string // why it waits, or its status: "chan receive", "running"
	Minutes int    // since when it has not run, by the runtime; 0 for less than one, or if no collection has seen it wait
	Frames  []Frame
	Created Frame // the go statement
}

// Frame is a function on a stack, innermost first.
type Frame struct {
	event.Frame
	Args   string // as the runtime prints them; "..." for a function that was put into its caller
	Offset string // of the instruction in the function, "" if that was put into its caller
}

// maxFrames bounds what is kept of a stack; the runtime prints no more than 100.
const maxFrames = 128

var header = regexp.MustCompile(`^goroutine (\d+)(?: gp=\S+)?(?: m=\S+)?(?: mp=\S+)? \[([^\]]*)\](?: \{.*\})?:$`)

// ParseDump parses the text of a dump. Text that is not one is an error;
// details that a later Go may print are passed over.
func ParseDump(text []byte) (Dump, error) {
	var d Dump
	for len(text) > 0 {
		var block []byte
		block, text = cutBlock(text)
		if len(bytes.TrimSpace(block)) == 0 {
			continue
		}
		g, ok, err := parseGoroutine(string(block))
		if err != nil {
			if len(text) == 0 && len(d.Goroutines) > 0 {
				d.Cut = true
				break
			}
			return Dump{}, err
		}
		if ok {
			d.Goroutines = append(d.Goroutines, g)
		}
	}
	if len(d.Goroutines) == 0 {
		return Dump{}, fmt.Errorf("no goroutine in it")
	}
	return d, nil
}

// cutBlock cuts off the text up to the next empty line.
func cutBlock(text []byte) (block, rest []byte) {
	if i := bytes.Index(text, []byte("\n\n")); i >= 0 {
		return text[:i+1], text[i+2:]
	}
	return text, nil
}

func parseGoroutine(block string) (g Goroutine, ok bool, err error) {
	lines := strings.Split(strings.TrimRight(block, "\n"), "\n")
	m := header.FindStringSubmatch(lines[0])
	if m == nil {
		if strings.HasPrefix(lines[0], "...") { // the runtime leaves something out
			return Goroutine{}, false, nil
		}
		return Goroutine{}, false, fmt.Errorf("%.60q where a goroutine is expected", lines[0])
	}
	if g.ID, err = strconv.ParseUint(m[1], 10, 64); err != nil {
		return Goroutine{}, false, fmt.Errorf("goroutine number %q: %w", m[1], err)
	}
	g.state(m[2])
	for i := 1; i < len(lines); i++ {
		line := lines[i]
		f, created, ok := parseCall(line)
		if !ok {
			continue // frames elided, stack unavailable
		}
		if i+1 == len(lines) || !f.place(lines[i+1]) {
			return Goroutine{}, false, fmt.Errorf("goroutine %d: no file and line below %.60q", g.ID, line)
		}
		i++
		switch {
		case created:
			g.Created = f
		case len(g.Frames) < maxFrames:
			g.Frames = append(g.Frames, f)
		}
	}
	return g, true, nil
}

// state reads what stands in brackets: "chan receive (leaked), 5 minutes, locked
// to thread".
func (g *Goroutine) state(text string) {
	parts := strings.Split(text, ", ")
	g.Reason = parts[0]
	for _, mark := range []string{" (scan)", " (leaked)", " (durable)"} {
		g.Reason = strings.TrimSuffix(g.Reason, mark)
	}
	for _, p := range parts[1:] {
		if n := strings.TrimSuffix(p, " minutes"); n != p {
			if m, err := strconv.ParseUint(n, 10, 31); err == nil {
				g.Minutes = int(m)
			}
		}
	}
}

// parseCall parses the first of a frame's two lines.
func parseCall(line string) (f Frame, created, ok bool) {
	if rest := strings.TrimPrefix(line, "created by "); rest != line {
		if i := strings.LastIndex(rest, " in goroutine "); i >= 0 {
			rest = rest[:i]
		}
		f.Func = rest
		return f, true, true
	}
	open := strings.LastIndexByte(line, '(')
	if open <= 0 || !strings.HasSuffix(line, ")") {
		return Frame{}, false, false
	}
	f.Func, f.Args = line[:open], line[open+1:len(line)-1]
	return f, false, true
}

// place parses the second of a frame's two lines.
func (f *Frame) place(line string) bool {
	text := strings.TrimPrefix(line, "\t")
	if text == line {
		return false
	}
	if i := strings.LastIndex(text, " +0x"); i >= 0 {
		text, f.Offset = text[:i], text[i+1:]
		if j := strings.IndexByte(f.Offset, ' '); j >= 0 { // fp=, sp= and pc= under GOTRACEBACK=system
			f.Offset = f.Offset[:j]
		}
	}
	colon := strings.LastIndexByte(text, ':')
	if colon < 0 {
		return false
	}
	n, err := strconv.ParseUint(text[colon+1:], 10, 31)
	if err != nil {
		return false
	}
	f.File, f.Line = text[:colon], int(n)
	return true
}

// stance is where a goroutine stands: if it is the same in two dumps, the
// goroutine may have stood still between them. Arguments are left out, as they
// change when the runtime moves a stack.
func (g *Goroutine) stance() string {
	var b strings.Builder
	b.WriteString(g.Reason)
	for _, f := range g.Frames {
		fmt.Fprintf(&b, "\n%s %s:%d %s", f.Func, f.File, f.Line, f.Offset)
	}
	return b.String()
}

// own returns the innermost frame that is the program's own: not the runtime's,
// and not of what the standard library waits with.
func (g *Goroutine) own() Frame {
	for _, f := range g.Frames {
		if !waits(f.Func) {
			return f
		}
	}
	if len(g.Frames) > 0 {
		return g.Frames[0]
	}
	return g.Created
}

// waits reports whether a function belongs to how the library waits.
func waits(name string) bool {
	switch pkg, _ := cutFunc(name); pkg {
	case "runtime", "sync", "internal/sync", "internal/poll", "syscall", "internal/runtime/syscall", "os", "time", "golang.org/x/sys/unix":
		return true
	}
	return false
}

// cutFunc cuts a function's full name into import path and name.
func cutFunc(name string) (pkg, fn string) {
	// A receiver or type arguments may have slashes of their own.
	end := strings.IndexAny(name, "([")
	if end < 0 {
		end = len(name)
	}
	start := strings.LastIndexByte(name[:end], '/') + 1
	dot := strings.IndexByte(name[start:], '.')
	if dot < 0 {
		return "", name
	}
	return name[:start+dot], name[start+dot+1:]
}
