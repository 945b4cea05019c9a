// Package subject describes and builds the testbed's real programs, plain and
// woven, and runs the NATS server on loopback with a store of its own. A subject
// is a module below testbed that pins a version of one system; subject.json
// there says what is built of it. This package knows lifesign only as a user
// does: by its command line.
package subject

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Module is what subject.json says.
type Module struct {
	Upstream string   `json:"upstream"`      // which fault, or which system
	Package  string   `json:"package"`       // what is built
	Scope    string   `json:"scope"`         // what is woven: the system's own modules
	Env      []string `json:"env,omitempty"` // for the build, NAME=VALUE
	Cases    []Case   `json:"cases,omitempty"`

	dir string
}

// Case is a way to run a subject.
type Case struct {
	Name  string   `json:"name"`
	Args  []string `json:"args,omitempty"`
	Disk  bool     `json:"disk,omitempty"` // the fault is a disk that does not answer fsync, and later does
	Ought Ought    `json:"ought"`          // empty if there is nothing to find
}

// Ought is what a finding ought to name.
type Ought struct {
	Places []Place `json:"places,omitempty"`
	// Note says why no finding is right too, where it is.
	Note string `json:"note,omitempty"`
}

// Place is one thing that ought to be named.
type Place struct {
	At   []string `json:"at"`   // directory, file and line; any of them
	Func []string `json:"func"` // functions without their package, any of them
	Why  string   `json:"why"`
}

// Read reads the description of the subject in dir.
func Read(dir string) (Module, error) {
	m := Module{dir: dir}
	name := filepath.Join(dir, "subject.json")
	data, err := os.ReadFile(name)
	if err != nil {
		return m, fmt.Errorf("read a subject: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return m, fmt.Errorf("read %s: %w", name, err)
	}
	if m.Package == "" || m.Scope == "" {
		return m, fmt.Errorf("%s: package and scope are needed", name)
	}
	for _, c := range m.Cases {
		for _, p := range c.Ought.Places {
			if c.Name == "" || len(p.At) == 0 || len(p.Func) == 0 || p.Why == "" {
				return m, fmt.Errorf("%s: case %q: a name, and at, func and why of each place are needed", name, c.Name)
			}
		}
	}
	return m, nil
}

// Plain builds the subject as it is, to file out.
func (m Module) Plain(ctx context.Context, out string) error {
	return m.build(ctx, "go", "build", "-o", out, m.Package)
}

// Woven builds the subject with lifesign, to file out, and returns how long
// that took.
func (m Module) Woven(ctx context.Context, lifesign, out string) (time.Duration, error) {
	start := time.Now()
	err := m.build(ctx, lifesign, "build", "-scope", m.Scope, "-o", out, m.Package)
	return time.Since(start), err
}

func (m Module) build(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = m.dir
	cmd.Env = append(Env(), m.Env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s in %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), m.dir, err, out)
	}
	return nil
}

// Env is the environment in which a subject is built: outside any workspace,
// which would unify versions and take the fault away.
func Env() []string { return append(os.Environ(), "GOWORK=off") }
