package analyze

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"testing"

	"golang.org/x/tools/go/ssa"
	"golang.org/x/tools/go/ssa/ssautil"
)

// stub has as much of gRPC as an interceptor's type needs.
const stub = `package grpc

type (
	Context          interface{}
	UnaryServerInfo  struct{}
	StreamServerInfo struct{}
	UnaryHandler     func(ctx Context, req any) (any, error)
	StreamHandler    func(srv, stream any) error
)
`

func TestInterceptorsThatRecover(t *testing.T) {
	const unary = "(ctx grpc.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error)"
	const stream = "(srv, stream any, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error)"
	for name, test := range map[string]struct {
		src  string
		want bool
	}{
		"none":       {"func f() { defer func() { recover() }() }", false},
		"plain":      {"func f" + unary + "{ defer func() { println() }(); return next(ctx, req) }", false},
		"literal":    {"func f" + unary + "{ defer func() { if recover() != nil { resp = nil } }(); return next(ctx, req) }", true},
		"stream":     {"func f" + stream + "{ defer func() { recover() }(); return next(srv, stream) }", true},
		"made":       {"func f() any { return func" + unary + "{ defer func() { recover() }(); return next(ctx, req) } }", true},
		"function":   {"func f" + unary + "{ defer caught(&err); return next(ctx, req) }; func caught(err *error) { recover() }", true},
		"method":     {"type t struct{}; func (t) f" + unary + "{ defer t{}.caught(&err); return next(ctx, req) }; func (t) caught(err *error) { recover() }; var V any = t{}.f", true},
		"a shape":    {"func f(a, b, c any, next grpc.UnaryHandler) (r any, err error) { defer func() { recover() }(); return next(a, b) }", false},
		"in another": {"func f" + unary + "{ g(); return next(ctx, req) }; func g() { defer func() { recover() }() }", false},
	} {
		t.Run(name, func(t *testing.T) {
			fset := token.NewFileSet()
			parse := func(src string) []*ast.File {
				f, err := parser.ParseFile(fset, "", src, 0)
				if err != nil {
					t.Fatal(err)
				}
				return []*ast.File{f}
			}
			grpc, err := new(types.Config).Check(grpcPath, fset, parse(stub), nil)
			if err != nil {
				t.Fatal(err)
			}
			cfg := &types.Config{Importer: imports{grpcPath: grpc}}
			src := "package p; import \"" + grpcPath + "\"; var _ grpc.UnaryHandler; " + test.src
			p, _, err := ssautil.BuildPackage(cfg, fset, types.NewPackage("p", "p"), parse(src), 0)
			if err != nil {
				t.Fatal(err)
			}
			var funcs []*ssa.Function
			for fn := range ssautil.AllFunctions(p.Prog) {
				funcs = append(funcs, fn)
			}
			if got := recovers(funcs); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// imports are the packages there are.
type imports map[string]*types.Package

func (i imports) Import(path string) (*types.Package, error) { return i[path], nil }
