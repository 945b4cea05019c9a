package analyze

import (
	"go/ast"
	"go/token"

	"golang.org/x/tools/go/ssa"
)

// What a function reaches as a whole says too much of a goroutine that stands
// at one line of it: main has started its workers long ago. So the table has,
// for lines with calls, what is still ahead of who stands there: what follows
// the call by the function's control flow, and all that it has deferred or may
// defer. The call itself is left to the frames that it has on the stack.

// effect is what an instruction of a function comes to, by itself or by what it
// calls.
type effect struct {
	at    ssa.Instruction // nil if it may be any
	does  bits
	lasts bool // it may still do it while a call at that place lasts
}

// outlook is what is ahead in one function.
type outlook struct {
	words  int
	always bits                         // wherever one stands
	within map[*ssa.BasicBlock][]placed // by place
	beyond map[*ssa.BasicBlock]bits     // what blocks that may follow do
	lines  map[int]bits
}

// placed is an effect at a place in its block.
type placed struct {
	index int
	does  bits
	lasts bool
}

// effects returns what the instructions of function n come to.
func (t *tabler) effects(n int32) (out []effect) {
	for _, e := range t.next[t.standing(n)] {
		if does := t.reaches[t.component[e.to]]; does != nil {
			out = append(out, effect{e.at, does, e.lasts})
		}
	}
	for _, s := range t.serves[n] {
		does := make(bits, t.words)
		does.add(s.need)
		out = append(out, effect{s.at, does, false})
	}
	return out
}

// ahead returns, by line, what is ahead of who stands in a call or a channel
// operation there; nil if the function as a whole comes to nothing.
func (t *tabler) ahead(n int32) map[int]bits {
	effects := t.effects(n)
	if len(effects) == 0 {
		return nil
	}
	fn := t.funcs[n]
	o := &outlook{
		words: t.words, always: make(bits, t.words),
		within: make(map[*ssa.BasicBlock][]placed), beyond: make(map[*ssa.BasicBlock]bits), lines: make(map[int]bits),
	}
	o.place(fn, effects)
	o.spread(fn)
	starts := callStarts(fn.Syntax())
	for _, b := range fn.Blocks {
		for k, i := range b.Instrs {
			p, ok := stands(i)
			if !ok {
				continue
			}
			from, to := t.prog.Fset.Position(p), t.prog.Fset.Position(p)
			if s, ok := starts[p]; ok {
				from = t.prog.Fset.Position(s)
			}
			for line := from.Line; line <= to.Line; line++ {
				o.add(line, b, k)
			}
		}
	}
	return o.lines
}

// place sorts the effects by where they happen. Deferred calls happen at the
// end of the function, wherever that is.
func (o *outlook) place(fn *ssa.Function, effects []effect) {
	at := make(map[ssa.Instruction][]effect)
	for _, e := range effects {
		if _, deferred := e.at.(*ssa.Defer); e.at == nil || deferred || e.at.Block() == fn.Recover {
			o.always.or(e.does)
			continue
		}
		at[e.at] = append(at[e.at], e)
	}
	for _, b := range fn.Blocks {
		for k, i := range b.Instrs {
			for _, e := range at[i] {
				o.within[b] = append(o.within[b], placed{k, e.does, e.lasts})
			}
			delete(at, i)
		}
	}
	for _, rest := range at { // of no block of fn
		for _, e := range rest {
			o.always.or(e.does)
		}
	}
}

// spread finds what may happen in the blocks that may follow each block.
func (o *outlook) spread(fn *ssa.Function) {
	for _, b := range fn.Blocks {
		o.beyond[b] = make(bits, o.words)
	}
	for again := true; again; {
		again = false
		for k := len(fn.Blocks) - 1; k >= 0; k-- {
			b := fn.Blocks[k]
			out := o.beyond[b]
			before := append(bits(nil), out...)
			for _, s := range b.Succs {
				out.or(o.beyond[s])
				for _, p := range o.within[s] {
					out.or(p.does)
				}
			}
			for w := range out {
				again = again || out[w] != before[w]
			}
		}
	}
}

// add adds to a line what is ahead of the k-th instruction of b.
func (o *outlook) add(line int, b *ssa.BasicBlock, k int) {
	l := o.lines[line]
	if l == nil {
		l = append(bits(nil), o.always...)
		o.lines[line] = l
	}
	l.or(o.beyond[b])
	for _, p := range o.within[b] {
		if p.index > k || p.index == k && p.lasts {
			l.or(p.does)
		}
	}
}

// stands returns where a goroutine stands that is in an instruction, if it can
// be in it for long.
func stands(i ssa.Instruction) (p token.Pos, ok bool) {
	switch i := i.(type) {
	case *ssa.Call:
		_, builtin := i.Call.Value.(*ssa.Builtin)
		ok = !builtin
	case *ssa.Send, *ssa.Select:
		ok = true
	case *ssa.UnOp:
		ok = i.Op == token.ARROW
	}
	return i.Pos(), ok && i.Pos().IsValid()
}

// callStarts returns where the calls of a function begin, by their
// parentheses: the compiler may give any line from there on to a call.
func callStarts(n ast.Node) map[token.Pos]token.Pos {
	starts := make(map[token.Pos]token.Pos)
	ast.Inspect(n, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			starts[call.Lparen] = call.Pos()
		}
		return true
	})
	return starts
}
