package dump

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRealCrashes reads what programs of Go 1.26.8 have written as they crashed
// (cmd/dump/testdata/crash, with GOTRACEBACK=all).
func TestRealCrashes(t *testing.T) {
	for _, test := range []struct {
		file   string
		reason string // kind, signal, code, address, goroutine, C code, what
		place  string
		count  int    // goroutines
		states string // of the groups, with how many are in them
	}{
		{"panic", "panic 0 0 0x0 1 false panic: wrapped: it is broken", "main.main main.go:42", 5, "running 1, sync.Mutex.Lock 1, chan receive 1, select (no cases) 1, sleep 1"},
		{"nilmap", "panic 0 0 0x0 1 false panic: assignment to entry in nil map", "main.(*server).handle main.go:24", 5, ""},
		{"nil", "panic 11 1 0x0 3 false panic: runtime error: invalid memory address or nil pointer dereference", "main.main.func1 main.go:47", 6, ""},
		{"fatal", "fatal 0 0 0x0 1 false fatal error: sync: unlock of unlocked mutex", "main.main main.go:51", 5, ""},
		{"maps", "fatal 0 0 0x0 25 false fatal error: concurrent map writes", "main.main.func2 main.go:57", 0, ""},
		{"segv", "signal 11 1 0x8 1 true SIGSEGV: segmentation violation", "main.main main.go:63", 0, ""},
		{"one", "signal 11 1 0x8 1 true SIGSEGV: segmentation violation", "main.main main.go:63", 0, ""},
		{"abort", "signal 6 -6 0x0 1 true SIGABRT: abort", "main.main main.go:65", 0, ""},
		{"overflow", "fatal 0 0 0x0 1 false fatal error: stack overflow", "main.deep main.go:26", 0, ""},
		{"again", "panic 0 0 0x0 1 false panic: (main.thing) 0x4d5d68; then panic: in between of two lines [recovered]; then panic: second after in between of two lines", "main.main main.go:74", 5, ""},
		{"quit", "signal 3 0 0x0 1 false SIGQUIT: quit", "main.main main.go:79", 0, ""},
		{"killsegv", "signal 11 0 0x54c8 1 false SIGSEGV: segmentation violation", "main.main main.go:82", 0, ""},
		{"oom", "fatal 0 0 0x0 1 false fatal error: runtime: out of memory", "main.main main.go:89", 0, ""},
	} {
		text, err := os.ReadFile(filepath.Join("testdata", "crashes", test.file+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		r, all := ParseCrash(string(text))
		if got := fmt.Sprintf("%s %d %d %#x %d %v %s", r.Kind, r.Signal, r.Code, r.Address, r.Goroutine, r.Foreign, r.What); got != test.reason {
			t.Errorf("%s: %s\nwant %s", test.file, got, test.reason)
		}
		place := ""
		if p := r.Place; p != nil {
			place = fmt.Sprintf("%s %s:%d", p.Func, filepath.Base(p.File), p.Line)
		}
		if place != test.place {
			t.Errorf("%s is at %s, want %s", test.file, place, test.place)
		}
		if headers := strings.Count("\n"+string(text), "\ngoroutine "); len(all) != headers || test.count > 0 && len(all) != test.count {
			t.Errorf("%s: %d goroutines of %d", test.file, len(all), headers)
		}
		var states []string
		for _, g := range Group(all) {
			states = append(states, fmt.Sprintf("%s %d", g.State, len(g.Members)))
		}
		if got := strings.Join(states, ", "); test.states != "" && got != test.states {
			t.Errorf("%s: groups %s, want %s", test.file, got, test.states)
		}
	}
}

// TestCrashOutput has what comes through a pipe of errors of the runtime's own: the
// line that says which is not part of it.
func TestCrashOutput(t *testing.T) {
	for _, test := range []struct{ file, from, what, place string }{
		{"fatal", "goroutine ", "fatal error: sync: unlock of unlocked mutex", "main.main"},
		{"maps", "goroutine ", "fatal error: concurrent map access", "main.main.func2"},
		{"overflow", "runtime stack:", "fatal error: stack overflow", "main.deep"},
		{"oom", "runtime stack:", "fatal error: runtime: out of memory", "main.main"},
	} {
		text, err := os.ReadFile(filepath.Join("testdata", "crashes", test.file+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		r, all := ParseCrash(string(text[strings.Index(string(text), test.from):]))
		if r.Kind != Fatal || r.What != test.what || r.Place == nil || r.Place.Func != test.place || len(all) == 0 {
			t.Errorf("%s: %+v at %+v, %d goroutines", test.file, r, r.Place, len(all))
		}
	}
	for text, want := range map[string]string{
		"goroutine 1 [chan receive]:\nmain.main()\n\t/a.go:16 +0x5f\n":                                         "fatal error: all goroutines are asleep - deadlock!",
		"goroutine 1 [running]:\nruntime.throw({0x1, 0x2})\n\t/p.go:1 +0x5f\nruntime.new()\n\t/p.go:2 +0x5f\n": "fatal error in runtime.new (standard error has its text)",
		"goroutine 1 [running]:\nmain.main()\n\t/a.go:16 +0x5f\n":                                              "",
		"runtime stack:\n": "",
	} {
		if r, _ := ParseCrash(text); r.What != want {
			t.Errorf("%q is %q, want %q", text, r.What, want)
		}
	}
}

func TestCrashDetails(t *testing.T) {
	r, all := ParseCrash("2026/11/27 a line of somebody else's\npanic: x\n\ngoroutine 7 [chan receive (durable), 12 minutes, locked to thread]:\n" +
		"main.(*T[...]).run(0xc000, {0x1, 0x2}, ...)\n\t/src dir/a:b.go:7 +0x1d fp=0x1\n...19 frames elided...\nmain.end(...)\n\t/src/b.go:8\ncreated by main.main in goroutine 1\n\t/src/c.go:9 +0x1\n\nexit status 2\n")
	if r.Kind != Panic || len(all) != 1 {
		t.Fatalf("%+v, %+v", r, all)
	}
	g := all[0]
	if g.ID != 7 || g.State != "chan receive (durable)" || g.Waited != 12*60e9 || !g.Locked {
		t.Errorf("%+v", g)
	}
	if got, want := fmt.Sprint(g.Stack), "[{main.(*T[...]).run /src dir/a:b.go 7} {… 19 are left out …  0} {main.end /src/b.go 8}]"; got != want {
		t.Errorf("its stack is %s, want %s", got, want)
	}
	if g.Creator == nil || g.Creator.Func != "main.main" || g.Creator.Line != 9 {
		t.Errorf("it was created by %+v", g.Creator)
	}
	if r, all := ParseCrash("exit status 3\n"); r.Kind != "" || len(all) != 0 {
		t.Errorf("of no crash: %+v, %v", r, all)
	}
}

func FuzzParseCrash(f *testing.F) {
	files, _ := filepath.Glob("testdata/crashes/*.txt")
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, all := ParseCrash(text)
		members := 0
		for _, g := range Group(all) {
			members += len(g.Members)
		}
		if members != len(all) {
			t.Errorf("%d goroutines, %d in groups", len(all), members)
		}
		if n := strings.Count(text, "goroutine "); len(all) > n {
			t.Errorf("%d goroutines where the word is there %d times", len(all), n)
		}
	})
}
