package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/hook"
	"github.com/lifesign-go/lifesign/internal/clock"
	"github.com/lifesign-go/lifesign/internal/page"
)

// mimicking is a program whose mimic checker comes to one write a second, of a file that
// is named, for some seconds. It says whether it has seen a helper beside it.
func mimicking() {
	name := os.Args[1]
	seconds, err := strconv.Atoi(os.Args[2])
	if err != nil {
		fmt.Println(err)
		os.Exit(2)
	}
	v := hook.Vitals()
	fmt.Println("mimics are wanted:", v.MimicsWanted())
	var table []byte
	for _, s := range []event.Site{
		{Kind: event.Region, Package: "example.com/store", File: "store.go", Line: 7, Func: "(*Store).run"},
		{Kind: event.Call, Package: "example.com/store", File: "store.go", Line: 31, Func: "(*Store).save", Object: "(*os.File).Write"},
	} {
		table = page.AppendSite(table, s)
	}
	row := uint32(hook.Declare(string(table)))
	seen := false
	for i := 0; i < 4*seconds; i++ {
		if v.MimicsWanted() && i%4 == 0 {
			v.Mimic(row, row+1, event.Mimic{
				At: clock.Monotonic(), Pass: uint64(i + 1), Deed: event.DoWrite, Path: name, FD: -1, Offset: -1,
				Size: 12, Data: []byte("some records"),
				Chain: []event.Frame{{Func: "(*Store).run", File: "store.go", Line: 12}, {Func: "(*Store).save", File: "store.go", Line: 31}},
			})
		}
		time.Sleep(250 * time.Millisecond)
		seen = seen || helperBeside()
	}
	fmt.Println("a helper was there:", seen)
}

// helperBeside looks for a child of this process's parent that is a helper.
func helperBeside() bool {
	parent := strconv.Itoa(os.Getppid())
	tasks, _ := os.ReadDir("/proc/" + parent + "/task")
	for _, t := range tasks {
		children, _ := os.ReadFile("/proc/" + parent + "/task/" + t.Name() + "/children")
		for _, pid := range strings.Fields(string(children)) {
			line, _ := os.ReadFile("/proc/" + pid + "/cmdline")
			if bytes.Equal(line, []byte("lifesign\x00helper\x00")) {
				return true
			}
		}
	}
	return false
}
