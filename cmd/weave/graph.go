package weave

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// graphFlags writes a copy of the program's module graph into the temporary
// directory, with the plan's replacements and the runtime module in it, and returns what makes a
// go command use the copy. runtimeDir is "" if the program has the runtime
// module itself. Everything else in the graph stays as it is: its versions,
// its go and toolchain lines.
func (b *builder) graphFlags(p *plan, runtimeDir string) (flags, environ []string, err error) {
	if b.env.GOWORK != "" {
		file := filepath.Join(b.temp, "go.work")
		if err := writeWork(b.ctx, b.tool, b.env.GOWORK, p, runtimeDir, file); err != nil {
			return nil, nil, err
		}
		return []string{"-mod=readonly"}, []string{"GOWORK=" + file}, nil
	}
	file := filepath.Join(b.temp, "go.mod")
	mod, sums := modFile(b.env, b.cfg)
	if err := copyFile(mod, file); err != nil {
		return nil, nil, err
	}
	if err := copyFile(sums, filepath.Join(b.temp, "go.sum")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	args := []string{"mod", "edit"}
	for _, r := range p.requires {
		args = append(args, "-require="+r, "-dropreplace="+r)
	}
	for _, r := range p.replaces {
		args = append(args, fmt.Sprintf("-replace=%s=%s", r.old(), r.dir))
	}
	if runtimeDir != "" {
		args = append(args, "-require="+runtimeModule+"@v0.0.0", "-replace="+runtimeModule+"="+runtimeDir)
	}
	if len(args) > 2 {
		if _, err := b.tool.output(b.ctx, append(args, file)...); err != nil {
			return nil, nil, fmt.Errorf("edit a copy of %s: %w", mod, err)
		}
	}
	flags = []string{"-modfile=" + file}
	if len(p.requires) > 0 {
		flags = append(flags, "-mod=mod") // and not vendor; what it changes is the copy
	}
	return flags, nil, nil
}

// old is what r replaces, as go mod edit names it.
func (r replace) old() string { return strings.TrimSuffix(r.path+"@"+r.version, "@") }

// workFile is the part of go work edit -json that writeWork needs.
type workFile struct {
	Use     []struct{ DiskPath string }
	Replace []struct {
		Old struct{ Path, Version string }
		New struct{ Path, Version string }
	}
}

// writeWork writes a copy of the workspace file work to file. The runtime
// module is used like one of the workspace's own. Relative paths are made
// absolute, for the copy stands elsewhere.
func writeWork(ctx context.Context, g goTool, work string, p *plan, runtimeDir, file string) error {
	out, err := g.output(ctx, "work", "edit", "-json", work)
	if err != nil {
		return err
	}
	var w workFile
	if err := json.Unmarshal(out, &w); err != nil {
		return fmt.Errorf("read the output of go work edit: %w", err)
	}
	if err := copyFile(work, file); err != nil {
		return err
	}
	if err := copyFile(work+".sum", file+".sum"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	drop, add := w.changes(filepath.Dir(work), p, runtimeDir)
	if len(drop) > 0 {
		if _, err := g.output(ctx, append(append([]string{"work", "edit"}, drop...), file)...); err != nil {
			return fmt.Errorf("edit a copy of %s: %w", work, err)
		}
	}
	// go work edit takes an @ in a directory's name for a version, so the new
	// lines are written without it.
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(strings.Join(add, ""))
	return errors.Join(err, f.Close())
}

// changes returns the flags of go work edit that drop what is changed, and the
// lines that come in its place.
func (w workFile) changes(dir string, p *plan, runtimeDir string) (drop, add []string) {
	absolute := func(path string) string {
		if filepath.IsAbs(path) {
			return path
		}
		return filepath.Join(dir, path)
	}
	for _, u := range w.Use {
		drop = append(drop, "-dropuse="+u.DiskPath)
		add = append(add, fmt.Sprintf("\nuse %q", absolute(u.DiskPath)))
	}
	moved := make(map[string]bool)
	for _, r := range p.replaces {
		moved[r.old()] = true
	}
	for _, r := range p.requires {
		moved[r] = true
	}
	for _, r := range w.Replace {
		old := strings.TrimSuffix(r.Old.Path+"@"+r.Old.Version, "@")
		if moved[old] {
			drop = append(drop, "-dropreplace="+old)
		} else if r.New.Version == "" {
			drop = append(drop, "-dropreplace="+old)
			add = append(add, fmt.Sprintf("\nreplace %s %s => %q", r.Old.Path, r.Old.Version, absolute(r.New.Path)))
		}
	}
	for _, r := range p.replaces {
		add = append(add, fmt.Sprintf("\nreplace %s %s => %q", r.path, r.version, r.dir))
	}
	if runtimeDir != "" {
		add = append(add, fmt.Sprintf("\nuse %q", runtimeDir))
	}
	return drop, append(add, "\n")
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o644)
}
