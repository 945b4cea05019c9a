// Package reach answers a question about a program from what analysis found in
// its source: could a goroutine with this stack ever serve that wait? A receive
// is served by a send or a close of the channel, a send by a receive, a
// WaitGroup's Wait by Done, a Cond's by Signal or Broadcast. Channels,
// WaitGroups and Conds are told apart by class, a name that package analyze
// gives to all that may be one object.
//
// The answer errs to one side. That a goroutine reaches an operation does not
// mean that it will come there, nor that the object is the one waited for; that
// it does not reach one means that it never serves the wait, neither itself nor
// by the goroutines it starts, unless assembly, linkname or unsafe code goes
// behind the compiler's back. A stack with a function that the program's source
// did not show, and one that was cut off, is not known.
//
// Functions are found by package, file and line, so that closures, instances of
// generic functions and functions that the compiler inlined need no names. On a
// line on which several functions stand, the answer is for all of them.
//
// A Table is not changed once decoded and may be read by several goroutines.
package reach

import (
	"strconv"
	"strings"

	"github.com/lifesign-go/lifesign/event"
)

// Need is something that a wait needs from others, by its number in a table.
type Need int

// Table answers for one program.
type Table struct {
	needs       map[string]Need
	spontaneous set
	main        Answer // what package runtime starts the program with
	signatures  []signature
	files       map[fileKey]spans
	named       map[string][]fileKey // by name without the package
}

type fileKey struct{ pkg, name string }

// spans are those of a file: of functions, and of single lines in them.
type spans struct{ functions, lines []span }

type span struct{ line, signature int32 }

type signature struct{ reaches, contains set }

// Answer is what is known of a function, or of a goroutine by its stack. The
// zero Answer is that of a function the table does not know.
type Answer struct {
	Known             bool
	reaches, contains set
}

// Reaches reports whether an operation that serves n is reached from there by
// calls, deferred ones and go statements included.
func (a Answer) Reaches(n Need) bool { return a.reaches.has(int(n)) }

// Contains reports whether such an operation stands in the function itself, or
// in one of the stack.
func (a Answer) Contains(n Need) bool { return a.contains.has(int(n)) }

// Class returns the number of a need, which is an item of event.Site.Needs. ok
// is false if the table does not answer for it: then anybody may serve it.
func (t *Table) Class(need string) (n Need, ok bool) {
	n, ok = t.needs[need]
	return n, ok
}

// Spontaneous reports whether what the runtime starts by itself may serve n:
// functions of timers, finalizers, cleanups, what C calls.
func (t *Table) Spontaneous(n Need) bool { return t.spontaneous.has(int(n)) }

// Served reports whether anything in the program serves n, whoever may come
// there.
func (t *Table) Served(n Need) bool {
	if t.Spontaneous(n) || t.main.Reaches(n) {
		return true
	}
	for i := range t.signatures {
		if t.signatures[i].contains.has(int(n)) {
			return true
		}
	}
	return false
}

// Frame returns the answer for the function at a line of a file, which is
// given by package path and base name.
func (t *Table) Frame(pkgpath, file string, line int) Answer {
	return t.at(t.files[fileKey{pkgpath, file}].functions, line)
}

// at returns the answer of the span that a line lies in.
func (t *Table) at(list []span, line int) Answer {
	if i := last(list, line); i >= 0 && list[i].signature >= 0 {
		s := t.signatures[list[i].signature]
		return Answer{true, s.reaches, s.contains}
	}
	return Answer{}
}

