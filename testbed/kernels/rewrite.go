package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
)

// rewriting is what is done to a kernel.
type rewriting struct {
	rooted   bool // what it makes is kept reachable, as in a server
	deadlock bool // its locks are those of go-deadlock
}

// edit replaces a span of a source by text.
type edit struct {
	from, to int
	text     string
}

// rewrite makes a kernel fit to be one of many in a program that goes on: the
// profile that it writes in the end is taken out. src is one of Go's files, and
// names are the kernels that it registers.
func rewrite(src []byte, r rewriting) (out []byte, names []string, err error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "kernel.go", src, parser.SkipObjectResolution)
	if err != nil {
		return nil, nil, fmt.Errorf("read a kernel: %w", err)
	}
	w := &rewriter{rewriting: r, fset: fset}
	ast.Inspect(f, w.visit)
	if len(w.names) == 0 {
		return nil, nil, nil
	}
	imports, uses := w.imports(f)
	w.edits = append(w.edits, imports...)
	slices.SortStableFunc(w.edits, func(a, b edit) int { return a.from - b.from })
	at := 0
	for _, e := range w.edits {
		if e.from < at {
			return nil, nil, fmt.Errorf("the edits of %v overlap", w.names)
		}
		out = append(append(out, src[at:e.from]...), e.text...)
		at = e.to
	}
	return append(append(out, src[at:]...), uses...), w.names, nil
}

type rewriter struct {
	rewriting
	fset  *token.FileSet
	edits []edit
	names []string
	locks bool // a lock was replaced
}

func (w *rewriter) replace(from, to token.Pos, text string) {
	w.edits = append(w.edits, edit{w.fset.Position(from).Offset, w.fset.Position(to).Offset, text})
}

func (w *rewriter) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.CallExpr:
		return w.call(n)
	case *ast.UnaryExpr:
		if lit, ok := n.X.(*ast.CompositeLit); ok && n.Op == token.AND && lit.Type != nil && w.rooted {
			w.wrap(n)
		}
	case *ast.AssignStmt:
		if isCall(n.Rhs[0], "pprof", "Lookup") {
			w.replace(n.Pos(), n.End(), "")
			return false
		}
	case *ast.DeferStmt:
		if writesProfile(n) {
			w.replace(n.Pos(), n.End(), "")
			return false
		}
	case *ast.DeclStmt:
		w.declared(n)
	case *ast.SelectorExpr:
		if isName(n.X, "sync") && (n.Sel.Name == "Mutex" || n.Sel.Name == "RWMutex") && w.deadlock {
			w.replace(n.X.Pos(), n.X.End(), "deadlock")
			w.locks = true
		}
	}
	return true
}

func (w *rewriter) call(n *ast.CallExpr) bool {
	if isName(n.Fun, "register") {
		w.names = append(w.names, strings.Trim(n.Args[0].(*ast.BasicLit).Value, `"`))
		return false
	}
	made := isName(n.Fun, "make") || isName(n.Fun, "new") || isCall(n, "sync", "NewCond")
	if made && w.rooted {
		w.wrap(n)
	}
	return true
}

func (w *rewriter) wrap(n ast.Expr) {
	w.replace(n.Pos(), n.Pos(), "root(")
	w.replace(n.End(), n.End(), ")")
}

// declared keeps a local variable of the package sync.
func (w *rewriter) declared(n *ast.DeclStmt) {
	decl := n.Decl.(*ast.GenDecl)
	if decl.Tok != token.VAR || !w.rooted {
		return
	}
	for _, spec := range decl.Specs {
		v := spec.(*ast.ValueSpec)
		if sel, ok := v.Type.(*ast.SelectorExpr); ok && isName(sel.X, "sync") {
			for _, name := range v.Names {
				w.replace(n.End(), n.End(), "; root(&"+name.Name+")")
			}
		}
	}
}

// imports takes go-deadlock in where it is used, and uses all that was imported
// for what was taken out.
func (w *rewriter) imports(f *ast.File) (edits []edit, uses string) {
	if w.locks {
		at := w.fset.Position(f.Name.End()).Offset
		edits = append(edits, edit{at, at, `; import "github.com/sasha-s/go-deadlock"`})
	}
	for _, spec := range f.Imports {
		if use := used[spec.Path.Value]; use != "" {
			uses += "\nvar _ = " + use + "\n"
		}
	}
	return edits, uses
}

// used names something of each package that taking the profile out, or
// replacing the locks, may leave without a use.
var used = map[string]string{
	`"os"`:            "os.Args",
	`"runtime"`:       "runtime.Gosched",
	`"runtime/pprof"`: "pprof.Lookup",
	`"sync"`:          "sync.OnceFunc",
	`"time"`:          "time.Sleep",
}

func isName(n ast.Expr, name string) bool {
	id, ok := n.(*ast.Ident)
	return ok && id.Name == name
}

func isCall(n ast.Expr, pkg, name string) bool {
	c, ok := n.(*ast.CallExpr)
	if !ok {
		return false
	}
	sel, ok := c.Fun.(*ast.SelectorExpr)
	return ok && isName(sel.X, pkg) && sel.Sel.Name == name
}

// writesProfile reports whether a deferred function writes the profile.
func writesProfile(n *ast.DeferStmt) (yes bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		if c, ok := n.(ast.Expr); ok && isCall(c, "prof", "WriteTo") {
			yes = true
		}
		return true
	})
	return yes
}
