package analyze

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/constant"
	"go/types"
	"strconv"
	"strings"

	"golang.org/x/tools/go/types/typeutil"

	"github.com/lifesign-go/lifesign/event"
)

// What a mimic is given is evaluated a second time, just before the operation
// evaluates it, whether a mimic wants it or not. So it must have no effect, give
// the same, allocate nothing, and panic only where the operation's own evaluation
// does: identifiers, fields, constants, elements and parts of slices, integer
// arithmetic, and conversions of these that copy nothing. If the operation
// has a call among its operands, which comes first, it must not be able to panic
// at all.

// mimic finds what a mimic of the call n, the operation o, does and is given.
func (v *visitor) mimic(o *op, n *ast.CallExpr, r ruling) {
	names := r.rules
	f, _ := typeutil.Callee(v.info, n).(*types.Func)
	if f != nil && names == nil {
		if name := ruleName(f); deedIndex[name] != nil || noDeedIndex[name] != "" {
			names = []string{name}
		}
	}
	switch {
	case r.leaves:
		o.noMimic = outOfScope
		return
	case names == nil:
		o.noMimic = ownRule
		return
	case o.rewrite.Form == Deferred:
		o.noMimic = "it is deferred: what it is given is from long before it runs"
		return
	}
	rows, why := deedsOf(names)
	t := &taker{v: v, call: n, callee: f, files: true}
	for _, name := range names {
		t.files = t.files && strings.HasPrefix(name, "(*os.File).")
	}
	t.first = t.asks(n)
	for _, row := range rows {
		deed, takes, no := t.row(row)
		if no == "" {
			o.deed, o.rewrite.Take, o.noMimic = deed, takes, ""
			return
		}
		why = cmp.Or(why, no)
	}
	o.noMimic = why
}

// taker finds what is taken of a call.
type taker struct {
	v      *visitor
	call   *ast.CallExpr
	callee *types.Func // nil if it is a function value
	files  bool        // it can lead to methods of files alone
	first  bool        // there is a call among the operands
}

// row returns what a row of deeds asks for, or why it cannot be had.
func (t *taker) row(row deedRule) (deed event.Deed, takes []Take, why string) {
	deed = row.deed
	for _, item := range strings.Fields(row.takes) {
		if strings.HasPrefix(item, `"`) {
			at := t.v.offset(t.call.Pos())
			takes = append(takes, Take{TakeText, at, at, item})
			continue
		}
		kind, index, isArg := strings.Cut(item, ":")
		if !isArg {
			take, why := t.receiver(t.call.Fun, t.callee)
			if why != "" {
				return "", nil, why
			}
			takes = append(takes, take)
			continue
		}
		n, _ := strconv.Atoi(index)
		if n >= len(t.call.Args) || t.spread() {
			return "", nil, "its arguments are the results of a call"
		}
		x := t.call.Args[n]
		if kind == "creates" {
			if t.creates(x) {
				deed = event.DoDirectory
			}
			continue
		}
		take, why := t.argument(kind, x)
		if why != "" {
			return "", nil, why
		}
		takes = append(takes, take)
	}
	return deed, takes, ""
}

// spread reports whether the arguments are the results of one call.
func (t *taker) spread() bool {
	if len(t.call.Args) != 1 {
		return false
	}
	_, several := t.v.info.TypeOf(t.call.Args[0]).(*types.Tuple)
	return several
}

// creates reports whether x is a constant of flags with O_CREATE.
func (t *taker) creates(x ast.Expr) bool {
	flags, ok := intValue(t.v.info, x)
	if !ok || t.callee == nil {
		return false
	}
	for _, name := range []string{"O_CREATE", "O_CREAT"} {
		if c, ok := t.callee.Pkg().Scope().Lookup(name).(*types.Const); ok {
			if bit, ok := constant.Int64Val(c.Val()); ok {
				return flags&bit != 0
			}
		}
	}
	return false
}

const byValue = "it is called as a function value, which hides its receiver"

