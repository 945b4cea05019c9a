package analyze

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"

	"github.com/lifesign-go/lifesign/event"
)

// unknownClass is the name of all classes that analysis cannot follow to their
// ends.
const unknownClass = "?"

// A label is the name of a class in the making: path and name of the package,
// and the rest. The first and the last tell all apart; people are shown the
// last two, unless that is ambiguous.
func label(p *types.Package, rest string) string {
	if p == nil {
		return "\x00\x00" + rest
	}
	return p.Path() + "\x00" + p.Name() + "\x00" + rest
}

func shortLabel(l string) string {
	_, l, _ = strings.Cut(l, "\x00")
	return strings.TrimPrefix(strings.Replace(l, "\x00", ".", 1), ".")
}

func longLabel(l string) string {
	path, l, _ := strings.Cut(l, "\x00")
	_, rest, _ := strings.Cut(l, "\x00")
	return path + "." + rest
}

func globalName(g *ssa.Global) string { return label(g.Pkg.Pkg, g.Name()) }

// fieldName names a field by the type that has it, or by its place if that has
// no name.
func (c *classes) fieldName(f *types.Var) string {
	if t := c.owners[f]; t != nil {
		return label(t.Pkg(), t.Name()+"."+f.Name())
	}
	at := c.fset.Position(f.Pos())
	return label(f.Pkg(), fmt.Sprintf("%s@%s:%d", f.Name(), filepath.Base(at.Filename), at.Line))
}

// makerName names what v makes by its place.
func (c *classes) makerName(v ssa.Value, how string) string {
	at := c.fset.Position(v.Pos())
	name := fmt.Sprintf("%s@%s:%d", how, filepath.Base(at.Filename), at.Line)
	if p := packageOf(v.Parent()); p != nil {
		return label(p.Pkg, name)
	}
	return label(nil, name)
}

// packageOf returns the package that fn is written in, nil if it is in none.
func packageOf(fn *ssa.Function) *ssa.Package {
	for fn.Parent() != nil {
		fn = fn.Parent()
	}
	if o := fn.Origin(); o != nil {
		fn = o
	}
	return fn.Pkg
}

// label names the objects that a variable of type t in the cell r leads to.
func (c *classes) label(r ref, t types.Type, name string, depth int) {
	if depth > 4 || !c.carries(t) {
		return
	}
	switch u := t.Underlying().(type) {
	case *types.Chan:
		r = c.find(r)
		c.cells[r].label = lesser(c.cells[r].label, name)
	case *types.Struct:
		r = c.find(r)
		c.cells[r].label = lesser(c.cells[r].label, name)
		c.cells[r].made = true
	case *types.Pointer:
		if isWaitable(u.Elem()) {
			r = c.find(c.content(r))
			c.cells[r].label = lesser(c.cells[r].label, name)
			return
		}
		c.label(c.content(r), u.Elem(), name, depth+1)
	case *types.Slice:
		c.label(c.content(r), u.Elem(), name+"[]", depth+1)
	case *types.Array:
		c.label(c.content(r), u.Elem(), name+"[]", depth+1)
	case *types.Map:
		c.label(c.content(r), u.Elem(), name+"[]", depth+1)
		c.label(c.keys(r), u.Key(), name+"[]", depth+1)
	}
}

// name names the classes that are waited for.
func (c *classes) name() {
	named := make(map[string][]ref) // by short label, in the order of the source
	c.names = make(map[ref]string)
	for _, p := range c.places() {
		r := c.find(c.sites[p].cell)
		if _, done := c.names[r]; done {
			continue
		}
		c.names[r] = unknownClass
		if l := c.labelOf(r); l != "" {
			c.names[r] = shortLabel(l)
			named[shortLabel(l)] = append(named[shortLabel(l)], r)
		}
	}
	for _, same := range named {
		if len(same) > 1 {
			c.tellApart(same)
		}
	}
}

// places returns where the operations are that wait, in an order that depends
// on nothing but the source.
func (c *classes) places() []token.Pos {
	type placed struct {
		p  token.Pos
		at token.Position
	}
	list := make([]placed, 0, len(c.sites))
	for p := range c.sites {
		list = append(list, placed{p, c.fset.PositionFor(p, false)})
	}
	slices.SortFunc(list, func(a, b placed) int {
		return cmp.Or(cmp.Compare(a.at.Filename, b.at.Filename), cmp.Compare(a.at.Offset, b.at.Offset))
	})
	out := make([]token.Pos, len(list))
	for i, p := range list {
		out[i] = p.p
	}
	return out
}

// labelOf returns the label of the class of r, "" if it is not known. An object
// that nothing makes comes from where analysis does not look.
func (c *classes) labelOf(r ref) string {
	k := &c.cells[c.find(r)]
	if r == 0 || k.open || !k.made {
		return ""
	}
	if k.label != "" {
		return k.label
	}
	return k.maker
}

// tellApart gives classes with the same short name their long ones, and a
// number where that is not enough: several are made on one line.
func (c *classes) tellApart(same []ref) {
	seen := make(map[string]int)
	for _, r := range same {
		name := longLabel(c.labelOf(r))
		seen[name]++
		if n := seen[name]; n > 1 {
			name = fmt.Sprintf("%s#%d", name, n)
		}
		c.names[r] = name
	}
}

// needs says what an operation of kind k needs from others, as
// event.Site.Needs has it. p is the position that go/ssa gives it: of an arrow,
// a keyword or the parenthesis of a call.
func (c *classes) needs(k event.Kind, p token.Pos) string {
	if w, ok := c.sites[p]; ok {
		return c.item(w)
	}
	return unknownNeeds[k]
}

func (c *classes) item(w waiting) string {
	name := c.names[c.find(w.cell)]
	if w.cell == 0 || name == "" {
		name = unknownClass
	}
	return string(w.what) + ":" + name
}

// unknownNeeds is what is said of operations in code that is not part of the
// program that was built, such as a generic function without instances.
var unknownNeeds = map[event.Kind]string{
	event.Send:      "recv:?",
	event.Receive:   "send:?",
	event.Range:     "send:?",
	event.WaitGroup: "done:?",
	event.Cond:      "signal:?",
}

// need says what the operation visited needs from others, p being its place and
// n the parent of the node. A select has its needs from its cases.
func (v *visitor) need(o *op, n ast.Node, p token.Pos) {
	c := v.facts.classes
	switch k := o.site.Kind; k {
	case event.Lock, event.RWLock, event.RLock:
		o.site.Confined = v.facts.confined.has(o.lockVar)
	case event.Send, event.Receive, event.Range:
		o.site.Needs = c.needs(k, p)
	case event.WaitGroup, event.Cond:
		if call, ok := n.(*ast.CallExpr); ok {
			p = call.Lparen
		}
		o.site.Needs = c.needs(k, p)
	}
}

// needOfCases says what the select n needs.
func (v *visitor) needOfCases(n *ast.SelectStmt) string {
	var items []string
	for _, s := range n.Body.List {
		switch comm := commOf(s.(*ast.CommClause).Comm).(type) {
		case *ast.SendStmt:
			items = append(items, v.facts.classes.needs(event.Send, comm.Arrow))
		case *ast.UnaryExpr:
			items = append(items, v.facts.classes.needs(event.Receive, comm.OpPos))
		}
	}
	return strings.Join(items, " ")
}
