package weave

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/lifesign-go/lifesign/cmd/analyze"
	"github.com/lifesign-go/lifesign/cmd/gen"
	"github.com/lifesign-go/lifesign/cmd/load"
	"github.com/lifesign-go/lifesign/event"
)

// model loads and analyzes the program. modules are those it is built from, by
// path.
func (b *builder) model(t *target) (m *analyze.Model, modules map[string]*load.Module, err error) {
	scope, err := analyze.ParseScope(strings.Join(b.cfg.Scope, ","))
	if err != nil {
		return nil, nil, err
	}
	var prog *load.Program
	err = b.step(Load, func() (err error) {
		prog, err = load.Load(b.ctx, load.Config{
			Dir:        b.cfg.Dir,
			Patterns:   []string{t.path},
			Env:        b.tool.env,
			BuildFlags: b.cfg.buildFlags(),
			Main:       true,
		})
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	err = b.step(Analyze, func() error {
		return abandon(b.ctx, func() (err error) {
			m, err = analyze.Analyze(b.ctx, prog, analyze.Config{Scope: scope})
			return err
		})
	})
	if err != nil {
		return nil, nil, err
	}
	modules = make(map[string]*load.Module)
	for _, p := range prog.Packages {
		if p.Module != nil {
			modules[p.Module.Path] = p.Module
		}
	}
	return m, modules, nil
}

// count counts what is woven.
func count(m *analyze.Model) Counts {
	c := Counts{Packages: len(m.Packages), Skipped: len(m.Skipped)}
	for _, p := range m.Packages {
		for _, f := range p.Files {
			for _, s := range f.Sites {
				if s.Kind == event.Region {
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
}

// place writes the generated files into the temporary directory, puts what must
// stay in its place into the cache, and says how to build it all. With own the
// program has the runtime module already. modules are those of the program, by
// path.
func (b *builder) place(generated []gen.File, modules map[string]*load.Module, own bool) (*woven, error) {
	var files []wovenFile
	for i, f := range generated {
		name := filepath.Join(b.temp, fmt.Sprintf("%d_%s", i, filepath.Base(f.Path)))
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			return nil, b.explainTemp(err)
		}
		files = append(files, wovenFile{module: f.Module, path: f.Path, temp: name})
	}
	w := new(woven)
	var err error
	if w.plan, err = makePlan(files, modules, b.env.GOMODCACHE, b.cache.linkPath); err != nil {
		return nil, err
	}
	for _, l := range w.plan.links {
		if err := b.cache.ensureLink(l); err != nil {
			return nil, err
		}
	}
	runtimeDir := ""
	if !own {
		if runtimeDir, err = b.cache.ensureRuntime(runtimeFiles()); err != nil {
			return nil, err
		}
	}
	if w.flags, w.env, err = graphFlags(b.ctx, b.tool, b.env, w.plan, runtimeDir, b.temp); err != nil {
		return nil, b.explainTemp(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": w.plan.overlay})
	if err != nil {
		return nil, err
	}
	name := filepath.Join(b.temp, "overlay.json")
	w.flags = append(w.flags, "-overlay="+name)
	return w, b.explainTemp(os.WriteFile(name, overlay, 0o644))
}
