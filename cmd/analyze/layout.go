package analyze

import (
	"errors"
	"fmt"
	"go/ast"
	"go/constant"
	"go/types"
	"strconv"
	"strings"

	"github.com/lifesign-go/lifesign/cmd/load"
)

// fieldNames are the fields whose offsets a reader of a process's memory needs:
// package, type, path of fields. Where a path ends in a struct, what counts is
// the integer in it, by the same kind of path.
var fieldNames = []struct{ name, pkg, typ, path string }{
	{"g.stack.lo", "runtime", "g", "stack.lo"},
	{"g.stack.hi", "runtime", "g", "stack.hi"},
	{"g.goid", "runtime", "g", "goid"},
	{"g.atomicstatus", "runtime", "g", "atomicstatus"},
	{"g.waitreason", "runtime", "g", "waitreason"},
	{"g.waiting", "runtime", "g", "waiting"},
	{"g.sched.pc", "runtime", "g", "sched.pc"},
	{"g.sched.sp", "runtime", "g", "sched.sp"},
	{"g.sched.bp", "runtime", "g", "sched.bp"},
	{"g.syscallpc", "runtime", "g", "syscallpc"},
	{"g.syscallsp", "runtime", "g", "syscallsp"},
	{"g.syscallbp", "runtime", "g", "syscallbp"},
	{"g.parentGoid", "runtime", "g", "parentGoid"},
	{"g.gopc", "runtime", "g", "gopc"},
	{"g.startpc", "runtime", "g", "startpc"},
	{"g.m", "runtime", "g", "m"},
	{"m.procid", "runtime", "m", "procid"},
	{"sudog.next", "runtime", "sudog", "next"},
	{"sudog.elem", "runtime", "sudog", "elem"},
	{"sudog.c", "runtime", "sudog", "c"},
	{"hchan.qcount", "runtime", "hchan", "qcount"},
	{"hchan.dataqsiz", "runtime", "hchan", "dataqsiz"},
	{"hchan.closed", "runtime", "hchan", "closed"},
	{"hchan.recvq", "runtime", "hchan", "recvq.first"},
	{"hchan.sendq", "runtime", "hchan", "sendq.first"},
	{"Mutex.state", "sync", "Mutex", "state"},
	{"RWMutex.w", "sync", "RWMutex", "w"},
	{"RWMutex.readerCount", "sync", "RWMutex", "readerCount"},
	{"RWMutex.readerWait", "sync", "RWMutex", "readerWait"},
	{"WaitGroup.state", "sync", "WaitGroup", "state"},
	{"WaitGroup.state", "sync", "WaitGroup", "state1"}, // before Go 1.20
}

// sizeNames are the types whose sizes it needs.
var sizeNames = []struct{ pkg, name string }{
	{"sync", "Mutex"}, {"sync", "RWMutex"}, {"sync", "WaitGroup"}, {"runtime", "hchan"},
}

// statusNames are the runtime's goroutine states.
var statusNames = []struct{ name, constant string }{
	{"status.idle", "_Gidle"},
	{"status.runnable", "_Grunnable"},
	{"status.running", "_Grunning"},
	{"status.syscall", "_Gsyscall"},
	{"status.waiting", "_Gwaiting"},
	{"status.dead", "_Gdead"},
	{"status.copystack", "_Gcopystack"},
	{"status.preempted", "_Gpreempted"},
	{"status.leaked", "_Gleaked"},
	{"status.deadextra", "_Gdeadextra"},
	{"status.scan", "_Gscan"},
}

// inner are the fields that a struct at the end of a path, or a mutex, hides
// its word in, over the versions of Go: runtime's maybeTraceablePtr, the atomic
// types, sync.Mutex around internal/sync's.
var inner = map[string][]string{
	"maybeTraceablePtr":  {"vu"},
	"maybeTraceableChan": {"maybeTraceablePtr"},
	"Uint32":             {"value"},
	"Int32":              {"v"},
	"Uint64":             {"v", "value"},
}

// RuntimeLayout returns what a reader must know of the structures of the Go
// runtime that prog is built with, as one line of text: the version, the
// architecture and name=value pairs. It is computed from the runtime's own
// source, as type-checked for the target. A name that this version of Go does
// not have is left out; it is an error if goroutines could not be told apart.
func RuntimeLayout(prog *load.Program) (string, error) {
	l := layout{sizes: prog.Sizes, pkgs: make(map[string]*load.Package)}
	if l.sizes == nil {
		return "", errors.New("runtime layout: the sizes of the target's types are not known")
	}
	for _, p := range prog.Runtime {
		l.pkgs[p.Path] = p
	}
	l.text = append(l.text, prog.GoVersion, prog.GOARCH)
	for _, f := range fieldNames {
		if off, ok := l.field(f.pkg, f.typ, f.path); ok && !strings.HasPrefix(l.text[len(l.text)-1], f.name+"=") {
			l.add(f.name, off)
		}
	}
	for _, s := range sizeNames {
		if t := l.lookup(s.pkg, s.name); t != nil {
			l.add(s.name+".size", l.sizes.Sizeof(t.Type()))
		}
	}
	for _, s := range statusNames {
		if n, ok := l.constant(s.constant); ok {
			l.add(s.name, n)
		}
	}
	l.reasons()
	text := strings.Join(l.text, " ")
	if !strings.Contains(text, " g.goid=") {
		return "", fmt.Errorf("runtime layout: the runtime of %s has no g.goid", prog.GoVersion)
	}
	return text, nil
}