// last returns the index of the last span that begins at a line or above it,
// -1 if there is none.
func last(list []span, line int) int {
	lo, hi := 0, len(list)
	for lo < hi {
		if mid := (lo + hi) / 2; int(list[mid].line) <= line {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo - 1
}

// ahead is Frame for a goroutine that stands at the line, in a call.
func (t *Table) ahead(pkgpath, file string, line int) Answer {
	list := t.files[fileKey{pkgpath, file}].lines
	if i := last(list, line); i >= 0 && int(list[i].line) == line {
		return t.at(list[i:i+1], line)
	}
	return t.Frame(pkgpath, file, line)
}

// Stack returns the answer for a goroutine that stands still with this stack,
// innermost frame first: what is ahead of it. It is worth keeping where many
// goroutines have the same one.
func (t *Table) Stack(stack []event.Frame) Answer { return t.stack(stack, t.ahead) }

// Begun returns the answer for a goroutine whose stack began with these frames
// and which has moved on since: for all that these functions come to.
func (t *Table) Begun(stack []event.Frame) Answer { return t.stack(stack, t.Frame) }

func (t *Table) stack(stack []event.Frame, in func(pkgpath, file string, line int) Answer) Answer {
	a := Answer{Known: len(stack) > 0 && IsRuntime(packagePath(stack[len(stack)-1].Func))}
	begun := false // the program has initialised its packages and is in main
	for _, f := range stack {
		one := t.frame(f, in)
		if f.Func == "runtime.main" && begun {
			one = Answer{Known: true}
		}
		begun = begun || f.Func == "main.main"
		a.Known = a.Known && one.Known
		a.reaches = a.reaches.union(one.reaches)
		a.contains = a.contains.union(one.contains)
	}
	return a
}

// Serves returns the answer for one need. The first two are not to be relied on
// where they are false and known is false.
func (t *Table) Serves(n Need, stack []event.Frame) (reaches, contains, known bool) {
	a := t.Stack(stack)
	return a.Reaches(n), a.Contains(n), a.Known
}

// hookPackage is what woven code calls. It was not part of the program that was
// analysed, and calls nothing of it. mimicPackage is not either; what it calls of
// the program is generated, or its author's, and stands on the stack beside it; so
// does what unitPackage calls.
const (
	hookPackage  = "github.com/lifesign-go/lifesign/hook"
	mimicPackage = "github.com/lifesign-go/lifesign/mimic"
	unitPackage  = "github.com/lifesign-go/lifesign/guard/unit"
)

// frame returns the answer for one frame.
func (t *Table) frame(f event.Frame, in func(pkgpath, file string, line int) Answer) Answer {
	pkg := packagePath(f.Func)
	switch name := base(f.File); {
	case f.Func == "runtime.main":
		return t.main // which may be about to initialise packages
	case pkg == hookPackage, pkg == mimicPackage, pkg == unitPackage, IsRuntime(pkg), inRuntime(f.File), isWrapper(f.Func):
		return Answer{Known: true}
	case name == "<autogenerated>", strings.HasSuffix(name, ".s"):
		// A wrapper has made its only call. Assembly calls what is on the stack
		// above it, or nothing.
		return Answer{Known: f.Func != ""}
	default:
		if _, ok := t.files[fileKey{pkg, name}]; !ok {
			return t.anywhere(name, f.Line, in)
		}
		return in(pkg, name, f.Line)
	}
}

// anywhere returns the answer for a line of a file of this name in any package.
// A literal of a function that was inlined is named by the one it was inlined
// in, which may be of another package than the file.
func (t *Table) anywhere(name string, line int, in func(pkgpath, file string, line int) Answer) Answer {
	var a Answer
	for _, key := range t.named[name] {
		one := in(key.pkg, name, line)
		a.Known = a.Known || one.Known
		a.reaches = a.reaches.union(one.reaches)
		a.contains = a.contains.union(one.contains)
	}
	return a
}

// IsRuntime reports whether pkg is the runtime, whose functions call no other
// package's of their own accord once the program runs.
func IsRuntime(pkg string) bool {
	return pkg == "runtime" || strings.HasPrefix(pkg, "runtime/internal/") || strings.HasPrefix(pkg, "internal/runtime/")
}

// inRuntime reports whether a file is one of package runtime, which has some
// functions of other packages in it: time.Sleep, sync.runtime_Semacquire.
func inRuntime(file string) bool {
	dir := strings.TrimSuffix(file, base(file))
	return dir == "runtime/" || strings.HasSuffix(dir, "/src/runtime/")
}

// isWrapper reports whether a function is one that the compiler made of a go or
// defer statement, whose only call is the one that is on the stack above it.
func isWrapper(fn string) bool {
	last := fn[strings.LastIndexByte(fn, '.')+1:]
	return strings.HasPrefix(last, "gowrap") || strings.HasPrefix(last, "deferwrap")
}

// packagePath returns the path of the package of a function named as the linker
// does, "" if it has none: example.com/a.b/c%2ed.(*T[...]).m is of
// example.com/a.b/c.d.
func packagePath(fn string) string {
	head := fn
	if i := strings.IndexByte(head, '['); i >= 0 {
		head = head[:i] // type arguments have slashes and dots of their own
	}
	slash := strings.LastIndexByte(head, '/') + 1
	dot := strings.IndexByte(head[slash:], '.')
	if dot < 0 {
		return ""
	}
	path := fn[:slash+dot]
	if strings.IndexByte(path, '%') < 0 {
		return path
	}
	return unescape(path)
}

// unescape undoes what the linker does to dots and odd bytes of a path.
func unescape(path string) string {
	var out strings.Builder
	for i := 0; i < len(path); i++ {
		if path[i] == '%' && i+2 < len(path) {
			if b, err := strconv.ParseUint(path[i+1:i+3], 16, 8); err == nil {
				out.WriteByte(byte(b))
				i += 2
				continue
			}
		}
		out.WriteByte(path[i])
	}
	return out.String()
}

// base returns the last element of a path, of whichever system.
func base(path string) string {
	return path[strings.LastIndexAny(path, `/\`)+1:]
}
