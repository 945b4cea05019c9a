package analyze

import (
	"go/types"

	"golang.org/x/tools/go/ssa"
	"golang.org/x/tools/go/types/typeutil"
)

// reflectServices are the functions of package reflect that operate on
// channels.
var reflectServices = map[string][]what{
	"(reflect.Value).Send":    {needSend},
	"(reflect.Value).TrySend": {needSend},
	"(reflect.Value).Close":   {needSend},
	"(reflect.Value).Recv":    {needRecv},
	"(reflect.Value).TryRecv": {needRecv},
	"reflect.Select":          {needSend, needRecv},
}

// reflected adds what reflection may do: operate on the channels it reaches,
// and hand one that it finds in a field to whoever takes one of that type out of
// an interface.
func (c *classes) reflected(funcs []*ssa.Function) {
	seen := new(typeutil.Map)
	for _, fn := range funcs {
		if isGeneric(fn) {
			continue
		}
		for _, b := range fn.Blocks {
			for _, i := range b.Instrs {
				if m, ok := i.(*ssa.MakeInterface); ok {
					c.see(m.X.Type(), c.box(m.X.Type()), seen, 0)
				}
			}
		}
	}
	for _, fn := range funcs {
		services := reflectServices[fullNameOf(fn)]
		for _, s := range services {
			for r := range c.visible {
				c.serve(fn, nil, s, r)
			}
		}
		if p := fn.Parent(); p != nil && fullNameOf(p) == "(*sync.WaitGroup).Go" {
			for _, r := range c.groups {
				c.serve(fn, nil, needDone, r)
			}
		}
	}
}

// maxSeen bounds the walk through types that contain themselves.
const maxSeen = 16

// see walks what reflection reaches from a value of type t, whose cell is r:
// exported fields, and those of embedded structs.
func (c *classes) see(t types.Type, r ref, seen *typeutil.Map, depth int) {
	if depth > maxSeen {
		return
	}
	if r == 0 {
		if seen.At(t) != nil {
			return
		}
		seen.Set(t, true)
	} else if c.visible[r] {
		return
	}
	switch u := t.Underlying().(type) {
	case *types.Chan:
		c.visible[r] = true
		if c.taken.At(t) != nil {
			c.unify(r, c.box(t))
		}
		c.see(u.Elem(), c.content(r), seen, depth+1)
	case *types.Pointer:
		c.see(u.Elem(), c.contentOf(u.Elem(), r), seen, depth+1)
	case *types.Slice:
		c.see(u.Elem(), c.contentOf(u.Elem(), r), seen, depth+1)
	case *types.Array:
		c.see(u.Elem(), c.contentOf(u.Elem(), r), seen, depth+1)
	case *types.Map:
		c.see(u.Elem(), c.contentOf(u.Elem(), r), seen, depth+1)
		if c.carries(u.Key()) {
			c.see(u.Key(), c.keys(r), seen, depth+1)
		}
	case *types.Struct:
		for i := 0; i < u.NumFields(); i++ {
			if f := u.Field(i); f.Exported() || f.Embedded() {
				c.see(f.Type(), c.field(t, i), seen, depth+1)
			}
		}
	}
}

// contentOf returns the cell of what r holds, 0 if none is kept for type t.
func (c *classes) contentOf(t types.Type, r ref) ref {
	if !c.carries(t) {
		return 0
	}
	return c.content(r)
}