type layout struct {
	sizes types.Sizes
	pkgs  map[string]*load.Package
	text  []string
}

func (l *layout) add(name string, value int64) {
	l.text = append(l.text, name+"="+strconv.FormatInt(value, 10))
}

func (l *layout) lookup(pkg, name string) types.Object {
	p := l.pkgs[pkg]
	if p == nil || p.Types == nil {
		return nil
	}
	return p.Types.Scope().Lookup(name)
}

// field returns the offset of the word that a path of fields leads to.
func (l *layout) field(pkg, typ, path string) (int64, bool) {
	obj := l.lookup(pkg, typ)
	if obj == nil {
		return 0, false
	}
	t, sum := obj.Type(), int64(0)
	for _, name := range strings.Split(path, ".") {
		off, ft, ok := l.step(t, name)
		if !ok && typ == "Mutex" { // sync.Mutex hides its state one struct deeper since Go 1.24
			var outer int64
			if outer, ft, ok = l.step(t, "mu"); ok {
				off, ft, ok = l.step(ft, name)
				off += outer
			}
		}
		if !ok {
			return 0, false
		}
		sum, t = sum+off, ft
	}
	off, ok := l.word(t)
	return sum + off, ok
}

// step returns offset and type of a field of the struct t.
func (l *layout) step(t types.Type, name string) (int64, types.Type, bool) {
	s, ok := t.Underlying().(*types.Struct)
	if !ok {
		return 0, nil, false
	}
	fields := make([]*types.Var, s.NumFields())
	at := -1
	for i := range fields {
		fields[i] = s.Field(i)
		if fields[i].Name() == name {
			at = i
		}
	}
	if at < 0 {
		return 0, nil, false
	}
	return l.sizes.Offsetsof(fields)[at], fields[at].Type(), true
}

// word returns the offset in t of the word that counts.
func (l *layout) word(t types.Type) (int64, bool) {
	n, ok := types.Unalias(t).(*types.Named)
	if !ok {
		return 0, true
	}
	if _, ok := t.Underlying().(*types.Struct); !ok || n.Obj().Name() == "Mutex" {
		return 0, true
	}
	for _, name := range inner[n.Obj().Name()] {
		if off, ft, ok := l.step(t, name); ok {
			deeper, ok := l.word(ft)
			return off + deeper, ok
		}
	}
	return 0, false
}

func (l *layout) constant(name string) (int64, bool) {
	c, ok := l.lookup("runtime", name).(*types.Const)
	if !ok {
		return 0, false
	}
	return constant.Int64Val(c.Val())
}

// reasons adds the texts of the wait reasons, read from the literal that the
// runtime keeps them in.
func (l *layout) reasons() {
	p := l.pkgs["runtime"]
	if p == nil {
		return
	}
	lit := variable(p.Syntax, "waitReasonStrings")
	if lit == nil {
		return
	}
	next := int64(0)
	for _, e := range lit.Elts {
		value := e
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if n, ok := intValue(p.Info, kv.Key); ok {
				next = n
			}
			value = kv.Value
		}
		if tv := p.Info.Types[value]; tv.Value != nil && tv.Value.Kind() == constant.String {
			text := strings.ReplaceAll(constant.StringVal(tv.Value), " ", "_")
			l.text = append(l.text, fmt.Sprintf("reason.%d=%s", next, text))
		}
		next++
	}
}

func intValue(info *types.Info, x ast.Expr) (int64, bool) {
	tv := info.Types[x]
	if tv.Value == nil {
		return 0, false
	}
	return constant.Int64Val(constant.ToInt(tv.Value))
}

// variable returns the literal that a package variable is initialised with.
func variable(files []*ast.File, name string) *ast.CompositeLit {
	for _, f := range files {
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, s := range g.Specs {
				v, ok := s.(*ast.ValueSpec)
				if ok && len(v.Names) == 1 && v.Names[0].Name == name && len(v.Values) == 1 {
					lit, _ := v.Values[0].(*ast.CompositeLit)
					return lit
				}
			}
		}
	}
	return nil
}
