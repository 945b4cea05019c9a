// Command frames reads addresses of its own code, one a line, and writes what
// the runtime says of each: function, file and line. It begins with the address
// of main, and one to which a call three functions deep returns.
package main

import (
	"bufio"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strconv"
)

func main() {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	pcs := make([]uintptr, 8)
	fmt.Fprintln(out, reflect.ValueOf(main).Pointer(), outermost(pcs))
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		pc, err := strconv.ParseUint(in.Text(), 10, 64)
		if err != nil {
			panic(err)
		}
		f, _ := runtime.CallersFrames([]uintptr{uintptr(pc)}).Next()
		fmt.Fprintf(out, "%s\t%s\t%d\n", f.Function, f.File, f.Line)
	}
}

//go:noinline
func outermost(pcs []uintptr) uintptr { return between(pcs) + 1 }

func between(pcs []uintptr) uintptr { return innermost(pcs) + 1 }

func innermost(pcs []uintptr) uintptr { return returnAddress(pcs) - 2 }

//go:noinline
func returnAddress(pcs []uintptr) uintptr {
	runtime.Callers(0, pcs)
	return pcs[2]
}
