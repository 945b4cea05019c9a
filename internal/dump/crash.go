package dump

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/lifesign-go/lifesign/event"
)

// ParseCrash reads what the Go runtime writes as a program crashes (package
// runtime/debug, SetCrashOutput) or as it gets SIGQUIT. It errs on the side of less:
// what it does not know it leaves out, and the reason's Kind is "" if there is
// nothing that it knows. It was written for Go 1.26, and holds for releases since
// 1.18 as far as their texts are the same.
func ParseCrash(text string) (Reason, []Goroutine) {
	p := &crashText{lines: strings.Split(text, "\n")}
	r := p.reason()
	system := p.system()
	all := p.goroutines()
	if r.Kind == "" {
		r = fatal(system, all)
	}
	if len(all) > 0 {
		r.Goroutine = all[0].ID
		r.Place = placeOf(all[0].Stack)
	}
	return r, all
}

// Goroutine is one goroutine of a crash's text.
type Goroutine struct {
	Member
	State   string
	Stack   []event.Frame
	Creator *event.Frame
}

type crashText struct {
	lines []string
	at    int
}

// reason reads what comes before the first stack.
func (p *crashText) reason() (r Reason) {
	for ; p.at < len(p.lines); p.at++ {
		line := p.lines[p.at]
		switch {
		case isHeader(line) || line == "runtime stack:":
			return r
		case strings.HasPrefix(line, "panic: "):
			r.because(Panic, line)
		case strings.HasPrefix(line, "fatal error: "):
			r.because(Fatal, line)
		case strings.HasPrefix(line, "\tpanic: ") && r.Kind == Panic:
			r.What += "; then " + strings.TrimSpace(line)
		case strings.HasPrefix(line, "\t") && r.Kind == Panic:
			r.What += " " + strings.TrimSpace(line) // the value has several lines
		case strings.HasPrefix(line, "[signal ") && strings.HasSuffix(line, "]"):
			r.signal(strings.TrimSuffix(strings.TrimPrefix(line, "[signal "), "]"))
		case r.Kind == "" && strings.HasPrefix(line, "SIG") && signalNumber(signalName(line)) != 0:
			r.because(Signal, line)
			r.signal(line)
		case strings.HasPrefix(line, "PC=0x") && r.Kind == Signal:
			r.signal(line)
		case line == "signal arrived during cgo execution":
			r.Foreign = true
		}
	}
	return r
}

// system reads the stack of the runtime's own that comes first, if one does.
func (p *crashText) system() []event.Frame {
	if p.at == len(p.lines) || p.lines[p.at] != "runtime stack:" {
		return nil
	}
	p.at++
	var g Goroutine
	p.stack(&g)
	return g.Stack
}

// fatals are errors of the runtime's own by a function that is on their stack, those
// that say more first.
var fatals = []struct{ function, what string }{
	{"runtime.newstack", "stack overflow"},
	{"runtime.sysMapOS", "runtime: out of memory"},
	{"runtime.(*mheap).grow", "runtime: out of memory"},
	{"runtime.mallocgcLarge", "runtime: out of memory"},
	{"internal/sync.(*Mutex).unlockSlow", "sync: unlock of unlocked mutex"},
	{"sync.(*RWMutex).Unlock", "sync: Unlock of unlocked RWMutex"},
	{"sync.(*RWMutex).RUnlock", "sync: RUnlock of unlocked RWMutex"},
	{"sync.(*RWMutex).rUnlockSlow", "sync: RUnlock of unlocked RWMutex"},
	{"internal/runtime/maps.fatal", "concurrent map access"},
}

