package weave

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/lifesign-go/lifesign/cmd/analyze"
	"github.com/lifesign-go/lifesign/cmd/gen"
	"github.com/lifesign-go/lifesign/cmd/load"
)

// model returns what there is to weave of the program, as a build before has found
// it or by loading and analyzing it.
func (b *builder) model(t *target) (k known, err error) {
	patterns := b.cfg.Patterns
	if len(b.load) > 0 {
		patterns = b.load
	}
	fingerprint, found := "", false
	var seen *snapshot
	err = b.step(Recall, func() error {
		// What is wrong with the program, loading will say.
		if fingerprint, seen, err = b.fingerprint(patterns); err != nil || isSet(flagValues(b.env, b.cfg), "a") {
			return nil
		}
		k, err = b.cache.recall(fingerprint)
		found = err == nil
		return nil
	})
	if err != nil || found {
		return k, err
	}
	if k, err = b.analyze(patterns); err == nil && fingerprint != "" {
		b.keep(fingerprint, seen, k)
	}
	return k, err
}

// keep has k kept for the next build, beside what is still to be done of this one,
// unless something has changed since the fingerprint was taken: then nobody knows of
// which program k is. Where it cannot be kept, the next build analyzes again.
func (b *builder) keep(fingerprint string, seen *snapshot, k known) {
	if !seen.same() {
		return
	}
	b.beside.Go(func() { _ = b.cache.remember(fingerprint, k) })
}

// analyze loads and analyzes the program.
func (b *builder) analyze(patterns []string) (k known, err error) {
	scope, err := analyze.ParseScope(strings.Join(b.cfg.Scope, ","))
	if err != nil {
		return known{}, err
	}
	var prog *load.Program
	err = b.step(Load, func() (err error) {
		prog, err = load.Load(b.ctx, load.Config{
			Dir:        b.cfg.Dir,
			Patterns:   patterns,
			Env:        b.tool.withoutCover(b.env).env,
			BuildFlags: loadFlags(b.cfg.BuildFlags),
		})
		return err
	})
	if err != nil {
		return known{}, err
	}
	err = b.step(Analyze, func() error {
		return abandon(b.ctx, func() (err error) {
			k.Model, err = analyze.Analyze(b.ctx, prog, analyze.Config{Scope: scope, Rules: b.cfg.Rules, Guard: b.cfg.Guard})
			return err
		})
	})
	if err != nil {
		return known{}, err
	}
	k.Modules = modulesOf(prog)
	return k, nil
}

// count counts what is woven.
func count(m *analyze.Model) Counts {
	c := Counts{Skipped: len(m.Skipped), Guards: len(m.Guards)}
	for _, p := range m.Packages {
		if len(p.Files) > 0 {
			c.Packages++
		}
		for _, f := range p.Files {
			for _, s := range f.Sites {
				if s.Kind.IsRegion() {
					c.Regions++
				} else {
					c.Operations++
				}
			}
		}
	}
	return c
}

// woven is the woven program, ready for the go command.
type woven struct {
	plan  *plan
	flags []string // for go build
	env   []string // for the go command
	args  []string // packages or files, instead of the patterns, if there are any
}

// generate writes the woven files into the temporary directory, puts what must
// stay in its place into the cache, and says how to build it all. modules are
// those of the program, by path.
func (b *builder) generate(t *target, m *analyze.Model, modules map[string]*load.Module) (*woven, error) {
	generated, err := gen.Weave(m, os.ReadFile)
	if err != nil {
		return nil, err
	}
	if !b.checks(t) {
		generated = slices.DeleteFunc(generated, func(f gen.File) bool { return f.Checks })
	}
	w, err := b.place(generated, modules)
	if err != nil {
		return nil, err
	}
	if t.files {
		w.args = append(w.args, b.cfg.Patterns...)
		dir, _ := filepath.Split(b.cfg.Patterns[0]) // all must spell it alike
		for _, f := range generated {
			if f.Added && f.Module == "" {
				w.args = append(w.args, dir+filepath.Base(f.Path))
			}
		}
	}
	if t.vendor != "" {
		if err := b.addVendored(w.plan, t.vendor); err != nil {
			return nil, err
		}
	}
	if err := b.addModule(w, t.runtime != nil); err != nil {
		return nil, err
	}
	return w, b.finish(w)
}

// checks reports whether the program gets checkers. Coverage would count their
// statements, of tests nobody asks for mimics, and a program may vendor of the
// runtime no more than it imports itself.
func (b *builder) checks(t *target) bool {
	if b.cfg.test != nil || covers(flagValues(b.env, b.cfg)) {
		return false
	}
	return t.runtime == nil || isDir(filepath.Join(t.runtime.Dir, "mimic"))
}

// place puts the generated files where the plan says.
func (b *builder) place(generated []gen.File, modules map[string]*load.Module) (*woven, error) {
	files, err := b.write(generated)
	if err != nil {
		return nil, err
	}
	w := new(woven)
	if w.plan, err = makePlan(files, modules, b.env.GOMODCACHE, b.cache.linkPath); err != nil {
		return nil, err
	}
	for _, l := range w.plan.links {
		if err := b.cache.ensureLink(l); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// write writes the generated files. They keep their last names, which cover puts
// into what it notes of them.
func (b *builder) write(generated []gen.File) ([]wovenFile, error) {
	var files []wovenFile
	for i, f := range generated {
		name := filepath.Join(b.temp, strconv.Itoa(i), filepath.Base(f.Path))
		err := os.Mkdir(filepath.Dir(name), 0o755)
		if err == nil {
			err = os.WriteFile(name, f.Data, 0o644)
		}
		if err == nil && !f.Added && covers(flagValues(b.env, b.cfg)) {
			err = writeEdits(name, f.Edits)
		}
		if err != nil {
			return nil, b.explainTemp(err)
		}
		files = append(files, wovenFile{module: f.Module, path: f.Path, temp: name})
	}
	return files, nil
}

// addModule makes the runtime module, and what the plan replaces, a part of the
// build list. With own the runtime is in it already.
func (b *builder) addModule(w *woven, own bool) (err error) {
	runtimeDir := ""
	if !own {
		if runtimeDir, err = b.cache.ensureRuntime(runtimeFiles()); err != nil {
			return err
		}
	}
	w.flags, w.env, err = b.graphFlags(w.plan, runtimeDir)
	return b.explainTemp(err)
}

// overlayFile is the name of the overlay in the temporary directory.
const overlayFile = "overlay.json"

// finish writes the overlay, and has the tools map files where they must.
func (b *builder) finish(w *woven) error {
	overlay, err := json.Marshal(map[string]any{"Replace": w.plan.overlay})
	if err != nil {
		return err
	}
	name := filepath.Join(b.temp, overlayFile)
	w.flags = append(w.flags, "-overlay="+name)
	if b.cfg.test != nil || covers(flagValues(b.env, b.cfg)) {
		flag, err := b.mapperFlag()
		if err != nil {
			return err
		}
		w.flags = append(w.flags, flag)
	}
	return b.explainTemp(os.WriteFile(name, overlay, 0o644))
}
