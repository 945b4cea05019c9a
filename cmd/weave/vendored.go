package weave

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A build that uses a vendor directory takes no other go.mod, and no overlay
// changes what the go command reads in vendor/modules.txt. So the woven program
// is built without -mod=vendor, from the very same files: each module is
// replaced by its directory in vendor, and where no package of it was needed, by
// an empty one. Nothing is looked for elsewhere.

// vendored is a module in vendor/modules.txt.
type vendored struct {
	path, version string
	goVersion     string // "" if it has no go line
	packages      int
}

// readVendor reads vendor/modules.txt, whose form the go command's vendor.go
// tells:
//
//	# example.com/module v1.2.3 [=> replacement]
//	## explicit; go 1.21
//	example.com/module/package
func readVendor(dir string) ([]vendored, error) {
	data, err := os.ReadFile(filepath.Join(dir, "modules.txt"))
	if err != nil {
		return nil, fmt.Errorf("read the list of vendored modules: %w", err)
	}
	var modules []vendored
	for _, line := range strings.Split(string(data), "\n") {
		f := strings.Fields(line)
		switch {
		case len(f) == 0:
		case f[0] == "#":
			if len(f) >= 3 && f[2] != "=>" { // else a replacement that nothing came of
				modules = append(modules, vendored{path: f[1], version: f[2]})
			}
		case len(modules) == 0: // the note that it is a workspace's
		case f[0] == "##":
			last := &modules[len(modules)-1]
			for _, note := range strings.Split(strings.TrimPrefix(line, "##"), ";") {
				if v, ok := strings.CutPrefix(strings.TrimSpace(note), "go "); ok {
					last.goVersion = v
				}
			}
		default:
			modules[len(modules)-1].packages++
		}
	}
	return modules, nil
}

// addVendored plans for the modules in the vendor directory dir. It writes their
// go.mod files, which vendor directories lack, into the temporary directory.
func (b *builder) addVendored(p *plan, dir string) error {
	modules, err := readVendor(dir)
	if err != nil {
		return err
	}
	empty, err := b.cache.ensureEmpty()
	if err != nil {
		return err
	}
	used := make(map[string]bool)
	for _, m := range modules {
		used[m.path] = used[m.path] || m.packages > 0
	}
	for i, m := range modules {
		p.requires = append(p.requires, m.path+"@"+m.version)
		if m.packages == 0 && used[m.path] {
			continue // a version that a module of the workspace asks for, and another was chosen
		}
		if m.packages == 0 {
			used[m.path] = true
			p.replaces = append(p.replaces, replace{path: m.path, dir: empty})
			continue
		}
		mod := filepath.Join(b.temp, fmt.Sprintf("vendored%d.mod", i))
		text := "module " + m.path + "\n"
		if m.goVersion != "" {
			text += "\ngo " + m.goVersion + "\n"
		}
		if err := os.WriteFile(mod, []byte(text), 0o644); err != nil {
			return b.explainTemp(err)
		}
		place := filepath.Join(dir, filepath.FromSlash(m.path))
		p.overlay[filepath.Join(place, "go.mod")] = mod
		p.replaces = append(p.replaces, replace{path: m.path, dir: place})
	}
	return nil
}
