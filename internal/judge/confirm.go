package judge

import (
	"strings"

	"github.com/lifesign-go/lifesign/event"
)

// answer is what a fresh look makes of a record.
type answer uint8

const (
	silent      answer = iota // it was not asked for, or could not be had
	agrees                    // it shows the same
	contradicts               // it shows something else
)

// checkWait compares the record of a wait on a lock with the runtime's own
// data. why says what could not be had.
func checkWait(op *event.Record, look *event.Look, word event.Word, asked bool) (ans answer, why string) {
	if asked && word.Err == "" && word.Writer == event.NoWriter {
		return contradicts, "" // nobody waits on a lock like that
	}
	switch {
	case look != nil && look.Err != "":
		return silent, "no look at it: " + look.Err
	case look != nil && (look.Status != event.Waiting || !fits(op.Site.Kind, look.Reason)):
		return contradicts, ""
	case look != nil && look.Object != 0 && asked && word.Size != 0 && look.Object-op.Object >= word.Size:
		return contradicts, ""
	case look != nil && len(look.Stack) == 0:
		return silent, "no look at it: its stack could not be read"
	case look != nil && !onStack(op.Site, look.Stack):
		return contradicts, ""
	case asked && word.Err != "":
		return silent, "its lock was not read: " + word.Err
	case look == nil || !asked:
		return silent, ""
	case word.Writer != event.Holding && word.Writer != event.Pending:
		return silent, "its lock was not read"
	}
	return agrees, ""
}

// fits reports whether the runtime gives reason for a wait of kind k. Before
// Go 1.20 it had one reason for all of them. A writer waits for other writers
// first, then for the readers to leave.
func fits(k event.Kind, reason string) bool {
	switch reason {
	case "semacquire":
		return true
	case "sync.Mutex.Lock":
		return k != event.RLock
	case "sync.RWMutex.Lock":
		return k == event.RWLock || k == event.Locker
	case "sync.RWMutex.RLock":
		return k == event.RLock || k == event.Locker
	}
	return false
}

// checkEnd finds out what is in store for a goroutine that waits for no lock
// that is followed, from the operation it is in and a look at it.
func checkEnd(op *event.Record, look *event.Look) (f fate, ans answer, why string) {
	recorded := op != nil && op.Site.Kind == event.Never
	switch {
	case look == nil:
	case look.Err != "":
		why = "no look at it: " + look.Err
	case look.Status == event.Gone:
		return gone, agrees, ""
	case look.Status == event.Waiting && unservable(look.Reason) && shows(op, look.Stack):
		return never, agrees, ""
	default:
		if recorded {
			ans = contradicts
		}
		return busy, ans, ""
	}
	if recorded {
		return never, silent, why
	}
	return busy, silent, why
}

// unservable reports whether a wait for that reason never ends.
func unservable(reason string) bool {
	return reason == "select (no cases)" || strings.HasSuffix(reason, "(nil chan)")
}

// shows reports whether a stack agrees with an operation that is not one of a
// lock; any stack agrees with none.
func shows(op *event.Record, stack []event.Frame) bool {
	return op == nil || !op.Site.Kind.IsLock() && onStack(op.Site, stack)
}

// onStack reports whether a frame stands at the site. The directories may
// differ: a binary names files as they were when it was built.
func onStack(site event.Site, stack []event.Frame) bool {
	for i := range stack {
		if stack[i].Line == site.Line && base(stack[i].File) == base(site.File) {
			return true
		}
	}
	return false
}

// inFile reports whether a frame stands in the site's file. The function that
// releases what it takes has one for as long as it holds it.
func inFile(site event.Site, stack []event.Frame) bool {
	for i := range stack {
		if base(stack[i].File) == base(site.File) {
			return true
		}
	}
	return false
}

// inFunc reports whether a frame is of the site's function, or of a literal in
// it. Functions of the same name elsewhere pass for it: that is on the safe
// side, as only who is not in it is suspected.
func inFunc(site event.Site, stack []event.Frame) bool {
	for i := range stack {
		name := stack[i].Func
		name = name[strings.LastIndexByte(name, '/')+1:]
		dot := strings.IndexByte(name, '.')
		if dot < 0 {
			continue
		}
		if rest := name[dot+1:]; rest == site.Func || strings.HasPrefix(rest, site.Func+".") || strings.HasPrefix(rest, site.Func+"-") {
			return true
		}
	}
	return false
}

// inPackage reports whether a frame is of the site's package, going by the last
// directory of its file.
func inPackage(site event.Site, stack []event.Frame) bool {
	dir := base(directory(site.File))
	for i := range stack {
		if base(directory(stack[i].File)) == dir {
			return true
		}
	}
	return false
}

func directory(file string) string {
	if i := strings.LastIndexByte(file, '/'); i >= 0 {
		return file[:i]
	}
	return ""
}

func base(file string) string { return file[strings.LastIndexByte(file, '/')+1:] }
