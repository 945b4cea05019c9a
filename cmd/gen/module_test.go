package gen_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

const runtimeModule = "github.com/lifesign-go/lifesign"

// wovenDir is what TestMain takes away.
var wovenDir string

// wovenOnce is the module golden, woven, in a directory of its own, with the
// real hook package.
var wovenOnce = sync.OnceValues(func() (dir string, err error) {
	w := weaveOnce()
	if w.err != nil {
		return "", w.err
	}
	if dir, err = os.MkdirTemp("", "lifesign-woven-"); err != nil {
		return "", err
	}
	wovenDir = dir
	if err = os.CopyFS(dir, os.DirFS(w.dir)); err != nil {
		return dir, err
	}
	for _, f := range w.files {
		rel, err := filepath.Rel(w.dir, f.Path)
		if err != nil {
			return dir, err
		}
		if err := os.WriteFile(filepath.Join(dir, rel), f.Data, 0o666); err != nil {
			return dir, err
		}
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		return dir, err
	}
	cmd := exec.Command("go", "mod", "edit", "-require", runtimeModule+"@v0.0.0", "-replace", runtimeModule+"@v0.0.0="+root)
	cmd.Dir, cmd.Env = dir, environment()
	return dir, cmd.Run()
})

func wovenModule(t *testing.T) string {
	t.Helper()
	dir, err := wovenOnce()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// goRun runs the go command and returns what it, or the program it runs,
// prints.
func goRun(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = dir, environment()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.ReplaceAll(string(out), dir, "$DIR")
}
