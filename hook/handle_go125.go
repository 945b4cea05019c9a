//go:build go1.25

package hook

import (
	"reflect"
	"unsafe"
	"weak"
)

// handle is an interface value that keeps nothing alive. Before Go 1.25 a weak
// pointer to a variable of a package ends the program.
type handle struct {
	typ unsafe.Pointer
	to  weak.Pointer[byte]
}

// iface is how the compiler lays out an empty interface.
type iface struct{ typ, data unsafe.Pointer }

// weakly returns a handle of v if that is a pointer, and an empty one otherwise:
// what the interface has a copy of may lie where a weak pointer must not lead,
// with the constants.
//
//go:noinline
func weakly(v any) handle {
	if t := reflect.TypeOf(v); t == nil || t.Kind() != reflect.Ptr {
		return handle{}
	}
	i := *(*iface)(unsafe.Pointer(&v))
	return handle{i.typ, weak.Make((*byte)(i.data))}
}

func (h handle) value() any {
	p := h.to.Value()
	if p == nil {
		return nil
	}
	var v any
	*(*iface)(unsafe.Pointer(&v)) = iface{h.typ, unsafe.Pointer(p)}
	return v
}
