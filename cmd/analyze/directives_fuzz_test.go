package analyze

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"strings"
	"testing"

	"github.com/lifesign-go/lifesign/cmd/load"
)

// Wherever a comment stands in a file that parses, it is attached or refused,
// in one line that says where.
func FuzzDirectives(f *testing.F) {
	f.Add("package p\n\n//lifesign:idle\nfunc f() { <-c //lifesign:ignore\n}\n")
	f.Add("package p //lifesign:vulnerable\n\ntype i interface {\n\t//lifesign:idle\n\tm()\n}\n")
	f.Add("package p\nfunc f() {\nselect { //lifesign:x y\ncase <-c: //lifesign:idle\n}\n}")
	f.Add("package p\n\n//lifesign:mimic (*s).run\nfunc f() error { return nil }\n//lifesign:mimic\ntype s struct{}\n")
	f.Fuzz(func(t *testing.T, src string) {
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, "f.go", src, parser.ParseComments)
		if err != nil {
			return
		}
		s := &sayings{declared: make(map[types.Object]*saying), statements: make(map[ast.Stmt]*saying), mimics: make(map[*types.Func]*ownCheck)}
		p := &load.Package{Info: &types.Info{Defs: make(map[*ast.Ident]types.Object)}}
		for _, err := range s.directives(fset, p, file) {
			if strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), directivePrefix) {
				t.Errorf("%q: error %q", src, err)
			}
		}
	})
}
