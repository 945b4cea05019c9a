// Package subject builds the testbed's real programs, plain and woven, and
// runs them on loopback with a store of their own. A subject is a module below
// testbed that pins a version of the program as a tool; the program itself is
// unchanged. This package knows lifesign only as a user does: by its command
// line.
package subject

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	// Package is the main package of the NATS server.
	Package = "github.com/nats-io/nats-server/v2"
	// Scope is NATS's modules: what is woven.
	Scope = "github.com/nats-io/..."
)

// Plain builds the subject in dir as it is, to file out.
func Plain(ctx context.Context, dir, out string) error {
	return build(ctx, dir, "go", "build", "-o", out, Package)
}

// Woven builds the subject in dir with lifesign, to file out, and returns how
// long that took.
func Woven(ctx context.Context, lifesign, dir, out string) (time.Duration, error) {
	start := time.Now()
	err := build(ctx, dir, lifesign, "build", "-scope", Scope, "-o", out, Package)
	return time.Since(start), err
}

func build(ctx context.Context, dir string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = Env()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s in %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), dir, err, out)
	}
	return nil
}

// Env is the environment in which a subject is built: outside any workspace,
// which would unify versions and take the fault away.
func Env() []string { return append(os.Environ(), "GOWORK=off") }
