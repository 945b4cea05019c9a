package weave

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/lifesign-go/lifesign/cmd/load"
)

// plan says how the woven files get into a build. It is made without touching
// anything.
//
// A file of the main module, or of a dependency that is replaced by a
// directory, is overlaid where it is. The go command refuses overlays beneath
// the module cache, so a dependency from there is replaced by a symbolic link
// to its directory there, and the overlay names the path through the link.
// That way the package's other files, embedded ones and those that cgo and
// the assembler read, are really there.
type plan struct {
	files    []wovenFile
	links    []link
	replaces []replace
	requires []string          // path@version, to be added
	overlay  map[string]string // path in the build → file with its content
}

// replace is a line of go.mod. Without a version it is for all of them.
type replace struct{ path, version, dir string }

// link is a symbolic link to a module in the module cache.
type link struct {
	path   string // at a stable place, so that a rebuild hits the build cache
	target string // in the module cache
}

// wovenFile is a file of the woven program.
type wovenFile struct {
	module string // path of the module it belongs to, "" if it is outside of all
	path   string // where it stands in the plain program
	temp   string // the file that holds its content
}

// makePlan plans for files, which are of the given modules. linkPath chooses
// the path of the link to a directory of the module cache at modCache.
func makePlan(files []wovenFile, modules map[string]*load.Module, modCache string, linkPath func(relative, target string) string) (*plan, error) {
	p := &plan{files: files, overlay: make(map[string]string)}
	moved := make(map[string]link) // by module path
	for _, f := range files {
		if f.module == "" { // named on the command line
			p.overlay[f.path] = f.temp
			continue
		}
		m := modules[f.module]
		if m == nil {
			return nil, fmt.Errorf("weave %s: the build has no module %q", f.path, f.module)
		}
		relative, cached := beneath(modCache, m.Dir)
		if !cached {
			p.overlay[f.path] = f.temp
			continue
		}
		l, ok := moved[m.Path]
		if !ok {
			l = link{linkPath(relative, m.Dir), m.Dir}
			moved[m.Path] = l
			p.add(m, l)
		}
		name, ok := beneath(l.target, f.path)
		if !ok {
			return nil, fmt.Errorf("weave %s: it is outside of its module's directory %s", f.path, l.target)
		}
		p.overlay[filepath.Join(l.path, name)] = f.temp
	}
	return p, nil
}

// add plans the replacement of m by l.
func (p *plan) add(m *load.Module, l link) {
	p.links = append(p.links, l)
	p.replaces = append(p.replaces, replace{m.Path, m.Version, l.path})
	// A directory that replaces a module must have a go.mod, and not every module
	// in the cache has one. The go command keeps the one that counts beside it.
	p.overlay[filepath.Join(l.path, "go.mod")] = m.GoMod
}

// pathPattern finds absolute paths, and relative ones as the go command writes
// them, at the beginning of a word.
var pathPattern = regexp.MustCompile(`(?m)(^|[\s(])((?:\.{1,2})?/[^\s:()]+)`)

// original returns text, which a go command printed that ran in dir, with the
// paths of woven files and links turned back into those of the plain program.
func (p *plan) original(text, dir string) string {
	if p == nil {
		return text // nothing is woven
	}
	return pathPattern.ReplaceAllStringFunc(text, func(word string) string {
		before := word[:strings.IndexAny(word, "./")]
		path := word[len(before):]
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		for _, f := range p.files {
			if f.temp == path {
				return before + f.path
			}
		}
		for _, l := range p.links {
			if name, ok := beneath(l.path, path); ok {
				return before + filepath.Join(l.target, name)
			}
		}
		return word
	})
}

// beneath returns path relative to dir, and whether it is dir or beneath it.
func beneath(dir, path string) (string, bool) {
	r, err := filepath.Rel(dir, path)
	return r, err == nil && filepath.IsLocal(r)
}
