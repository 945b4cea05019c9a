package weave

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// buildFlags are the flags of a go command that builds the program.
func (cfg Config) buildFlags() []string {
	flags := append([]string(nil), cfg.BuildFlags...)
	if len(cfg.Tags) > 0 {
		flags = append(flags, "-tags="+strings.Join(cfg.Tags, ","))
	}
	return flags
}

// outputPath returns the absolute path of the binary, by go build's rules:
// executable is its name where cfg does not give one. A directory that cannot
// be written is found out here, before the long work.
func outputPath(cfg Config, executable string) (string, error) {
	out := cfg.Output
	if out == "" {
		out = executable
	}
	if !filepath.IsAbs(out) {
		out = filepath.Join(cfg.Dir, out)
	}
	switch {
	case cfg.Output == "" && isDir(out):
		return "", fmt.Errorf("the output %s is a directory: name a file with -o", out)
	case isDir(out), strings.HasSuffix(cfg.Output, string(filepath.Separator)):
		out = filepath.Join(out, executable)
	}
	const write = 2 // W_OK of access(2)
	dir := filepath.Dir(out)
	if err := syscall.Access(dir, write); err != nil && !errors.Is(err, syscall.ENOENT) {
		return "", fmt.Errorf("the output's directory %s cannot be written: %w; name another file with -o", dir, err)
	}
	return out, nil
}

// compile builds the woven program. If that does not compile, the plain one is
// tried: either it fails too, with the message that the user knows, or the
// fault is lifesign's.
func (b *builder) compile(t *target, w *woven, binary string) error {
	tool := b.tool.with(w.env...)
	args := append([]string{"build"}, b.cfg.buildFlags()...)
	args = append(args, w.flags...)
	var out bytes.Buffer
	err := tool.run(b.ctx, &out, &out, append(args, "-o", binary, "--", t.path)...)
	if err == nil || b.ctx.Err() != nil {
		return err
	}
	message := w.plan.original(strings.TrimSpace(out.String()), b.cfg.Dir)
	if message == "" {
		return fmt.Errorf("go build: %w", err)
	}
	failed := &GoError{Output: message}
	// Only what a compiler or the linker says stands under the name of a package.
	compiler := strings.HasPrefix(message, "# ") || strings.Contains(message, "\n# ")
	if !compiler && strings.Contains(message, binary) {
		return fmt.Errorf("%w; name another file with -o", failed)
	}
	if err := explainDisk(failed); err != nil {
		return err
	}
	if !compiler {
		return failed
	}
	if err := b.plain(t); err != nil {
		return err
	}
	failed.Woven = true
	return failed
}

// plain builds the plain program and throws it away. Its error, if it has one,
// is the go command's.
func (b *builder) plain(t *target) error {
	args := append([]string{"build"}, b.cfg.buildFlags()...)
	_, err := b.tool.output(b.ctx, append(args, "-o", os.DevNull, "--", t.path)...)
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
