package analyze

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"github.com/lifesign-go/lifesign/cmd/load"
	"github.com/lifesign-go/lifesign/event"
)

// visitor collects what is to be woven in one file.
type visitor struct {
	prog       *load.Program
	pkg        *load.Package
	src        *load.File
	info       *types.Info
	names      names
	facts      *facts
	noGenerics string // why generic hooks cannot be called in this file, "" if they can

	node  ast.Node    // the one visited
	stack []ast.Node  // from the file to its parent
	funcs []*function // those of the stack, the file's pseudo function first

	heads    map[ast.Node]bool // operations that a region begins with
	comms    map[ast.Node]bool // operations of select cases: the select stands for them
	ops      []*op
	releases []release
	shared   map[string]bool // locks, by lockKey, that somebody else may release
	skips    []skipAt
	said     []*saying // of its statements
	named    []*function
	contain  map[*ast.FuncLit]*started // goroutines' functions that are to be guarded
	guards   []Guarded
}

// function is a function or literal being visited.
type function struct {
	node     ast.Node // nil of the file's pseudo function
	name     string
	body     *ast.BlockStmt
	blocked  string // why nothing in it is woven, "" if it is
	guarded  bool   // it has a rewrite that needs a guard
	lasting  bool   // there is a region in it
	busy     bool   // there is something in it that could wait, or it calls a function in scope
	literals int    // literals seen in it, to name them
	literal  bool
	group    *group
	deferred bool    // it is run by defer
	said     *saying // what the user says of it, or of the function that it is a literal in
}

// op is an operation found.
type op struct {
	site    *event.Site // nil if it needs none
	rewrite Rewrite
	cause   *cause     // of a region
	lock    *lock      // of an operation that acquires a lock
	lockVar *types.Var // of any operation on one, if it is known
	pos     token.Pos
	what    string
	fn      *function
	why     string // it is watched, and is classed as it is
	deed    event.Deed
	noMimic string
	check   *ownCheck // of an operation that is one
}

// idle classes a wait at o as one for work.
func (o *op) idle(why string) { o.site.Idle, o.why = true, why }

type skipAt struct {
	pos token.Pos
	fn  *function
	Skip
}

func newVisitor(prog *load.Program, p *load.Package, f *load.File, n names, facts *facts) *visitor {
	return &visitor{
		prog: prog, pkg: p, src: f, info: p.Info, names: n, facts: facts,
		noGenerics: noGenerics(p, f.Syntax),
		funcs:      []*function{{name: "init", group: new(group)}},
		heads:      make(map[ast.Node]bool),
		comms:      make(map[ast.Node]bool),
		shared:     make(map[string]bool),
		contain:    make(map[*ast.FuncLit]*started),
	}
}

// walk visits the file.
func (v *visitor) walk() {
	ast.Inspect(v.src.Syntax, func(n ast.Node) bool {
		if n == nil {
			v.leave(v.stack[len(v.stack)-1])
			v.stack = v.stack[:len(v.stack)-1]
			return true
		}
		v.enter(n)
		v.stack = append(v.stack, n)
		return true
	})
	v.pair()
}

func (v *visitor) enter(n ast.Node) {
	v.node = n
	if s, ok := n.(ast.Stmt); ok {
		if said := v.facts.sayings.statements[s]; said != nil {
			v.said = append(v.said, said)
		}
	}
	switch n := n.(type) {
	case *ast.FuncDecl:
		f, _ := v.info.Defs[n.Name].(*types.Func)
		v.funcs = append(v.funcs, &function{
			node: n, name: funcName(n), body: n.Body, blocked: cmp.Or(v.fn().blocked, directive(n.Doc)), group: new(group),
			said: v.facts.sayings.of(f),
		})
		v.named = append(v.named, v.fn())
		v.ownCheck(n)
	case *ast.FuncLit:
		v.funcs = append(v.funcs, v.literal(n))
		v.named = append(v.named, v.fn())
	case *ast.GoStmt:
		v.goes(n)
	case *ast.ForStmt:
		v.loop(n, n.Body)
	case *ast.RangeStmt:
		v.loop(n, n.Body)
		v.rangeOver(n)
	case *ast.SelectStmt:
		v.selection(n)
	case *ast.SendStmt:
		v.send(n)
	case *ast.UnaryExpr:
		switch n.Op {
		case token.ARROW:
			v.receive(n)
		case token.AND:
			v.lent(n)
		}
	case *ast.SelectorExpr:
		v.method(n)
	case *ast.CallExpr:
		v.call(n)
	}
}

