package observe

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/cmd/analyze"
	"github.com/lifesign-go/lifesign/cmd/load"
	"github.com/lifesign-go/lifesign/internal/page"
	"github.com/lifesign-go/lifesign/internal/sample"
)

type (
	Sampler = sample.Sampler
	Wanted  = sample.Wanted
)

// binDir is where the programs in testdata are built, once for all tests.
var binDir string

func TestMain(m *testing.M) {
	if pid := os.Getenv(asAnother); pid != "" {
		os.Exit(seeAsAnother(pid))
	}
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "observe-test-")
		if err == nil {
			defer os.RemoveAll(dir)
			binDir = dir
			var out []byte
			out, err = exec.Command("go", "build", "-o", dir, "./testdata/hooked", "./testdata/frames", "./testdata/threads").CombinedOutput()
			os.Stderr.Write(out)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 2
		}
		return m.Run()
	}())
}

// hooked starts testdata/hooked with a page and returns when it is ready.
func hooked(t testing.TB, env ...string) (*Sampler, *os.Process) {
	t.Helper()
	return program(t, "hooked", env...)
}

// program starts a program in binDir.
func program(t testing.TB, name string, more ...string) (*Sampler, *os.Process) {
	t.Helper()
	layout, err := runtimeLayout()
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPage(time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	env, release, err := p.Inherit()
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	var sites []byte
	for _, s := range hookedSites {
		sites = page.AppendSite(sites, s)
	}
	cmd := exec.Command(filepath.Join(binDir, name))
	cmd.Env = append(cmd.Environ(), env, "LAYOUT="+layout, "SITES="+string(sites))
	cmd.Env = append(cmd.Env, more...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("it says %q, %v", line, err)
	}
	s, err := NewSampler(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s, cmd.Process
}

// runtimeLayout computes the layout of the toolchain that runs the tests.
var runtimeLayout = sync.OnceValues(func() (string, error) {
	prog, err := load.Load(context.Background(), load.Config{Patterns: []string{"./testdata/hooked"}})
	if err != nil {
		return "", err
	}
	return analyze.RuntimeLayout(prog)
})
