package analyze

import (
	"fmt"
	"go/ast"
	"go/types"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lifesign-go/lifesign/cmd/load"
)

// names are what woven code of a package calls things. None of them occurs in
// the package as an identifier, so that they neither collide with its
// declarations nor are shadowed by them.
type names struct {
	hook, base string
	ok, ch     string // variables of a rewritten range loop
	element    string // of one that assigns
	param      string // of a rewritten method expression
	unit       string // package guard/unit
	crashed    string // variable with what a crashed function returns
	result     string // of a function whose results have no names, with a number
	err        string // of such a function, the last one
	generated  string // path of the added file

	redeclared map[string]bool // predeclared names that mean something else somewhere in the package
	taken      map[string]bool // identifiers of the package
}

func packageNames(p *load.Package) names {
	taken := make(map[string]bool)
	for _, f := range p.Syntax {
		ast.Inspect(f, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				taken[id.Name] = true
			}
			return true
		})
	}
	return names{
		hook:      free(taken, "lsrt"),
		base:      free(taken, "lsbase"),
		ok:        free(taken, "lsok"),
		ch:        free(taken, "lsch"),
		element:   free(taken, "lsv"),
		param:     free(taken, "lsm"),
		unit:      free(taken, "lsgd"),
		crashed:   free(taken, "lscrashed"),
		result:    numbered(taken, "lsr"),
		err:       free(taken, "lserr"),
		generated: generatedPath(p),

		redeclared: redeclared(p),
		taken:      taken,
	}
}

// redeclared returns those of the predeclared names that woven code writes which
// the package declares anew, if only somewhere.
func redeclared(p *load.Package) map[string]bool {
	out := make(map[string]bool)
	for id, obj := range p.Info.Defs {
		switch id.Name {
		case "nil", "int64", "string", "len":
			if v, ok := obj.(*types.Var); ok && v.IsField() {
				continue
			}
			out[id.Name] = true
		}
	}
	return out
}

// numbered returns name, or a longer one, which is free with a number.
func numbered(taken map[string]bool, name string) string {
	for i := 0; i < 100; i++ {
		if taken[name+strconv.Itoa(i)] {
			return numbered(taken, name+"x")
		}
	}
	return name
}

// free returns name, or name with the first number that makes it free.
func free(taken map[string]bool, name string) string {
	n := name
	for i := 1; taken[n]; i++ {
		n = name + strconv.Itoa(i)
	}
	return n
}

// generatedPath returns the path of the file to add to p. None of p's files has
// it, or that of the file with the checkers.
func generatedPath(p *load.Package) string {
	taken := make(map[string]bool)
	for _, f := range p.Files {
		taken[f.Path] = true
	}
	path := filepath.Join(p.Dir, "zz_lifesign.go")
	for i := 1; taken[path] || taken[checkersPath(path)]; i++ {
		path = filepath.Join(p.Dir, fmt.Sprintf("zz_lifesign%d.go", i))
	}
	return path
}

// checkersPath returns the path of the file with the checkers, beside the one
// with the table.
func checkersPath(table string) string { return strings.TrimSuffix(table, ".go") + "_checkers.go" }

// words are what generated checkers call things. What is named after functions of
// the program goes before.
func (n names) words() *Words {
	return &Words{
		File:    checkersPath(n.generated),
		Mimic:   another(n.taken, "lsmm", ""),
		Context: another(n.taken, "lscontext", ""),
		SQL:     another(n.taken, "lssql", ""),
		Stats:   another(n.taken, "lsPoolStats", ""),
		Ping:    another(n.taken, "lsPoolPing", ""),
	}
}

// guards are what guards call things.
func (n names) guards(answers bool) *GuardWords {
	w := &GuardWords{Unit: n.unit}
	if answers {
		w.Crashed, w.Status, w.Codes = n.crashed, free(n.taken, "lsstatus"), free(n.taken, "lscodes")
	}
	return w
}

// funcName returns the name of a declared function as the runtime writes it,
// without the package: (*stream).run, (*queue[...]).pop, main.
func funcName(d *ast.FuncDecl) string {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		if d.Type.TypeParams != nil {
			return d.Name.Name + "[...]"
		}
		return d.Name.Name
	}
	star := false
	recv := ""
	for t := d.Recv.List[0].Type; recv == ""; {
		switch x := t.(type) {
		case *ast.StarExpr:
			star, t = true, x.X
		case *ast.ParenExpr:
			t = x.X
		case *ast.IndexExpr:
			recv = ident(x.X) + "[...]"
		case *ast.IndexListExpr:
			recv = ident(x.X) + "[...]"
		default:
			recv = ident(t)
		}
	}
	if star {
		return "(*" + recv + ")." + d.Name.Name
	}
	return recv + "." + d.Name.Name
}

func ident(x ast.Expr) string {
	if id, ok := x.(*ast.Ident); ok {
		return id.Name
	}
	return "?"
}
