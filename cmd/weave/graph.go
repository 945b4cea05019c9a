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

// graphFlags writes a copy of the program's module graph into temp, with the
// plan's replacements and the runtime module in it, and returns what makes a
// go command use the copy. runtimeDir is "" if the program has the runtime
// module itself. Everything else in the graph stays as it is: its versions,
// its go and toolchain lines.
func graphFlags(ctx context.Context, g goTool, env goEnv, p *plan, runtimeDir, temp string) (flags, environ []string, err error) {
	if env.GOWORK != "" {
		file := filepath.Join(temp, "go.work")
		if err := writeWork(ctx, g, env.GOWORK, p, runtimeDir, file); err != nil {
			return nil, nil, err
		}
		return nil, []string{"GOWORK=" + file}, nil
	}
	file := filepath.Join(temp, "go.mod")
	if err := copyFile(env.GOMOD, file); err != nil {
		return nil, nil, err
	}
	sums := filepath.Join(filepath.Dir(env.GOMOD), "go.sum")
	if err := copyFile(sums, filepath.Join(temp, "go.sum")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	args := []string{"mod", "edit"}
	for _, r := range p.replaces {
		args = append(args, fmt.Sprintf("-replace=%s@%s=%s", r.path, r.version, r.dir))
	}
	if runtimeDir != "" {
		args = append(args, "-require="+runtimeModule+"@v0.0.0", "-replace="+runtimeModule+"="+runtimeDir)
	}
	if len(args) > 2 {
		if _, err := g.output(ctx, append(args, file)...); err != nil {
			return nil, nil, fmt.Errorf("edit a copy of %s: %w", env.GOMOD, err)
		}
	}
	return []string{"-modfile=" + file}, nil, nil
}

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
		moved[r.path+"@"+r.version] = true
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