func (v *visitor) leave(n ast.Node) {
	switch n.(type) {
	case *ast.FuncDecl, *ast.FuncLit:
		fn := v.fn()
		v.node = n
		v.guard(n, fn)
		if !v.request(n, fn) && fn.guarded {
			v.ops = append(v.ops, &op{rewrite: Rewrite{
				Form: Guard, Site: -1, Start: v.offset(fn.body.Lbrace) + 1, Cut: v.offset(fn.body.Lbrace) + 1, End: v.offset(fn.body.Rbrace),
			}})
		}
		v.funcs = v.funcs[:len(v.funcs)-1]
	}
}

// literal returns the function for n, named as the compiler names it.
func (v *visitor) literal(n *ast.FuncLit) *function {
	outer := v.fn()
	outer.literals++
	sep := ".func"
	if outer.literal {
		sep = "."
	}
	fn := &function{
		name: fmt.Sprintf("%s%s%d", outer.name, sep, outer.literals), node: n, literal: true,
		body: n.Body, blocked: outer.blocked, said: outer.said, group: &group{given: true},
	}
	if call, ok := v.parent(0).(*ast.CallExpr); ok && call.Fun == n {
		switch v.parent(1).(type) {
		case *ast.GoStmt:
		case *ast.DeferStmt:
			fn.group, fn.deferred = outer.group, true
		default:
			fn.group, fn.deferred = outer.group, outer.deferred
		}
	}
	return fn
}

// directive returns why a function with these directives is not woven: they
// promise the compiler something that hooks break.
func directive(doc *ast.CommentGroup) string {
	if doc == nil {
		return ""
	}
	for _, c := range doc.List {
		word, _, _ := strings.Cut(c.Text, " ")
		switch word {
		case "//go:nosplit", "//go:norace", "//go:linkname", "//go:systemstack", "//go:nowritebarrier", "//go:nowritebarrierrec":
			return "its function is marked " + word
		}
	}
	return ""
}

func (v *visitor) fn() *function { return v.funcs[len(v.funcs)-1] }

// parent returns the parent of the node visited (0), its parent (1), and so
// on; nil above the file.
func (v *visitor) parent(i int) ast.Node {
	if i >= len(v.stack) {
		return nil
	}
	return v.stack[len(v.stack)-1-i]
}

func (v *visitor) offset(p token.Pos) int { return v.prog.Fset.PositionFor(p, false).Offset }

// site makes a site at p. Its file and line are those that the compiler puts
// into the program, so that they agree with the stacks it prints: a //line
// directive counts.
func (v *visitor) site(kind event.Kind, p token.Pos, object string) *event.Site {
	at := v.prog.Fset.Position(p)
	return &event.Site{
		Kind: kind, Package: v.pkg.Path, File: at.Filename, Line: at.Line, Func: v.fn().name, Object: object,
	}
}

// add adds an operation, unless nothing in this function is woven.
func (v *visitor) add(o *op, p token.Pos, what string) {
	if why := v.fn().blocked; why != "" {
		v.skip(p, what, why)
		return
	}
	o.pos, o.what, o.fn = p, what, v.fn()
	if why := v.heed(o); why != "" {
		v.skip(p, what, why)
		return
	}
	if o.site != nil {
		v.need(o, v.parent(0), p)
	}
	v.ops = append(v.ops, o)
	v.fn().busy = v.fn().busy || o.site != nil
	switch o.rewrite.Form {
	case Loop, Select, Statement, Hoist, Expression:
		v.fn().guarded = true
	}
}

func (v *visitor) skip(p token.Pos, what, why string) { v.skipIn(v.fn(), p, what, why) }

func (v *visitor) skipIn(fn *function, p token.Pos, what, why string) {
	v.skips = append(v.skips, skipAt{p, fn, Skip{v.pkg.Path, fn.name, placeOf(v.prog.Fset, p), what, why}})
}

// skipped returns what is not woven, in the order of the source.
func (v *visitor) skipped() []Skip {
	slices.SortStableFunc(v.skips, func(a, b skipAt) int { return cmp.Compare(a.pos, b.pos) })
	out := make([]Skip, len(v.skips))
	for i, s := range v.skips {
		out[i] = s.Skip
	}
	return out
}

