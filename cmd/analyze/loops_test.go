package analyze

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"testing"
)

// loop returns the first loop of a function with this body.
func loop(t *testing.T, body string) (*types.Info, ast.Stmt) {
	t.Helper()
	const head = `package p

type list struct{ next *list }

var flag, other bool
var ch chan int
var fs []func()

func load() int
func ok() bool

`
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "p.go", head+"func f(n, m int, b []byte, p *list, err error) (r int) {\n"+body+"\n}\n", 0)
	if err != nil {
		t.Fatal(err)
	}
	info := &types.Info{
		Types: make(map[ast.Expr]types.TypeAndValue), Defs: make(map[*ast.Ident]types.Object), Uses: make(map[*ast.Ident]types.Object),
	}
	conf := types.Config{Error: func(error) {}} // bodies without a return are none of our business
	conf.Check("p", fset, []*ast.File{f}, info)
	var found ast.Stmt
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ForStmt:
			if found == nil {
				found = n
			}
		case *ast.RangeStmt:
			if found == nil {
				found = n
			}
		}
		return true
	})
	if found == nil {
		t.Fatalf("no loop in %s", body)
	}
	return info, found
}

func TestEndless(t *testing.T) {
	tests := []struct {
		body string
		want string
	}{
		{"for {}", whyFor},
		{"for i := 0; ; i++ {}", whyFor},
		{"for i := 0; i < n; i++ {}", ""},
		{"for i := 0; ok(); i++ {}", ""},
		{"for flag {}", whyCond},
		{"for !flag {}", whyCond},
		{"for ok() {}", whyCond},
		{"for load() == 0 {}", whyCond},
		{"for <-ch != 0 {}", whyCond},
		{"for flag && other {}", whyCond},
		{"for flag || n < m {}", whyCond},
		{"for true {}", whyCond},
		{"for n < m {}", ""},
		{"for (n < m) {}", ""},
		{"for n < len(b) && b[n] != 0 {}", ""},
		{"for flag && n < m {}", ""},
		{"for n < m && flag || n > m && other {}", ""},
		{"for p != nil {}", ""},
		{"for err == nil {}", ""},
		{"for int64(n) < int64(m) {}", ""},
		{"for n == load() {}", whyCond},
		{"for range ch {}", whyRange},
		{"for v := range ch { _ = v }", whyRange},
		{"for range b {}", ""},
		{"for range 10 {}", ""},
	}
	for _, tt := range tests {
		info, n := loop(t, tt.body)
		if got := endless(info, n); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.body, got, tt.want)
		}
	}
}

func TestTerminating(t *testing.T) {
	tests := []struct {
		body  string
		label string
		want  bool
	}{
		{"for {}", "", true},
		{"for { return }", "", true},
		{"for { break }", "", false},
		{"for flag {}", "", false},
		{"for range ch {}", "", false},
		{"for { for { break } }", "", true},
		{"for { switch { case flag: break } }", "", true},
		{"for { if flag { break } }", "", false},
		{"for { fs = append(fs, func() { for { break } }) }", "", true},
		{"a: for { for { break a } }", "a", false},
		{"b: for { a: for { break a }; continue b }", "b", true},
		{"a: for { select { case <-ch: break a } }", "a", false},
		{"a: for { select { case <-ch: break } }; goto a", "a", true},
	}
	for _, tt := range tests {
		_, n := loop(t, tt.body)
		if got := terminating(n, tt.label); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.body, got, tt.want)
		}
	}
}
