package look

import (
	"runtime"

	"github.com/lifesign-go/lifesign/event"
)

// Symbols names functions and lines.
type Symbols interface {
	// Frames names the functions at a return address, those that the compiler
	// has put into another innermost first. The line is that of the call. An
	// address of no function has no frames.
	Frames(pc uint64) []event.Frame
}

// OwnSymbols asks the runtime about the code of the calling process. Of
// functions that the compiler has put into one another it knows the innermost
// and the outermost; the line of the latter is that of its declaration, as
// runtime.CallersFrames tells the others only of its own traces.
type OwnSymbols struct{}

// Frames implements Symbols.
func (OwnSymbols) Frames(pc uint64) []event.Frame {
	f, _ := runtime.CallersFrames([]uintptr{uintptr(pc)}).Next()
	if f.Function == "" {
		return nil
	}
	list := []event.Frame{{Func: f.Function, File: f.File, Line: f.Line}}
	if f.Func == nil && f.Entry != 0 {
		if outer := runtime.FuncForPC(f.Entry); outer != nil && outer.Name() != f.Function {
			file, line := outer.FileLine(f.Entry)
			list = append(list, event.Frame{Func: outer.Name(), File: file, Line: line})
		}
	}
	return list
}

// names keeps what Symbols said. Thousands of goroutines stand at few places,
// so their stacks are shared: whoever gets one must not write into it.
type names struct {
	symbols Symbols
	frames  map[uint64][]event.Frame
	stacks  map[string][]event.Frame
	key     []byte
}

// maxNames bounds what is kept of each, for programs that make code.
const maxNames = 1 << 15

func (n *names) stack(pcs []uint64) []event.Frame {
	if n.stacks == nil || len(n.stacks) > maxNames {
		n.stacks = map[string][]event.Frame{}
	}
	n.key = n.key[:0]
	for _, pc := range pcs {
		n.key = append(n.key, byte(pc), byte(pc>>8), byte(pc>>16), byte(pc>>24),
			byte(pc>>32), byte(pc>>40), byte(pc>>48), byte(pc>>56))
	}
	stack, ok := n.stacks[string(n.key)]
	if !ok {
		for _, pc := range pcs {
			stack = append(stack, n.at(pc)...)
		}
		stack = stack[:len(stack):len(stack)]
		n.stacks[string(n.key)] = stack
	}
	return stack
}

func (n *names) at(pc uint64) []event.Frame {
	if f, ok := n.frames[pc]; ok {
		return f
	}
	if n.frames == nil || len(n.frames) > maxNames {
		n.frames = map[uint64][]event.Frame{}
	}
	f := n.symbols.Frames(pc)
	n.frames[pc] = f
	return f
}
