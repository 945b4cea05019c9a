package analyze_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/lifesign-go/lifesign/cmd/analyze"
	"github.com/lifesign-go/lifesign/cmd/load"
)

func environment(more ...string) []string {
	return append(append(os.Environ(), "GOWORK=off", "GOFLAGS=", "GOPROXY=off"), more...)
}

func layoutOf(t *testing.T, env []string) string {
	t.Helper()
	prog, err := load.Load(context.Background(), load.Config{Dir: "testdata/layout", Patterns: []string{"./empty"}, Env: env})
	if err != nil {
		t.Fatal(err)
	}
	text, err := analyze.RuntimeLayout(prog)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A program looks at itself with the layout, and must find what is there.
func TestLayoutIsTheRuntimes(t *testing.T) {
	text := layoutOf(t, environment())
	cmd := exec.Command("go", "run", ".", text)
	cmd.Dir, cmd.Env = "testdata/layout", environment()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if len(out) > 0 {
		t.Errorf("the layout is not that of the runtime:\n%s%s", out, text)
	}
}

// Nothing in the layout is of the machine it is computed on.
func TestLayoutOfAnotherTarget(t *testing.T) {
	text := layoutOf(t, environment("GOARCH=386", "CGO_ENABLED=0"))
	f := strings.Fields(text)
	if len(f) < 2 || f[1] != "386" {
		t.Fatalf("layout begins %.40q, want a version and 386", text)
	}
	for _, want := range []string{"g.stack.lo=0", "g.stack.hi=4", "Mutex.state=0", "Mutex.size=8", "RWMutex.size=24"} {
		if !strings.Contains(text+" ", " "+want+" ") {
			t.Errorf("layout of 386 has no %s: %s", want, text)
		}
	}
}
