package unwind

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

const chainSource, goSource = "testdata/chain/chain.c", "testdata/gochain/main.go"

// calls are the functions of chain.c below the one that main or worker calls,
// by mode; "*" is one that the C library has, with a name or without.
var calls = map[string][]string{
	"outer":   {"read", "put_in", "inner", "middle", "outer"},
	"args":    {"read", "put_in", "inner", "nine", "args"},
	"vary":    {"read", "put_in", "inner", "vary"},
	"aligned": {"read", "put_in", "inner", "aligned"},
	"large":   {"read", "put_in", "inner", "large"},
	"table":   {"read", "put_in", "inner", "table"},
	"sorts":   {"read", "put_in", "inner", "compare", "*", "qsort_r", "sorts"},
	"raises":  {"read", "put_in", "inner", "on_signal", "*", "*", "raise", "raises"},
	"faults":  {"read", "put_in", "inner", "on_signal", "*", "faults"},
	"locks":   {"*", "pthread_mutex_lock", "locks"},
	"forks":   {"vfork", "forks"},
	"misses":  {"misses"},
}

// unfollowed are the functions above which a stack cannot be followed without
// the frame pointer, by mode, where no function further in saves it: their
// frames' sizes are made at run time.
var unfollowed = map[string]string{"vary": "vary", "aligned": "aligned"}

func TestStacksOfC(t *testing.T) {
	for variant, flags := range variants {
		if variant == "nodesc" || variant == "bare" {
			continue // have tests of their own
		}
		whole := slices.Contains([]string{"debug", "pointers", "plain"}, variant)
		for mode, want := range calls {
			if !whole && mode != "sorts" && mode != "raises" {
				continue
			}
			for _, where := range []string{"main", "worker"} {
				t.Run(variant+"/"+mode+"/"+where, func(t *testing.T) {
					pid, tid := start(t, variant, mode, map[string]string{"main": "main", "worker": "thread"}[where])
					frames, err := stack(t, newUnwinder(t, pid), tid)
					got := functions(frames)
					want := append(slices.Clone(want), where)
					saved := slices.Contains(flags, "-fno-omit-frame-pointer") || slices.Contains(flags, "-O0")
					if last := unfollowed[mode]; last != "" && !saved {
						want = want[:slices.Index(want, last)+1]
						if err == nil || !strings.Contains(err.Error(), "its frame pointer cannot be seen") || len(got) != len(want) {
							t.Errorf("%q, %v; want an end at %s that is told", got, err, last)
						}
					} else if err != nil {
						t.Errorf("%q: %v", got, err)
					} else if last := got[len(got)-1]; where == "main" && last != "_start" {
						t.Errorf("it begins with %s, not _start", last)
					}
					if !alike(got, want) {
						t.Errorf("got %q, want %q", got, want)
					}
				})
			}
		}
	}
}

// alike says whether got begins with want, in which "*" is anything.
func alike(got, want []string) bool {
	for i, name := range want {
		if i >= len(got) || name != "*" && got[i] != name {
			return false
		}
	}
	return true
}