// fatal returns the reason of a text that begins with the stacks. The runtime writes
// "fatal error: …" before it knows that it dies, and so to standard error alone; but
// what has called its functions throw and fatal tells most of it.
func fatal(system []event.Frame, all []Goroutine) (r Reason) {
	stack := system
	if len(all) > 0 {
		stack = append(append([]event.Frame(nil), system...), all[0].Stack...)
	}
	if len(stack) == 0 {
		return r
	}
	if len(system) == 0 && !tellsFatal(stack[0].Func) {
		if s := all[0].State; s != "running" && s != "syscall" && s != "runnable" {
			r = Reason{Kind: Fatal, What: "fatal error: all goroutines are asleep - deadlock!"}
		}
		return r
	}
	for _, known := range fatals {
		for _, f := range stack {
			if f.Func == known.function {
				return Reason{Kind: Fatal, What: "fatal error: " + known.what}
			}
		}
	}
	for _, f := range stack {
		if !tellsFatal(f.Func) {
			return Reason{Kind: Fatal, What: "fatal error in " + f.Func + " (standard error has its text)"}
		}
	}
	return r
}

// tellsFatal reports whether a function is one by which the runtime ends a program.
func tellsFatal(name string) bool {
	return name == "runtime.throw" || strings.HasSuffix(name, ".fatal")
}

// because notes the first reason that is told, which is what the others follow from.
func (r *Reason) because(kind Kind, line string) {
	if r.Kind == "" {
		r.Kind, r.What = kind, line
	}
}

// signal reads "SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x4a3e98" and
// "PC=0x4a4120 m=0 sigcode=1 addr=0x8".
func (r *Reason) signal(line string) {
	if name := signalName(line); signalNumber(name) != 0 {
		r.Name, r.Signal = name, signalNumber(name)
	}
	for _, field := range strings.Fields(line) {
		name, value, _ := strings.Cut(field, "=")
		v, err := strconv.ParseUint(value, 0, 64)
		if err != nil {
			continue
		}
		switch name {
		case "code", "sigcode":
			r.Code = int(int32(v)) // written without its sign
		case "addr":
			r.Address = v
		case "pc", "PC":
			r.PC = v
		}
	}
}

// signalName returns the word before the first colon.
func signalName(line string) string {
	name, _, _ := strings.Cut(line, ":")
	return name
}

// signalNumber returns the number of a signal that a crash can tell of (signal(7), on
// x86-64 and arm64), 0 of any other.
func signalNumber(name string) int {
	switch name {
	case "SIGHUP":
		return 1
	case "SIGINT":
		return 2
	case "SIGQUIT":
		return 3
	case "SIGILL":
		return 4
	case "SIGTRAP":
		return 5
	case "SIGABRT":
		return 6
	case "SIGBUS":
		return 7
	case "SIGFPE":
		return 8
	case "SIGKILL":
		return 9
	case "SIGSEGV":
		return 11
	case "SIGPIPE":
		return 13
	case "SIGTERM":
		return 15
	case "SIGSTKFLT":
		return 16
	case "SIGXCPU":
		return 24
	case "SIGSYS":
		return 31
	}
	return 0
}

// goroutines reads the stacks.
func (p *crashText) goroutines() (all []Goroutine) {
	for ; p.at < len(p.lines); p.at++ {
		g, ok := parseHeader(p.lines[p.at])
		if !ok {
			continue
		}
		p.at++
		p.stack(&g)
		p.at-- // the loop's step
		g.Stack = Shorten(g.Stack)
		all = append(all, g)
	}
	return all
}

func isHeader(line string) bool { _, ok := parseHeader(line); return ok }

// parseHeader reads "goroutine 7 gp=0x… m=0 mp=0x… [chan receive, 5 minutes, locked to thread]:".
func parseHeader(line string) (g Goroutine, ok bool) {
	rest := strings.TrimPrefix(line, "goroutine ")
	if rest == line || !strings.HasSuffix(rest, "]:") {
		return g, false
	}
	number, rest, _ := strings.Cut(rest, " ")
	id, err := strconv.ParseUint(number, 10, 64)
	_, inside, found := strings.Cut(rest, "[")
	if err != nil || !found {
		return g, false
	}
	parts := strings.Split(strings.TrimSuffix(inside, "]:"), ", ")
	g.ID, g.State = id, parts[0]
	for _, part := range parts[1:] {
		minutes, unit, _ := strings.Cut(part, " ")
		n, err := strconv.ParseInt(minutes, 10, 32)
		switch {
		case part == "locked to thread":
			g.Locked = true
		case err == nil && unit == "minutes":
			g.Waited = n * 60e9
		}
	}
	return g, true
}

