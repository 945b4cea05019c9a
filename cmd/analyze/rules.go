package analyze

import (
	"go/types"
	"strings"
)

// A wait says whether a call that can block is, while it does, a wait for work.
type wait int

const (
	doing  wait = iota // it is work, or a wait that others wait for
	atHead             // a wait for work where a region's loop begins with it
	always             // a wait for work, or a pause the program asked for
)

// String says it in the words of the documentation.
func (w wait) String() string {
	switch w {
	case atHead:
		return "idle at the head of a region"
	case always:
		return "idle"
	}
	return "doing"
}

// tabled is a rule of the table for one function.
type tabled struct {
	wait     wait
	buffered bool
}

// ruleIndex finds a rule of the table by the name of a function, see ruleName.
// It is not changed once made.
var ruleIndex = indexRules(table)

// rulePackages are those that the table has rules for, so that the names of
// most functions need not be made. It is not changed once made.
var rulePackages = indexPackages(ruleIndex)

func indexPackages(rules map[string]tabled) map[string]bool {
	index := make(map[string]bool)
	for name := range rules {
		path, _, _ := splitName(name)
		index[path] = true
	}
	return index
}

func indexRules(table []section) map[string]tabled {
	index := make(map[string]tabled)
	for _, s := range table {
		for _, r := range s.rules {
			for _, name := range strings.Fields(r.names) {
				index[fullName(r.recv, name)] = tabled{r.wait, s.buffered}
			}
		}
	}
	return index
}

// fullName returns the name that go/types gives a method or function. A
// receiver is told from a package by its star, or by the dot after its last
// slash.
func fullName(recv, name string) string {
	if strings.HasPrefix(recv, "*") || strings.Contains(recv[strings.LastIndexByte(recv, '/')+1:], ".") {
		return "(" + recv + ")." + name
	}
	return recv + "." + name
}

// ruleName returns the name that rules know f by: its full name, as go/types
// gives it, without type parameters.
func ruleName(f *types.Func) string {
	name := f.Origin().FullName()
	if open := strings.IndexByte(name, '['); open >= 0 {
		if end := strings.LastIndexByte(name, ']'); end > open {
			name = name[:open] + name[end+1:]
		}
	}
	return name
}

// blocks returns the table's rule for calls of f.
func blocks(f *types.Func) (tabled, bool) {
	if f.Pkg() == nil || !rulePackages[f.Pkg().Path()] {
		return tabled{}, false
	}
	t, ok := ruleIndex[ruleName(f)]
	return t, ok
}

// splitName returns the package, the type ("" for a function) and the name
// that a rule's name of a function consists of.
func splitName(full string) (pkg, typ, name string) {
	if strings.HasPrefix(full, "(") {
		end := strings.LastIndex(full, ").")
		full, name = strings.TrimPrefix(full[1:end], "*"), full[end+2:]
	}
	dot := strings.LastIndexByte(full, '.')
	if name == "" {
		return full[:dot], "", full[dot+1:]
	}
	return full[:dot], full[dot+1:], name
}

// lookup returns the function with this full name in the package that it says,
// nil if there is none.
func lookup(pkg *types.Package, full string) *types.Func {
	_, typ, name := splitName(full)
	if typ == "" {
		f, _ := pkg.Scope().Lookup(name).(*types.Func)
		return f
	}
	obj := pkg.Scope().Lookup(typ)
	if obj == nil {
		return nil
	}
	m, _, _ := types.LookupFieldOrMethod(obj.Type(), true, pkg, name)
	f, _ := m.(*types.Func)
	return f
}
