package weave

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// outputPath returns the absolute path of the program by go build's rules, ""
// if there is not one program. An output that cannot be written is found out
// here, before the long work.
func outputPath(cfg Config, t *target) (string, error) {
	executable := t.executable(cfg)
	if cfg.Output == "" && executable == "" || cfg.Output == os.DevNull {
		return "", nil // compiled and thrown away
	}
	out := cfg.Output
	if out == "" {
		out = executable
	}
	if !filepath.IsAbs(out) {
		out = filepath.Join(cfg.Dir, out)
	}
	directory := isDir(out) || strings.HasSuffix(cfg.Output, string(filepath.Separator))
	switch {
	case cfg.Output == "" && directory:
		return "", fmt.Errorf("the output %s is a directory: name a file with -o", out)
	case !directory && len(t.packages) > 1:
		return "", fmt.Errorf("the output %s is not a directory, and there are %d packages: end its name with %c", out, len(t.packages), filepath.Separator)
	case directory:
		out = filepath.Join(out, executable)
	}
	const write = 2 // W_OK of access(2)
	dir := filepath.Dir(out)
	if executable == "" && directory {
		dir = out
	}
	if err := syscall.Access(dir, write); err != nil && !errors.Is(err, syscall.ENOENT) {
		return "", fmt.Errorf("the output's directory %s cannot be written: %w; name another file with -o", dir, err)
	}
	if executable == "" {
		return "", nil
	}
	return out, nil
}

// compile builds the woven packages. If they do not compile, the plain ones are
// tried: either they fail too, with the message that the user knows, or the
// fault is lifesign's. w is empty if nothing is woven.
func (b *builder) compile(w *woven, binary string) error {
	args := append([]string{"build"}, b.cfg.BuildFlags...)
	args = append(args, w.flags...)
	if b.cfg.Output != "" {
		args = append(args, "-o", b.cfg.Output)
	}
	patterns := b.cfg.Patterns
	if len(w.args) > 0 {
		patterns = w.args
	}
	var out, errs bytes.Buffer
	stdout := io.Writer(&errs)
	if isSet(flagValues(b.env, b.cfg), "json") {
		stdout = &out
	}
	err := b.tool.with(w.env...).run(b.ctx, stdout, &errs, append(append(args, "--"), patterns...)...)
	if b.ctx.Err() != nil {
		return err
	}
	tell(b.cfg.Stdout, out.String())
	if err == nil {
		tell(b.cfg.Stderr, w.plan.original(errs.String(), b.cfg.Dir))
		return nil
	}
	message := w.plan.original(strings.TrimSpace(errs.String()), b.cfg.Dir)
	if message == "" {
		return fmt.Errorf("go build: %w", err)
	}
	return b.explain(&GoError{Output: message}, binary, w.plan != nil)
}

// tell writes text for the user. That nobody can be told is no error of a
// build.
func tell(w io.Writer, text string) {
	if w != nil {
		io.WriteString(w, text)
	}
}

// explain finds out whose fault the failure of the go command is, and what to
// do about it.
func (b *builder) explain(failed *GoError, binary string, woven bool) error {
	// Only what a compiler or the linker says stands under the name of a package.
	compiler := strings.HasPrefix(failed.Output, "# ") || strings.Contains(failed.Output, "\n# ")
	if !compiler && binary != "" && (strings.Contains(failed.Output, binary) || b.cfg.Output != "" && strings.Contains(failed.Output, b.cfg.Output)) {
		return fmt.Errorf("%w; name another file with -o", failed)
	}
	if err := explainDisk(failed); err != nil {
		return err
	}
	if !compiler || !woven {
		return failed
	}
	if err := b.plain(); err != nil {
		return err
	}
	failed.Woven = true
	return failed
}

// plain builds the plain packages and throws them away. Its error, if it has
// one, is the go command's.
func (b *builder) plain() error {
	args := append([]string{"build"}, b.cfg.BuildFlags...)
	_, err := b.tool.output(b.ctx, append(append(args, "-o", os.DevNull, "--"), b.cfg.Patterns...)...)
	return err
}

// explainTemp explains why the temporary directory cannot be written.
func (b *builder) explainTemp(err error) error {
	if b.env.GOTMPDIR != "" {
		return explainWrite("the temporary directory", b.env.GOTMPDIR, "GOTMPDIR", err)
	}
	return explainWrite("the temporary directory", os.TempDir(), "TMPDIR", err)
}

// removeAll removes the temporary directory. Compilers that have been killed a
// moment ago can still put a file into it while it is being emptied.
func removeAll(temp string) {
	for i := 0; os.RemoveAll(temp) != nil && i < 20; i++ {
		time.Sleep(10 * time.Millisecond)
	}
}

// abandon runs work, which cannot be interrupted but touches nothing, and
// returns early if ctx ends.
func abandon(ctx context.Context, work func() error) error {
	done := make(chan error, 1)
	go func() { done <- work() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
