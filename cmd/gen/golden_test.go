package gen_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/lifesign-go/lifesign/cmd/analyze"
	"github.com/lifesign-go/lifesign/cmd/gen"
	"github.com/lifesign-go/lifesign/cmd/load"
)

var update = flag.Bool("update", false, "rewrite the golden parts of testdata/*.txtar")

// The files of each archive of testdata are a directory of one module, golden,
// that is loaded and analysed once for all tests: an archive with a go.mod of
// its own is a module beside it, in scope if its path begins with example.com. The files below want/ are what is to come out.
// In them $DIR is the module's directory and LAYOUT the runtime's layout,
// REACH the table of who could serve whom.

const want = "want/"

// world is the module golden, woven.
type world struct {
	dir      string
	archives map[string]*txtar.Archive // by name
	model    *analyze.Model
	guarded  *analyze.Model // with guards; what comes out for archives whose names begin with guard is of it
	files    []gen.File
	err      error
}

var weaveOnce = sync.OnceValue(func() *world {
	w := &world{archives: make(map[string]*txtar.Archive)}
	w.err = w.weave()
	return w
})

func woven(t *testing.T) *world {
	t.Helper()
	w := weaveOnce()
	if w.err != nil {
		t.Fatal(w.err)
	}
	return w
}

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if w := weaveOnce(); w.dir != "" {
		os.RemoveAll(w.dir)
	}
	if wovenDir != "" {
		os.RemoveAll(wovenDir)
	}
	os.Exit(code)
}

// environment is that of the go command for modules that tests make.
func environment() []string {
	return append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off")
}

func (w *world) weave() error {
	dir, err := os.MkdirTemp("", "lifesign-golden-")
	if err != nil {
		return err
	}
	if w.dir, err = filepath.EvalSymlinks(dir); err != nil {
		return err
	}
	patterns, err := w.lay()
	if err != nil {
		return err
	}
	prog, err := load.Load(context.Background(), load.Config{Dir: w.dir, Patterns: patterns, Env: environment()})
	if err != nil {
		return err
	}
	scope, err := analyze.ParseScope("golden/...,example.com/...")
	if err != nil {
		return err
	}
	rules, err := w.rules()
	if err != nil {
		return err
	}
	if w.model, err = analyze.Analyze(context.Background(), prog, analyze.Config{Scope: scope, Rules: rules}); err != nil {
		return err
	}
	if w.guarded, err = analyze.Analyze(context.Background(), prog, analyze.Config{Scope: scope, Rules: rules, Guard: true}); err != nil {
		return err
	}
	for _, m := range []*analyze.Model{w.model, w.guarded} {
		files, err := gen.Weave(m, os.ReadFile)
		if err != nil {
			return err
		}
		for _, f := range files {
			if isGuard := strings.HasPrefix(f.Path, filepath.Join(w.dir, "guard")); isGuard == (m == w.guarded) {
				w.files = append(w.files, f)
			}
		}
	}
	return nil
}

// rules returns the rules of the archive that is about them.
func (w *world) rules() (analyze.Rules, error) {
	path := filepath.Join(w.dir, "rules", "user.rules")
	text, err := os.ReadFile(path)
	if err != nil {
		return analyze.Rules{}, err
	}
	return analyze.ParseRules(path, string(text))
}

// lay writes the archives' files and returns what to load.
func (w *world) lay() (patterns []string, err error) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("no archives in testdata: %v", err)
	}
	mod := "module golden\n\ngo 1.26\n"
	patterns = []string{"./..."}
	for _, name := range names {
		a, err := txtar.ParseFile(name)
		if err != nil {
			return nil, err
		}
		name = strings.TrimSuffix(filepath.Base(name), ".txtar")
		w.archives[name] = a
		for _, f := range a.Files {
			if strings.HasPrefix(f.Name, want) {
				continue
			}
			if f.Name == "go.mod" {
				path := strings.Fields(string(f.Data))[1] // of its module line, the first
				mod += fmt.Sprintf("\nrequire %s v1.0.0\n\nreplace %[1]s => ./%s\n", path, name)
				if strings.HasPrefix(path, "example.com/") {
					patterns = append(patterns, path)
				}
			}
			if err := write(filepath.Join(w.dir, name, f.Name), disguise(f.Name, f.Data)); err != nil {
				return nil, err
			}
		}
	}
	return patterns, write(filepath.Join(w.dir, "go.mod"), []byte(mod))
}

// disguise gives a file named crlf.go the line ends that it is about, which an
// archive had better not have.
func disguise(name string, data []byte) []byte {
	if filepath.Base(name) == "crlf.go" {
		return bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n"))
	}
	return data
}

func write(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o666)
}

