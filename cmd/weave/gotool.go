package weave

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// grace is how long an interrupted go command may take to clean up before it
// is killed. It only waits for the compilers that run at that moment, which
// get the interrupt too.
const grace = 5 * time.Second

// goTool runs the go command in one directory.
type goTool struct {
	dir string
	env []string
}

// with returns g with more variables in its environment.
func (g goTool) with(env ...string) goTool {
	g.env = append(g.env[:len(g.env):len(g.env)], env...)
	return g
}

// run runs "go args…". When ctx ends, the go command and all that it started
// are interrupted, which lets it remove its work directory; what is left of
// them after the grace period is killed. Nothing of it runs when run returns.
//
// The commands get a process group of their own, so that a terminal's Ctrl-C
// reaches them through ctx only, and once.
func (g goTool) run(ctx context.Context, stdout, stderr io.Writer, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = g.dir, g.env
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = grace
	err := cmd.Run()
	if ctx.Err() != nil {
		if cmd.Process != nil {
			// A group lives as long as any of its members, and its number is not
			// given away before: this cannot hit a stranger.
			syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
		return context.Cause(ctx)
	}
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("the go command is not in PATH: install Go from https://go.dev/dl or add it to PATH")
	}
	return err
}

// output runs "go args…" and returns what it printed. If it fails, the error
// is the go command's own message.
func (g goTool) output(ctx context.Context, args ...string) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	err := g.run(ctx, &stdout, &stderr, args...)
	if err == nil || ctx.Err() != nil {
		return stdout.Bytes(), err
	}
	if message := strings.TrimSpace(stderr.String()); message != "" {
		return nil, &GoError{Output: message}
	}
	return nil, fmt.Errorf("go %s: %w", args[0], err)
}

// goEnv is what weave needs to know of "go env".
type goEnv struct {
	GOMOD      string // the main module's go.mod; os.DevNull or "" if there is none
	GOWORK     string // "" or "off" without a workspace
	GOMODCACHE string
	GOFLAGS    string
	GOTMPDIR   string
	GOOS       string // of the target
	GOARCH     string
}

// unwatchable says why hooks could do nothing on the target, "" if they can.
func (e goEnv) unwatchable() string {
	if e.GOOS == "linux" && (e.GOARCH == "amd64" || e.GOARCH == "arm64") {
		return ""
	}
	return fmt.Sprintf("nothing can be watched on %s/%s, only on linux/amd64 and linux/arm64", e.GOOS, e.GOARCH)
}

func (g goTool) environment(ctx context.Context) (goEnv, error) {
	var e goEnv
	out, err := g.output(ctx, "env", "-json", "GOMOD", "GOWORK", "GOMODCACHE", "GOFLAGS", "GOTMPDIR", "GOOS", "GOARCH")
	if err != nil {
		return e, err
	}
	if err := json.Unmarshal(out, &e); err != nil {
		return e, fmt.Errorf("read the output of go env: %w", err)
	}
	if e.GOWORK == "off" {
		e.GOWORK = ""
	}
	return e, nil
}

// GoError is a failure that the go command has explained: its text is the go
// command's own, a compiler's message included.
type GoError struct {
	Output string // without the line feed at the end
	Woven  bool   // only the woven program fails, the plain one builds: a fault of lifesign
}

func (e *GoError) Error() string {
	if e.Woven {
		return "the plain program builds, the woven one does not, a fault of lifesign (please report it):\n" + e.Output
	}
	return e.Output
}
