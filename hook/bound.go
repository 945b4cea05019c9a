package hook

import (
	"os"
	"reflect"
	"runtime"
	"strings"
	"unsafe"
)

// Bound takes, as Handle does, the file that a function value is a method of:
// what `write := f.WriteAt` is bound to. Of any other function it takes nothing.
func (c *Capture) Bound(function any) *Capture {
	if c != nil {
		c.addBound(function)
	}
	return c
}

//go:noinline
func (c *Capture) addBound(function any) {
	c.handled = true
	if f := fileOf(function); f != nil {
		c.handle = weakly(f)
	}
}

// fileOf returns the file that function is a method of, nil if it is none. The
// compiler makes f.WriteAt a closure of a function that it calls
// os.(*File).WriteAt-fm: a pointer to the code, and f behind it. Neither
// function nor what it is made of is kept.
func fileOf(function any) *os.File {
	if t := reflect.TypeOf(function); t == nil || t.Kind() != reflect.Func {
		return nil
	}
	closure := (*struct {
		code uintptr
		file *os.File
	})((*[2]unsafe.Pointer)(unsafe.Pointer(&function))[1])
	if closure == nil {
		return nil
	}
	f := runtime.FuncForPC(closure.code)
	if f == nil || !strings.HasPrefix(f.Name(), "os.(*File).") || !strings.HasSuffix(f.Name(), "-fm") {
		return nil
	}
	return closure.file
}