// stack reads lines in pairs, a function's and its place's, up to the first that is
// neither.
func (p *crashText) stack(g *Goroutine) {
	for p.at < len(p.lines) {
		line := p.lines[p.at]
		switch {
		case strings.HasPrefix(line, "...") && strings.HasSuffix(line, "elided..."):
			g.Stack = append(g.Stack, event.Frame{Func: elided(line)})
			p.at++
		case p.at+1 < len(p.lines) && strings.HasPrefix(p.lines[p.at+1], "\t") && line != "" && line[0] != '\t':
			f := event.Frame{Func: functionOf(line)}
			f.File, f.Line = positionOf(p.lines[p.at+1])
			p.at += 2
			if by := strings.TrimPrefix(line, "created by "); by != line {
				f.Func, _, _ = strings.Cut(by, " in goroutine ")
				g.Creator = &f
				return
			}
			g.Stack = append(g.Stack, f)
		default:
			return
		}
	}
}

// elided reads "...23 frames elided..." and "...additional frames elided...".
func elided(line string) string {
	if n, err := strconv.Atoi(strings.Fields(line[3:] + " x")[0]); err == nil {
		return leftOut(n)
	}
	return "… more are left out …"
}

// functionOf cuts the arguments off "main.(*server).handle(0x1, {0x2, 0x3})".
func functionOf(line string) string {
	if i := strings.LastIndexByte(line, '('); i > 0 && strings.HasSuffix(line, ")") {
		return line[:i]
	}
	return line
}

// positionOf reads "\t/src/main.go:42 +0x393 fp=0x… sp=0x… pc=0x…".
func positionOf(line string) (file string, number int) {
	line = strings.TrimPrefix(line, "\t")
	i := strings.LastIndexByte(line, ':')
	if i < 0 {
		return line, 0
	}
	digits, _, _ := strings.Cut(line[i+1:], " ")
	n, err := strconv.Atoi(digits)
	if err != nil {
		return line, 0
	}
	return line[:i], n
}

// placeOf returns the first function that is not the runtime's, nil if there is none:
// if the stack has a panic, of what comes after it, as before it there are functions
// that were deferred.
func placeOf(stack []event.Frame) *event.Frame {
	from := 0
	for i, f := range stack {
		if f.Func == "panic" || f.Func == "runtime.gopanic" {
			from = i + 1
		}
	}
	for _, f := range stack[from:] {
		if f.Line > 0 && !runtimes(f.Func) {
			place := f
			return &place
		}
	}
	return nil
}

// runtimes reports whether a function is of the runtime, of what stands for it, or of
// what cgo makes.
func runtimes(name string) bool {
	for _, prefix := range []string{"runtime.", "internal/runtime/", "internal/sync.", "sync.", "syscall.", "internal/poll.", "_cgo"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return name == "panic" || strings.Contains(name, "._Cfunc_")
}

// Group puts goroutines that stand at the same place together. The first one's group
// is the first; the others follow by how long they have waited, and by their number.
func Group(all []Goroutine) []Goroutines {
	var groups []Goroutines
	at := map[string]int{}
	for _, g := range all {
		key := keyOf(g)
		i, known := at[key]
		if !known {
			i = len(groups)
			at[key] = i
			groups = append(groups, Goroutines{State: g.State, Stack: g.Stack, Creator: g.Creator})
		}
		groups[i].Members = append(groups[i].Members, g.Member)
	}
	for i := range groups {
		sortMembers(groups[i].Members)
	}
	if len(groups) > 1 {
		sortGroups(groups[1:])
	}
	return groups
}

func keyOf(g Goroutine) string {
	var b strings.Builder
	b.WriteString(g.State)
	for _, f := range g.Stack {
		fmt.Fprintf(&b, "\n%s\t%s:%d", f.Func, f.File, f.Line)
	}
	if g.Creator != nil {
		fmt.Fprintf(&b, "\nby %s:%d", g.Creator.File, g.Creator.Line)
	}
	return b.String()
}
