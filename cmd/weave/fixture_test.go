package weave

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/tools/txtar"
)

// world is what the tests' builds share: a module proxy of files, a module
// cache that is filled from it, and a cache of lifesign's. No network is used.
type world struct {
	modCache string
	cache    string
	env      []string
}

var shared world

func TestMain(m *testing.M) {
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "weave-test-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	temp := filepath.Join(dir, "tmp")
	if err := os.Mkdir(temp, 0o755); err != nil {
		panic(err)
	}
	os.Setenv("TMPDIR", temp)
	proxy := filepath.Join(dir, "proxy")
	if err := writeProxy(proxy, "testdata/modules.txtar"); err != nil {
		panic(err)
	}
	shared = world{modCache: filepath.Join(dir, "mod"), cache: filepath.Join(dir, "cache of lifesign")} // spaces and all
	shared.env = append(os.Environ(),
		"GOPROXY=file://"+proxy, "GOSUMDB=off", "GOMODCACHE="+shared.modCache,
		"GOFLAGS=-modcacherw", "GOWORK=", "GOTOOLCHAIN=local")
	return m.Run()
}

// writeProxy writes a module proxy's tree of the modules in a txtar file, in
// which a module's files stand under PATH@VERSION/.
func writeProxy(dir, archive string) error {
	a, err := txtar.ParseFile(archive)
	if err != nil {
		return err
	}
	modules := make(map[string][]txtar.File)
	for _, f := range a.Files {
		at := strings.Index(f.Name, "@")
		slash := at + strings.Index(f.Name[at:], "/")
		modules[f.Name[:slash]] = append(modules[f.Name[:slash]], f)
	}
	for name, files := range modules {
		path, version, _ := strings.Cut(name, "@")
		base := filepath.Join(dir, escape(path), "@v", version)
		if err := os.MkdirAll(filepath.Dir(base), 0o755); err != nil {
			return err
		}
		mod := []byte("module " + path + "\n")
		for _, f := range files {
			if f.Name == name+"/go.mod" {
				mod = f.Data
			}
		}
		if err := os.WriteFile(base+".mod", mod, 0o644); err != nil {
			return err
		}
		info := fmt.Sprintf(`{"Version":%q,"Time":"2024-01-02T03:04:05Z"}`, version)
		if err := os.WriteFile(base+".info", []byte(info), 0o644); err != nil {
			return err
		}
		if err := writeZip(base+".zip", files); err != nil {
			return err
		}
	}
	return nil
}

func writeZip(name string, files []txtar.File) error {
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	defer out.Close()
	z := zip.NewWriter(out)
	for _, f := range files {
		w, err := z.Create(f.Name)
		if err != nil {
			return err
		}
		if _, err := w.Write(f.Data); err != nil {
			return err
		}
	}
	return z.Close()
}

// escape writes capital letters of a module path as the module cache does.
func escape(path string) string {
	var b strings.Builder
	for _, r := range path {
		if unicode.IsUpper(r) {
			b.WriteByte('!')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// program writes the program in testdata/NAME.txtar into a new directory, has
// its go.sum made, and returns the directory.
func program(t *testing.T, name string) string {
	t.Helper()
	a, err := txtar.ParseFile(filepath.Join("testdata", name+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var modules []string
	for _, f := range a.Files {
		name := filepath.Join(dir, f.Name)
		write(t, name, string(f.Data))
		if filepath.Base(name) == "go.mod" {
			modules = append(modules, filepath.Dir(name))
		}
	}
	for _, m := range modules {
		goRun(t, m, "mod", "tidy", "-e")
	}
	return dir
}

func write(t *testing.T, name, data string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
}

// goRun runs the go command in dir and returns its output.
func goRun(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = dir, append(shared.env, "PWD="+dir, "GOWORK=off")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// config is a configuration that builds the program in dir with the shared
// world.
func (w world) config(dir string) Config {
	return Config{Dir: dir, Main: true, Output: "woven", Env: w.env, CacheDir: w.cache}
}

// build weaves and fails the test if that fails or anything but the binary is
// left in the directories that Build must not change.
func build(t *testing.T, cfg Config) Result {
	t.Helper()
	before := treeSum(t, cfg.Dir)
	r, err := Build(context.Background(), cfg)
	if err != nil {
		t.Fatalf("build: %v", err)
	}
	if after := treeSum(t, cfg.Dir, r.Binary); after != before {
		t.Errorf("the tree changed from\n%s\nto\n%s", before, after)
	}
	checkTemp(t)
	return r
}

// checkTemp fails the test if a build has left something in the temporary
// directory.
func checkTemp(t *testing.T) {
	t.Helper()
	for _, pattern := range []string{"lifesign-build-*", "go-build*"} {
		left, err := filepath.Glob(filepath.Join(os.TempDir(), pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range left {
			t.Errorf("%s is left behind", l)
		}
	}
}

// treeSum describes every file beneath dir but those excluded.
func treeSum(t *testing.T, dir string, exclude ...string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		for _, e := range exclude {
			if path == e {
				return nil
			}
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s %s", path, info.Mode())
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, " %x %d", sha256.Sum256(data), info.ModTime().UnixNano())
		}
		b.WriteByte('\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// run runs a binary and returns all it prints.
func run(t *testing.T, binary string, args ...string) string {
	t.Helper()
	out, err := exec.Command(binary, args...).CombinedOutput()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		t.Fatal(err)
	}
	return string(out)
}

// places returns the lines of a crash report that say where its goroutine was.
func places(report string) string {
	lines := regexp.MustCompile(`(?m)^\t(.+\.go:\d+)`).FindAllStringSubmatch(report, -1)
	var out []string
	for _, l := range lines {
		if !strings.Contains(l[1], "/src/runtime/") {
			out = append(out, l[1])
		}
	}
	return strings.Join(out, "\n")
}
