package analyze

import (
	"cmp"
	"encoding/binary"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"

	serving "github.com/lifesign-go/lifesign/internal/reach"
)

// reachTable returns the table of who could serve which wait of the sites in
// m, encoded; nil if none of them can be told.
func reachTable(m *Model, f *flow, c *classes) []byte {
	needs := needsOf(m)
	if len(needs) == 0 {
		return nil
	}
	t := &tabler{flow: f, needs: needs, words: (len(needs) + 63) / 64, signatures: make(map[string]int)}
	t.scratch = [2]bits{make(bits, t.words), make(bits, t.words)}
	t.lexical(c)
	t.components()
	t.data.Needs = needs
	t.data.Spontaneous = members(t.union(f.spontaneous))
	t.data.Main = t.signature(t.union(f.first), t.scratch[1])
	t.files()
	return serving.Encode(t.data)
}

// needsOf returns what the sites of m need, as far as it is known.
func needsOf(m *Model) []string {
	seen := make(map[string]bool)
	var out []string
	for _, p := range m.Packages {
		for _, f := range p.Files {
			for _, s := range f.Sites {
				for _, item := range strings.Fields(s.Needs) {
					if !seen[item] && !strings.HasSuffix(item, ":"+unknownClass) {
						seen[item] = true
						out = append(out, item)
					}
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

// bits is a set of needs.
type bits []uint64

func (b bits) add(i int) { b[i/64] |= 1 << (i % 64) }

func (b bits) or(o bits) {
	for i, w := range o {
		b[i] |= w
	}
}

func members(b bits) []int {
	var out []int
	for i, w := range b {
		for j := range 64 {
			if w>>j&1 != 0 {
				out = append(out, i*64+j)
			}
		}
	}
	return out
}

// served is a need that an instruction serves; nil if any of its function may.
type served struct {
	need int
	at   ssa.Instruction
}

// tabler makes the data of a table.
type tabler struct {
	*flow
	needs      []string
	words      int
	contains   map[int32]bits     // of functions, by number
	serves     map[int32][]served // the operations in them
	component  []int32            // of functions: which cycle of calls they are on
	reaches    []bits             // of components; nil is empty
	signatures map[string]int     // by the bits of both sets
	key        []byte             // of the signature asked for last
	scratch    [2]bits            // of the line looked at
	data       serving.Data
}

// lexical finds which functions have serving operations in them.
func (t *tabler) lexical(c *classes) {
	index := make(map[string]int)
	for i, n := range t.needs {
		index[n] = i
	}
	t.contains, t.serves = make(map[int32]bits), make(map[int32][]served)
	for _, s := range c.serves {
		i, ok := index[c.item(waiting{s.what, s.cell})]
		if !ok {
			continue
		}
		n := t.number[s.fn]
		if t.contains[n] == nil {
			t.contains[n] = make(bits, t.words)
		}
		t.contains[n].add(i)
		t.serves[n] = append(t.serves[n], served{i, s.at})
	}
}

// union returns what some functions reach together.
func (t *tabler) union(funcs []int32) bits {
	out := make(bits, t.words)
	for _, n := range funcs {
		out.or(t.reaches[t.component[n]])
	}
	return out
}

// components finds the cycles of the call graph, by Tarjan's algorithm without
// recursion, and what their functions reach. A component is complete before
// those that lead to it are.
func (t *tabler) components() {
	const none = -1
	order := make([]int32, len(t.next)) // in which they were visited, from 1
	low := make([]int32, len(t.next))
	t.component = make([]int32, len(t.next))
	for i := range t.component {
		t.component[i] = none
	}
	type frame struct {
		fn int32
		at int // the next of its calls
	}
	var stack []int32
	var frames []frame
	count := int32(0)
	visit := func(n int32) {
		count++
		order[n], low[n] = count, count
		stack = append(stack, n)
		frames = append(frames, frame{fn: n})
	}
	for root := range t.next {
		if order[root] == 0 {
			visit(int32(root))
		}
		for len(frames) > 0 {
			top := &frames[len(frames)-1]
			n := top.fn
			if top.at < len(t.next[n]) {
				to := t.next[n][top.at].to
				top.at++
				switch {
				case order[to] == 0:
					visit(to)
				case t.component[to] == none:
					low[n] = min(low[n], order[to])
				}
				continue
			}
			frames = frames[:len(frames)-1]
			if len(frames) > 0 {
				caller := frames[len(frames)-1].fn
				low[caller] = min(low[caller], low[n])
			}
			if low[n] == order[n] {
				i := len(stack) - 1
				for stack[i] != n {
					i--
				}
				t.complete(stack[i:])
				stack = stack[:i]
			}
		}
	}
}

// complete makes a component of these functions.
func (t *tabler) complete(funcs []int32) {
	id := int32(len(t.reaches))
	for _, n := range funcs {
		t.component[n] = id
	}
	var out bits
	add := func(b bits) {
		if b == nil {
			return
		}
		if out == nil {
			out = make(bits, t.words)
		}
		out.or(b)
	}
	for _, n := range funcs {
		if bare, ok := t.bare[n]; ok {
			add(t.contains[bare])
		} else {
			add(t.contains[n])
		}
		for _, e := range t.next[n] {
			if c := t.component[e.to]; c != id {
				add(t.reaches[c])
			}
		}
	}
	t.reaches = append(t.reaches, out)
}

// signature returns the number of the signature with these sets.
func (t *tabler) signature(reaches, contains bits) int {
	t.key = t.key[:0]
	for _, b := range []bits{reaches, contains} {
		for _, w := range b {
			t.key = binary.LittleEndian.AppendUint64(t.key, w)
		}
	}
	i, ok := t.signatures[string(t.key)]
	if !ok {
		i = len(t.data.Signatures)
		t.signatures[string(t.key)] = i
		t.data.Signatures = append(t.data.Signatures, serving.Signature{Reaches: members(reaches), Contains: members(contains)})
	}
	return i
}

// extent is where a function stands in a file.
type extent struct {
	from, to int // lines
	fn       int32
}

// files adds the spans of all files.
func (t *tabler) files() {
	type key struct{ pkg, name string }
	found := make(map[key][]extent)
	for i, fn := range t.funcs {
		p := packageOf(fn)
		if fn.Syntax() == nil || p == nil || isGeneric(fn) {
			continue
		}
		from, to := t.prog.Fset.Position(fn.Syntax().Pos()), t.prog.Fset.Position(fn.Syntax().End())
		if from.Filename != to.Filename || from.Line > to.Line {
			continue // a //line directive stands in it
		}
		path := p.Pkg.Path()
		if p.Pkg.Name() == "main" {
			path = "main"
		}
		k := key{path, filepath.Base(from.Filename)}
		found[k] = append(found[k], extent{from.Line, to.Line, int32(i)})
	}
	keys := slices.SortedFunc(maps.Keys(found), func(a, b key) int {
		return cmp.Or(cmp.Compare(a.pkg, b.pkg), cmp.Compare(a.name, b.name))
	})
	for _, k := range keys { // signatures are numbered as they come
		extents := found[k]
		t.data.Files = append(t.data.Files, serving.File{Package: k.pkg, Name: k.name, Spans: t.spans(extents), Lines: t.lines(extents)})
	}
}

// spans returns the spans of a file: between two lines on which a function
// begins or ends nothing changes.
func (t *tabler) spans(extents []extent) []serving.Span {
	slices.SortFunc(extents, func(a, b extent) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(b.to, a.to), cmp.Compare(a.fn, b.fn))
	})
	var lines []int
	for _, e := range extents {
		lines = append(lines, e.from, e.from+1, e.to, e.to+1)
	}
	slices.Sort(lines)
	lines = slices.Compact(lines)
	var out []serving.Span
	var active []extent
	next := 0
	for _, line := range lines {
		for ; next < len(extents) && extents[next].from <= line; next++ {
			active = append(active, extents[next])
		}
		active = slices.DeleteFunc(active, func(e extent) bool { return e.to < line })
		if len(active) == 0 {
			continue // no frame is there, so the span before may go on
		}
		if s := t.line(active, line); len(out) == 0 || out[len(out)-1].Signature != s {
			out = append(out, serving.Span{Line: line, Signature: s})
		}
	}
	return out
}

// lines returns the lines of a file with calls that have less ahead of them than
// their function comes to as a whole. Those that belong to several functions
// are left out; the instances of a generic function count as one.
func (t *tabler) lines(extents []extent) []serving.Span {
	ahead := make(map[int32]map[int]bits)
	seen := make(map[int]bool)
	var lines []int
	for _, e := range extents {
		ahead[e.fn] = t.ahead(e.fn)
		for line := range ahead[e.fn] {
			if !seen[line] {
				seen[line] = true
				lines = append(lines, line)
			}
		}
	}
	slices.Sort(lines)
	var out []serving.Span
	var active []extent
	next := 0
	for _, line := range lines {
		for ; next < len(extents) && extents[next].from <= line; next++ {
			active = append(active, extents[next])
		}
		active = slices.DeleteFunc(active, func(e extent) bool { return e.to < line })
		if s, ok := t.aheadAt(active, ahead, line); ok {
			out = append(out, serving.Span{Line: line, Signature: s})
		}
	}
	return out
}

// aheadAt returns the signature of what is ahead at a line of the innermost of
// these functions, if that has the line for itself and it is less than the
// whole.
func (t *tabler) aheadAt(active []extent, ahead map[int32]map[int]bits, line int) (signature int, less bool) {
	reaches, contains, whole := make(bits, t.words), make(bits, t.words), make(bits, t.words)
	for i := len(active) - 1; i >= 0; i-- {
		e := active[i]
		if e.from >= line || line >= e.to {
			return 0, false
		}
		if last := active[len(active)-1]; e.from != last.from || e.to != last.to {
			break
		}
		all := t.reaches[t.component[t.standing(e.fn)]]
		whole.or(all)
		contains.or(t.contains[e.fn])
		if some := ahead[e.fn][line]; some != nil {
			reaches.or(some)
		} else {
			reaches.or(all)
		}
	}
	if slices.Equal(reaches, whole) {
		return 0, false
	}
	return t.signature(reaches, contains), true
}

// line returns the signature of a line in these functions, outer ones first.
// It is that of the innermost, all instances of it, and where that begins or
// ends on the line, of those around it too: up to one that has the line for
// itself.
func (t *tabler) line(active []extent, line int) int {
	reaches, contains := t.scratch[0], t.scratch[1]
	clear(reaches)
	clear(contains)
	for i := len(active) - 1; i >= 0; i-- {
		e := active[i]
		reaches.or(t.reaches[t.component[t.standing(e.fn)]])
		contains.or(t.contains[e.fn])
		whole := e.from < line && line < e.to
		if whole && (i == 0 || active[i-1].from != e.from || active[i-1].to != e.to) {
			break
		}
	}
	return t.signature(reaches, contains)
}