// receiver returns the take of the receiver of the method f that fun selects:
// the operand, and those embedded fields of it which the package may name; or of
// the function value fun, of which a file is found by what it is bound to.
func (t *taker) receiver(fun ast.Expr, f *types.Func) (Take, string) {
	if _, ok := t.v.info.TypeOf(fun).Underlying().(*types.Signature); ok && f == nil && t.files {
		return t.take(TakeBound, ast.Unparen(fun), "", false)
	}
	sel, ok := ast.Unparen(fun).(*ast.SelectorExpr)
	if !ok || f == nil {
		return Take{}, byValue
	}
	s := t.v.info.Selections[sel]
	if s == nil || s.Kind() != types.MethodVal {
		return Take{}, byValue
	}
	of, faults, path := s.Recv(), false, ""
	for _, i := range s.Index()[:len(s.Index())-1] {
		field := structField(of, i)
		if field == nil || !field.Exported() && field.Pkg() != t.v.pkg.Types {
			break
		}
		if _, ok := of.Underlying().(*types.Pointer); ok {
			faults = true
		}
		of, path = field.Type(), path+"."+field.Name()
	}
	if !t.isHandle(of, f) {
		return Take{}, fmt.Sprintf("its receiver, a %s, is nothing that can be followed", types.TypeString(of, types.RelativeTo(t.v.pkg.Types)))
	}
	wrap := ""
	if path != "" {
		wrap = "%s" + path
	}
	return t.take(TakeHandle, sel.X, wrap, faults)
}

// isHandle reports whether a value of type of is a handle that methods such as f
// are called on: an interface, or a pointer to a type of the same package.
func (t *taker) isHandle(of types.Type, f *types.Func) bool {
	if types.IsInterface(of) {
		_, param := types.Unalias(of).(*types.TypeParam)
		return !param
	}
	p, ok := types.Unalias(of).(*types.Pointer)
	if !ok {
		return false
	}
	n, ok := types.Unalias(p.Elem()).(*types.Named)
	return ok && (f == nil || n.Obj().Pkg() == f.Pkg())
}

// argument returns the take of the argument x.
func (t *taker) argument(kind string, x ast.Expr) (Take, string) {
	x = ast.Unparen(x)
	of := t.v.info.TypeOf(x)
	switch kind {
	case "handle":
		if t.isHandle(of, nil) {
			return t.take(TakeHandle, x, "", false)
		}
	case "fd":
		if fd := t.descriptorOf(x); fd != nil {
			f, _ := typeutil.Callee(t.v.info, fd).(*types.Func)
			return t.receiver(fd.Fun, f)
		}
		return t.number(x, of)
	case "number":
		return t.number(x, of)
	case "length":
		if t.v.names.redeclared["len"] || t.v.names.redeclared["int64"] {
			return Take{}, shadowed
		}
		return t.take(TakeNumber, x, "int64(len(%s))", false)
	case "request":
		if of.String() == "*net/http.Request" {
			return t.take(TakeRequest, x, "", false)
		}
	case "mapping":
		if b, ok := sliceElem(of); ok && types.Identical(b, types.Typ[types.Byte]) {
			return t.take(TakeMapping, x, "", false)
		}
	case "bytes":
		if s := t.converted(x); s != nil {
			return t.text(TakeChars, s)
		}
		if b, ok := sliceElem(of); ok && types.Identical(b.Underlying(), types.Typ[types.Byte]) {
			return t.take(TakeBytes, x, "", false)
		}
	case "chars":
		return t.text(TakeChars, x)
	case "text":
		return t.text(TakeText, x)
	}
	return Take{}, t.name(x) + " is nothing that can be kept"
}

const shadowed = "the package has another meaning for a predeclared name"

