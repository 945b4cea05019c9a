package weave

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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
		args = append(args, "-replace="+r)
	}
	if runtimeDir != "" {
		args = append(args, "-require="+runtimeModule+"@v0.0.0", "-replace="+runtimeModule+"="+runtimeDir)
	}
	if _, err := g.output(ctx, append(args, file)...); err != nil {
		return nil, nil, fmt.Errorf("edit a copy of %s: %w", env.GOMOD, err)
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
	absolute := func(path string) string {
		if filepath.IsAbs(path) {
			return path
		}
		return filepath.Join(filepath.Dir(work), path)
	}
	args := []string{"work", "edit"}
	for _, u := range w.Use {
		args = append(args, "-dropuse="+u.DiskPath, "-use="+absolute(u.DiskPath))
	}
	for _, r := range w.Replace {
		if r.New.Version == "" && !filepath.IsAbs(r.New.Path) {
			old := r.Old.Path
			if r.Old.Version != "" {
				old += "@" + r.Old.Version
			}
			args = append(args, "-replace="+old+"="+absolute(r.New.Path))
		}
	}
	for _, r := range p.replaces {
		args = append(args, "-replace="+r)
	}
	if runtimeDir != "" {
		args = append(args, "-use="+runtimeDir)
	}
	if err := copyFile(work, file); err != nil {
		return err
	}
	if err := copyFile(work+".sum", file+".sum"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := g.output(ctx, append(args, file)...); err != nil {
		return fmt.Errorf("edit a copy of %s: %w", work, err)
	}
	return nil
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o644)
}