// functions returns the functions of the file in which something was found, in
// the order of the source.
func (v *visitor) functions() []Function {
	var found []*function
	for _, o := range v.ops {
		if o.site != nil || o.rewrite.Form.isGuard() {
			found = append(found, o.fn)
		}
	}
	for _, s := range v.skips {
		found = append(found, s.fn)
	}
	place := func(fn *function) token.Pos {
		if fn.node == nil {
			return token.NoPos
		}
		return fn.node.Pos()
	}
	slices.SortStableFunc(found, func(a, b *function) int { return cmp.Compare(place(a), place(b)) })
	var out []Function
	for _, fn := range slices.Compact(found) {
		f := Function{Package: v.pkg.Path, Func: fn.name}
		if fn.node != nil {
			f.Place = placeOf(v.prog.Fset, fn.node.Pos())
		}
		if n, ok := v.facts.near[fn.node]; ok {
			f.Region = &Near{n.fn.String(), placeOf(v.prog.Fset, n.at), n.calls}
		}
		out = append(out, f)
	}
	return out
}

// file returns the model of the file and its regions. next is the ordinal of
// the package's next site.
func (v *visitor) file(next *int) (File, []Region) {
	slices.SortStableFunc(v.ops, func(a, b *op) int {
		// An outer one goes first.
		return cmp.Or(cmp.Compare(a.rewrite.Start, b.rewrite.Start), cmp.Compare(b.rewrite.End, a.rewrite.End))
	})
	out := File{Path: v.src.Path, Size: v.src.Size, Sum: v.src.Sum, Clause: v.offset(v.src.Syntax.Name.End())}
	var regions []Region
	for _, o := range v.ops {
		if o.site != nil {
			o.rewrite.Site = *next
			if o.noMimic == "" && o.site.Kind != event.Call && !o.site.Kind.IsRegion() {
				o.noMimic = byMarks
			}
			out.Sites = append(out.Sites, Site{*o.site, *next, o.why, o.deed, o.noMimic})
			*next++
		}
		if o.cause != nil {
			regions = append(regions, Region{*o.site, o.cause.why, o.cause.begins, o.cause.chain})
		}
		if o.check == nil {
			out.Rewrites = append(out.Rewrites, o.rewrite)
		}
	}
	return out, regions
}

func placeOf(fset *token.FileSet, p token.Pos) string {
	at := fset.Position(p)
	return fmt.Sprintf("%s:%d", at.Filename, at.Line)
}

// labelled returns where the statement visited begins, and the label that
// break and continue know it by. Its labels are part of it if one of those
// does: then nothing can stand between. Otherwise they only serve goto, which
// is to arrive before what is put there.
func (v *visitor) labelled(n ast.Stmt) (start token.Pos, label string) {
	start = n.Pos()
	for i := 0; ; i++ {
		l, ok := v.parent(i).(*ast.LabeledStmt)
		if !ok {
			break
		}
		if label == "" {
			label = l.Label.Name
		}
		start = l.Pos()
	}
	if label == "" || !targets(n, label) {
		start = n.Pos()
	}
	return start, label
}

// loop adds the loop n if it is a region, or one that tries again and again.
// The latter goes first where both are true of a loop within another, or of one
// in a request: it is not what the goroutine is for.
func (v *visitor) loop(n ast.Stmt, body *ast.BlockStmt) {
	kind, c := event.Region, v.facts.regions[n]
	if c == nil || v.inLoop() || c.inRequest() {
		if why := v.retries(n); why != "" {
			kind, c = event.Loop, &cause{why: why}
		}
	}
	if c == nil {
		return
	}
	start, label := v.labelled(n)
	site := v.site(kind, n.Pos(), "")
	site.PerRequest = kind == event.Region && c.perRequest
	v.add(&op{
		site:  site,
		cause: c,
		rewrite: Rewrite{
			Form: Loop, Start: v.offset(start), Cut: v.offset(body.Lbrace) + 1, End: v.offset(n.End()),
			Open: terminating(n, label),
		},
	}, n.Pos(), string(kind)+": "+c.why)
	if kind == event.Loop {
		return
	}
	v.fn().lasting = true
	if r, ok := n.(*ast.RangeStmt); ok {
		v.heads[r] = true
	} else if h := v.head(body.List); h != nil {
		v.heads[h] = true
	}
}

// request adds the function n, just left, if it runs once per request, and
// reports whether it did. One that is only called by other packages' goroutines
// must have something in it that could wait.
func (v *visitor) request(n ast.Node, fn *function) bool {
	c := v.facts.requests[n]
	if c == nil || fn.body == nil || c.slight && !fn.busy {
		return false
	}
	begin, end := v.offset(fn.body.Lbrace)+1, v.offset(fn.body.Rbrace)
	before := len(v.ops)
	o := &op{
		site: v.site(event.Request, n.Pos(), ""), cause: c,
		rewrite: Rewrite{Form: Request, Start: begin, Cut: begin, End: end},
	}
	if fn.lasting || c.stream {
		o.idle("it lasts for as long as its client wants")
	}
	v.add(o, n.Pos(), "request: "+c.why)
	return len(v.ops) > before
}
