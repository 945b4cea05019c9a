package observe

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/lifesign-go/lifesign/event"
)

// TestFramesAgreeWithTheRuntime asks a program about addresses all over its
// code, and the tables in its file.
func TestFramesAgreeWithTheRuntime(t *testing.T) {
	s := framesSymbols(t)
	var pcs []uint64
	var in strings.Builder
	for _, fn := range s.table.Funcs {
		for pc := fn.Entry + 1; pc+1 < fn.End; pc += 1 + (fn.End-fn.Entry)/7 {
			pcs = append(pcs, pc+1)
			fmt.Fprintln(&in, pc+1)
		}
	}
	inlined, total := 0, 0
	for i, want := range runFrames(t, in.String())[1:] {
		frames := s.Frames(pcs[i])
		if len(frames) == 0 || strings.HasPrefix(want, "\t") || strings.HasSuffix(want, "\t?\t0") {
			continue // an address between functions, or of no line
		}
		total++
		if len(frames) > 1 {
			inlined++
		}
		f := frames[0]
		if got := fmt.Sprintf("%s\t%s\t%d", forPrint(f.Func), f.File, f.Line); got != want {
			t.Fatalf("at %#x: %q, the runtime says %q", pcs[i], got, want)
		}
	}
	if total < 5000 || inlined < 500 {
		t.Errorf("only %d addresses, %d of them in inlined functions", total, inlined)
	}
}

// forPrint leaves type arguments away, as the runtime does (funcNameForPrint).
func forPrint(name string) string {
	i, j := strings.IndexByte(name, '['), strings.LastIndexByte(name, ']')
	if i < 0 || j <= i {
		return name
	}
	return name[:i] + "[...]" + name[j+1:]
}

// TestInlinedCallers checks the whole row of inlined functions at a call.
func TestInlinedCallers(t *testing.T) {
	s := framesSymbols(t)
	var main, ret uint64
	if _, err := fmt.Sscan(runFrames(t, "")[0], &main, &ret); err != nil {
		t.Fatal(err)
	}
	if s.bias = main - s.table.LookupFunc("main.main").Entry; s.bias != 0 {
		t.Logf("loaded at a bias of %#x", s.bias)
	}
	var got []string
	var lines []int
	for _, f := range s.Frames(ret) {
		got = append(got, f.Func)
		lines = append(lines, f.Line)
	}
	if want := []string{"main.innermost", "main.between", "main.outermost"}; !reflect.DeepEqual(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	if lines[0]-lines[1] != 2 || lines[1] <= lines[2] {
		t.Errorf("lines %v are not those of the calls", lines)
	}
}

func framesSymbols(t *testing.T) *symbols {
	t.Helper()
	s, err := loadSymbols(filepath.Join(binDir, "frames"), 0)
	if err != nil {
		t.Fatal(err)
	}
	s.rename = func(file string) string { return file }
	return s
}

// runFrames returns what testdata/frames writes, by line.
func runFrames(t *testing.T, in string) []string {
	t.Helper()
	cmd := exec.Command(filepath.Join(binDir, "frames"))
	cmd.Stdin = strings.NewReader(in)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
}

// TestStrippedProgramsHaveOuterFrames checks that a program without a symbol
// table still has its functions named.
func TestStrippedProgramsHaveOuterFrames(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "stripped")
	if out, err := exec.Command("go", "build", "-ldflags=-s -w", "-o", bin, "./testdata/frames").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s, err := loadSymbols(bin, 0)
	if err != nil {
		t.Fatal(err)
	}
	s.rename = func(file string) string { return file }
	fn := s.table.LookupFunc("main.outermost")
	if fn == nil {
		t.Fatal("no main.outermost")
	}
	got := s.Frames(fn.Entry + 1)
	if len(got) != 1 || got[0].Func != "main.outermost" || filepath.Base(got[0].File) != "main.go" {
		t.Errorf("got %+v", []event.Frame(got))
	}
}