// number returns the take of the integer x of type of.
func (t *taker) number(x ast.Expr, of types.Type) (Take, string) {
	b, ok := of.Underlying().(*types.Basic)
	if _, param := types.Unalias(of).(*types.TypeParam); !ok || param || b.Info()&types.IsInteger == 0 {
		return Take{}, t.name(x) + " is no integer"
	}
	if c := t.v.info.Types[x].Value; c != nil {
		if _, exact := constant.Int64Val(constant.ToInt(c)); !exact {
			return Take{}, t.name(x) + " is too large"
		}
	}
	if types.Identical(of, types.Typ[types.Int64]) {
		return t.take(TakeNumber, x, "", false)
	}
	if t.v.names.redeclared["int64"] {
		return Take{}, shadowed
	}
	return t.take(TakeNumber, x, "int64(%s)", false)
}

// text returns the take of the string x.
func (t *taker) text(kind TakeKind, x ast.Expr) (Take, string) {
	of := t.v.info.TypeOf(x)
	if !isString(of) {
		return Take{}, t.name(x) + " is no string"
	}
	if b, ok := types.Unalias(of).(*types.Basic); ok && b.Info()&types.IsString != 0 {
		return t.take(kind, x, "", false)
	}
	if t.v.names.redeclared["string"] {
		return Take{}, shadowed
	}
	return t.take(kind, x, "string(%s)", false)
}

func isString(of types.Type) bool {
	_, param := types.Unalias(of).(*types.TypeParam)
	b, ok := of.Underlying().(*types.Basic)
	return ok && !param && b.Info()&types.IsString != 0
}

func sliceElem(of types.Type) (types.Type, bool) {
	if _, param := types.Unalias(of).(*types.TypeParam); param {
		return nil, false
	}
	s, ok := of.Underlying().(*types.Slice)
	if !ok {
		return nil, false
	}
	return s.Elem(), true
}

// converted returns the string that x makes a slice of bytes of, nil if it does
// not: to convert it again would allocate.
func (t *taker) converted(x ast.Expr) ast.Expr {
	call, ok := x.(*ast.CallExpr)
	if !ok || len(call.Args) != 1 || !t.v.info.Types[call.Fun].IsType() || !isString(t.v.info.TypeOf(call.Args[0])) {
		return nil
	}
	return ast.Unparen(call.Args[0])
}

// descriptorOf returns the call of (*os.File).Fd that x converts, nil if it does
// not.
func (t *taker) descriptorOf(x ast.Expr) *ast.CallExpr {
	call, ok := ast.Unparen(x).(*ast.CallExpr)
	if !ok {
		return nil
	}
	if t.v.info.Types[call.Fun].IsType() && len(call.Args) == 1 {
		return t.descriptorOf(call.Args[0])
	}
	if f, ok := typeutil.Callee(t.v.info, call).(*types.Func); ok && f.FullName() == "(*os.File).Fd" {
		return call
	}
	return nil
}

// take returns the take of the operand x, if it can be evaluated again. faults
// says that what wrap makes of it may panic.
func (t *taker) take(kind TakeKind, x ast.Expr, wrap string, faults bool) (Take, string) {
	again, why := t.again(x)
	switch {
	case why != "":
		return Take{}, fmt.Sprintf("%s cannot be evaluated twice: %s", t.name(x), why)
	case t.first && (again || faults):
		return Take{}, fmt.Sprintf("%s may panic, and a call among the operands goes before it", t.name(x))
	case t.v.line(x.Pos()) != t.v.line(x.End()):
		return Take{}, "an argument is spread over several lines"
	}
	return Take{kind, t.v.offset(x.Pos()), t.v.offset(x.End()), wrap}, ""
}

// name returns x as a reason has it.
func (t *taker) name(x ast.Expr) string {
	text := types.ExprString(x)
	if len(text) > 40 {
		return "an argument"
	}
	return text
}

// asks reports whether there is a call or a receive among the operands of n,
// but for Fd of a file that is taken instead.
func (t *taker) asks(n *ast.CallExpr) bool {
	operands := append([]ast.Expr{ast.Unparen(n.Fun)}, n.Args...)
	for _, x := range operands {
		for {
			fd := t.descriptorOf(x)
			if fd == nil {
				break
			}
			x = ast.Unparen(fd.Fun)
		}
		if asks(t.v.info, x) {
			return true
		}
	}
	return false
}