// newUnwinder returns an Unwinder for machines that may be busy.
func newUnwinder(t testing.TB, pid int) *Unwinder {
	t.Helper()
	u, err := open(pid, patience{time.Minute, time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestLinesOfC(t *testing.T) {
	for _, variant := range []string{"debug", "plain", "static", "fixed", "dwarf4", "packed", "pointers"} {
		pid, tid := start(t, variant, "outer", "main")
		frames, err := stack(t, newUnwinder(t, pid), tid)
		if err != nil || len(frames) < 6 {
			t.Fatalf("%s: %q, %v", variant, functions(frames), err)
		}
		source, err := filepath.Abs(chainSource)
		if err != nil {
			t.Fatal(err)
		}
		for i, mark := range []string{"", "read", "put_in", "inner", "middle", "mode"} {
			if f := frames[i]; mark == "" {
				if f.Line != 0 || !strings.Contains(f.File, "libc") && variant != "static" {
					t.Errorf("%s: the C library's read is at %s:%d", variant, f.File, f.Line)
				}
			} else if want := lineOf(t, chainSource, mark); f.Line != want || f.File != source {
				t.Errorf("%s: %s is at %s:%d, want line %d", variant, f.Func, f.File, f.Line, want)
			}
		}
	}
}

// TestStripped checks that a chain is right where nothing has a name.
func TestStripped(t *testing.T) {
	pid, tid := start(t, "bare", "outer", "main")
	frames, err := stack(t, newUnwinder(t, pid), tid)
	if err != nil || len(frames) != 8 {
		t.Fatalf("%q, %v", functions(frames), err)
	}
	for i, f := range frames {
		own := i >= 1 && i <= 4 || i == 7
		if own && (!strings.HasPrefix(f.Func, "bare+0x") || filepath.Base(f.File) != "bare") || f.Line != 0 {
			t.Errorf("frame %d is %+v", i, f)
		}
	}
}

// TestWithoutDescription checks code without .eh_frame: its frame pointers are
// followed, but not from a place where there may not be one yet.
func TestWithoutDescription(t *testing.T) {
	pid, tid := start(t, "nodesc", "sorts", "main")
	frames, err := stack(t, newUnwinder(t, pid), tid)
	if want := []string{"read", "inner"}; err == nil || !alike(functions(frames), want) || len(frames) != 2 {
		t.Errorf("%q, %v", functions(frames), err)
	}
}

func TestTooDeep(t *testing.T) {
	pid, tid := start(t, "debug", "deep", "main")
	frames, err := stack(t, newUnwinder(t, pid), tid)
	if err == nil || len(frames) != maxFrames+1 { // one is inlined
		t.Errorf("%d frames, %v", len(frames), err)
	}
}

func TestStacksOfGo(t *testing.T) {
	for _, name := range []string{"gochain", "gobare", "gopie"} {
		pid, tid := start(t, name)
		u := newUnwinder(t, pid)
		frames, err := stack(t, u, tid)
		got := functions(frames)
		i := slices.Index(got, "syscall.read")
		want := []string{"syscall.read", "syscall.Read", "main.putIn", "main.inner", "main.middle", "main.outer", "main.main", "runtime.main", "runtime.goexit"}
		if name == "gobare" { // what was inlined is in the symbol table
			want = slices.DeleteFunc(want, func(s string) bool { return s == "syscall.Read" || s == "main.putIn" })
		}
		if err != nil || i < 0 || !slices.Equal(got[i:], want) {
			t.Errorf("%s: %q, %v", name, got, err)
			continue
		}
		for fn, mark := range map[string]string{"main.middle": "inner", "main.putIn": "read"} {
			if i := slices.Index(got, fn); i >= 0 && frames[i].Line != lineOf(t, goSource, mark) {
				t.Errorf("%s: %s is at line %d", name, fn, frames[i].Line)
			}
		}
		rest(t, u)
	}
}

// rest checks that the other threads of a Go program, which wait in its
// scheduler, have whole stacks.
func rest(t *testing.T, u *Unwinder) {
	t.Helper()
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", u.pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		var tid int
		fmt.Sscan(task.Name(), &tid)
		frames, err := u.Thread(tid)
		if err == ErrMoved || err == ErrRunning {
			continue // the one that watches the others
		}
		if got := functions(frames); err != nil || !strings.HasPrefix(got[len(got)-1], "runtime.") {
			t.Errorf("thread %d: %q, %v", tid, got, err)
		}
	}
}

func TestStackFromGoToC(t *testing.T) {
	pid, tid := start(t, "cgochain")
	frames, err := stack(t, newUnwinder(t, pid), tid)
	got := functions(frames)
	if len(got) != 4 || got[1] != "in_c" || got[3] != "runtime.asmcgocall" || err == nil || !strings.Contains(err.Error(), "another stack") {
		t.Errorf("%q, %v", got, err)
	}
}

func TestRunning(t *testing.T) {
	pid, tid := start(t, "debug", "spins", "main")
	u := newUnwinder(t, pid)
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		frames, err := u.Thread(tid)
		if err == ErrRunning && frames == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%q, %v", functions(frames), err)
		}
	}
}

func TestMoved(t *testing.T) {
	pid, tid := start(t, "debug", "outer", "main")
	u := newUnwinder(t, pid)
	if _, err := stack(t, u, tid); err != nil {
		t.Fatal(err)
	}
	p, err := u.posture(tid)
	if err != nil {
		t.Fatal(err)
	}
	if frames, err := u.Stack(tid, p.sp, p.pc); err != nil || len(frames) == 0 {
		t.Errorf("where it stands: %q, %v", functions(frames), err)
	}
	for _, at := range [][2]uint64{{p.sp - 8, p.pc}, {p.sp, p.pc - 1}} {
		if frames, err := u.Stack(tid, at[0], at[1]); err != ErrMoved || frames != nil {
			t.Errorf("elsewhere: %q, %v", functions(frames), err)
		}
	}
	// It has been on a processor since it was asked first.
	p.counts = "1 2 3\n"
	if frames, err := u.standing(tid, p); err != ErrMoved || frames != nil {
		t.Errorf("after it has run: %q, %v", functions(frames), err)
	}
}

func TestFill(t *testing.T) {
	pid, tid := start(t, "debug", "vary", "main")
	u := newUnwinder(t, pid)
	stack(t, u, tid)
	th := event.Thread{ID: tid}
	u.Fill(&th)
	if len(th.User) != 4 || !strings.Contains(th.UserErr, "the stack ends") {
		t.Errorf("%q, %q", functions(th.User), th.UserErr)
	}
	th.ID = 1 << 30
	if u.Fill(&th); th.User != nil || th.UserErr == "" {
		t.Errorf("of nobody: %q, %q", functions(th.User), th.UserErr)
	}
}

func TestNobody(t *testing.T) {
	if _, err := New(1 << 30); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

func TestNamesOfOtherLanguages(t *testing.T) {
	for name, want := range map[string]string{
		"_ZN2ns3BoxImE4waitEi":                                "ns::Box<unsigned long>::wait",
		"_ZN3std2rt19lang_start_internal17h9f4bd8a3f8a7a9a4E": "std::rt::lang_start_internal",
		"_RNvCs1234_7mycrate3foo":                             "mycrate::foo",
		"_Zebra":                                              "_Zebra",
		"pthread_mutex_lock":                                  "pthread_mutex_lock",
		"_Z" + strings.Repeat("N1a", 5000):                    "_Z" + strings.Repeat("N1a", 5000),
	} {
		if got := readable(name); got != want {
			t.Errorf("%.40s: %.60q", name, got)
		}
	}
}