func TestGolden(t *testing.T) {
	w := woven(t)
	for name, a := range w.archives {
		t.Run(name, func(t *testing.T) {
			got := w.output(name)
			if *update {
				rewriteArchive(t, name, a, got)
				return
			}
			wants := make(map[string]string)
			for _, f := range a.Files {
				if strings.HasPrefix(f.Name, want) {
					wants[f.Name] = string(f.Data)
				}
			}
			for _, f := range got {
				if w, ok := wants[f.Name]; !ok {
					t.Errorf("%s comes out, which the archive does not have (-update adds it)", f.Name)
				} else if w != string(f.Data) {
					t.Errorf("%s differs (-update accepts it):\n%s", f.Name, difference(w, string(f.Data)))
				}
				delete(wants, f.Name)
			}
			for name := range wants {
				t.Errorf("%s does not come out", name)
			}
		})
	}
}

// output returns what came out for an archive.
func (w *world) output(name string) []txtar.File {
	dir := filepath.Join(w.dir, name)
	in := func(path string) bool { return strings.HasPrefix(path, dir+string(filepath.Separator)) }
	var out []txtar.File
	add := func(name, text string) {
		text = strings.ReplaceAll(strings.ReplaceAll(text, w.dir, "$DIR"), "\r\n", "\n")
		text = strings.ReplaceAll(text, w.model.Runtime, "LAYOUT")
		text = strings.ReplaceAll(text, fmt.Sprintf("%q", w.model.Reach), "REACH")
		out = append(out, txtar.File{Name: want + name, Data: []byte(text)})
	}
	for _, f := range w.files {
		if in(f.Path) {
			add(strings.TrimPrefix(filepath.ToSlash(f.Path), filepath.ToSlash(dir)+"/"), string(f.Data))
		}
	}
	m := w.model
	if strings.HasPrefix(name, "guard") {
		m = w.guarded
	}
	var regions, skipped, guards strings.Builder
	for _, g := range m.Guards {
		if in(g.Place) {
			fmt.Fprintf(&guards, "%s: %s: %s\n", g.Place, g.What, g.Why)
		}
	}
	for _, r := range m.Regions {
		if in(r.Site.File) {
			fmt.Fprintf(&regions, "%s: %s\n", r.Site.Place(), r.Why)
			for _, s := range r.Chain {
				fmt.Fprintf(&regions, "\t%s %s\n", s.Place, s.Func)
			}
		}
	}
	for _, s := range m.Skipped {
		if in(s.Place) {
			fmt.Fprintf(&skipped, "%s: %s: %s\n", s.Place, s.What, s.Why)
		}
	}
	mimics := ""
	if strings.HasPrefix(name, "capture") {
		mimics = w.mimics(in)
	}
	for name, text := range map[string]string{"regions": regions.String(), "skipped": skipped.String(), "guards": guards.String(), "mimics": mimics, "dropped": w.dropped(in)} {
		if text != "" {
			add(name, text)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// mimics returns which operations have a mimic, and why the others have none.
func (w *world) mimics(in func(path string) bool) string {
	var out strings.Builder
	for _, p := range w.model.Packages {
		for _, f := range p.Files {
			for _, s := range f.Sites {
				if in(f.Path) && !s.Kind.IsRegion() {
					fmt.Fprintf(&out, "%s: %s: %s%s\n", s.Place(), s.Object, s.Deed, s.NoMimic)
				}
			}
		}
	}
	return out.String()
}

// dropped returns which operations are in no checker, and why, by region, for the
// archives that are about checkers.
func (w *world) dropped(in func(path string) bool) string {
	if !in(filepath.Join(w.dir, "checkers", "chain.go")) {
		return ""
	}
	var out strings.Builder
	list := func(of string, dropped []analyze.Dropped) {
		for _, d := range dropped {
			if in(d.Place) {
				fmt.Fprintf(&out, "%s: %s: %s: %s\n", of, d.Place, d.What, d.Why)
			}
		}
	}
	for _, r := range w.model.Reductions {
		list(r.Region.Place(), r.Dropped)
	}
	list("none", w.model.Unreduced)
	return out.String()
}

func rewriteArchive(t *testing.T, name string, a *txtar.Archive, got []txtar.File) {
	t.Helper()
	var files []txtar.File
	for _, f := range a.Files {
		if !strings.HasPrefix(f.Name, want) {
			files = append(files, f)
		}
	}
	a.Files = append(files, got...)
	if err := os.WriteFile(filepath.Join("testdata", name+".txtar"), txtar.Format(a), 0o666); err != nil {
		t.Fatal(err)
	}
}

// difference returns the lines in which two texts differ.
func difference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	var out strings.Builder
	for i := 0; i < len(w) || i < len(g); i++ {
		a, b := "", ""
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			fmt.Fprintf(&out, "line %d\n got %s\nwant %s\n", i+1, b, a)
		}
	}
	return out.String()
}
