package gen_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Capturing must leave the program's variables where they are. What the compiler
// says of the plain program and of the woven one is compared by line and
// variable; AllocsPerRun in the program sees the rest.
func TestCapturesMoveNothingToTheHeap(t *testing.T) {
	w, dir := woven(t), wovenModule(t)
	plain, hooked := escapes(t, w.dir), escapes(t, dir)
	if len(plain) == 0 || len(hooked) == 0 {
		t.Fatalf("the compiler says nothing: plain %q, woven %q", plain, hooked)
	}
	for _, line := range hooked {
		if !slices.Contains(plain, line) {
			t.Errorf("only where it is woven: %s", line)
		}
	}
	plainOut, wovenOut := goRun(t, w.dir, "run", "./captureheap"), goRun(t, dir, "run", "./captureheap")
	if plainOut != wovenOut {
		t.Errorf("allocations: plain %q, woven %q", plainOut, wovenOut)
	}
}

// columns are those of the compiler's messages: the woven ones are others.
var columns = regexp.MustCompile(`(heap\.go:\d+):\d+: `)

// escapes returns what the compiler says is put on the heap in the archive
// captureheap.
func escapes(t *testing.T, dir string) (lines []string) {
	t.Helper()
	for _, line := range strings.Split(goRun(t, dir, "build", "-gcflags=-m", "-o", t.TempDir(), "./captureheap"), "\n") {
		if strings.Contains(line, "heap.go:") && (strings.Contains(line, "moved to heap") || strings.Contains(line, "escapes to heap")) {
			lines = append(lines, columns.ReplaceAllString(line, "$1: "))
		}
	}
	return lines
}
