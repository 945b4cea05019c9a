package main

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

// program is the service with the kernels in it, built twice.
type program struct {
	lifesign string
	dir      string // for findings
	woven    string
	locks    string // as it is, with go-deadlock for its locks
	names    []string
}

// experiment switches the goroutine-leak profile on, for Go 1.26 has it as an
// experiment.
const experiment = "GOEXPERIMENT=goroutineleakprofile"

// build makes and builds the program of a variant.
func (f flags) build(ctx context.Context, lifesign, scratch string, v variant) (program, error) {
	p := program{lifesign: lifesign, dir: filepath.Join(scratch, v.name)}
	var err error
	if p.names, err = f.generate(ctx, filepath.Join(p.dir, "program"), v.rewriting); err != nil {
		return p, err
	}
	v.deadlock = true
	if _, err := f.generate(ctx, filepath.Join(p.dir, "locks"), v.rewriting); err != nil {
		return p, err
	}
	p.woven, p.locks = filepath.Join(p.dir, "woven"), filepath.Join(p.dir, "locked")
	if err := command(ctx, filepath.Join(p.dir, "program"), lifesign, "build", "-o", p.woven, "."); err != nil {
		return p, err
	}
	return p, command(ctx, filepath.Join(p.dir, "locks"), "go", "build", "-o", p.locks, ".")
}

func command(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", experiment)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return nil
}

// generate writes the program with the kernels in it, and returns their names.
func (f flags) generate(ctx context.Context, dir string, r rewriting) ([]string, error) {
	if err := os.CopyFS(dir, os.DirFS(f.program)); err != nil {
		return nil, fmt.Errorf("copy the program: %w", err)
	}
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("ask go for its root: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(root)), "src/runtime/testdata/testgoroutineleakprofile/goker/*.go"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("this Go has no kernels: %v", err)
	}
	constants := false
	var names []string
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read a kernel: %w", err)
		}
		out, found, err := rewrite(src, r)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if len(found) == 0 {
			constants = true // main.go, which registers none
			continue
		}
		names = append(names, found...)
		// A file named linux or test at its end would be left out.
		if err := os.WriteFile(filepath.Join(dir, "kernel_"+strings.TrimSuffix(filepath.Base(name), ".go")+".go"), out, 0o600); err != nil {
			return nil, fmt.Errorf("write a kernel: %w", err)
		}
	}
	if !constants {
		return nil, fmt.Errorf("these are not the kernels that were expected in %s", filepath.Dir(files[0]))
	}
	return names, nil
}

// result is what was seen of a kernel.
type result struct {
	name  string
	tries int
	left  int64 // goroutines left over; 0: the fault did not occur

	found   *finding // lifesign's first about the kernel
	seconds float64  // from the kernel's start
	wrong   []finding
	idle    bool // the healthy part did nothing

	goleak, profile, deadlock int64
	locksLeft                 int64 // goroutines left over with go-deadlock's locks
}

// try runs a kernel until its fault occurs.
func (p program) try(ctx context.Context, name string, tries int, settle time.Duration) (result, error) {
	r := result{name: name}
	for r.tries < tries && r.left == 0 && ctx.Err() == nil {
		tries, wrong := r.tries+1, r.wrong
		r = result{name: name, tries: tries, wrong: wrong}
		if err := p.underLifesign(ctx, &r, settle); err != nil {
			return r, err
		}
	}
	for try := 0; try < tries && r.locksLeft == 0 && ctx.Err() == nil; try++ {
		out, err := exec.CommandContext(ctx, p.locks, name, (4 * time.Second).String()).Output()
		if err != nil {
			return r, fmt.Errorf("run %s with go-deadlock: %w", name, err)
		}
		seen := lines(out)
		r.locksLeft, r.deadlock = seen["left"], seen["deadlock"]
	}
	return r, ctx.Err()
}

func (p program) underLifesign(ctx context.Context, r *result, settle time.Duration) error {
	findings := filepath.Join(p.dir, fmt.Sprintf("%s-%d.jsonl", r.name, r.tries))
	cmd := exec.CommandContext(ctx, p.lifesign, "run", "-json", findings, "--", p.woven, r.name, settle.String())
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("run %s: %w\n%s", r.name, err, errs.Bytes()[:min(errs.Len(), 4<<10)])
	}
	seen := lines(out)
	r.left, r.goleak, r.profile, r.idle = seen["left"], seen["goleak"], seen["profile"], seen["work"] == 0
	return r.read(findings, seen["start"])
}

// finding is a line of `lifesign run -json`: what is needed of it here.
type finding struct {
	Verdict string `json:"verdict"`
	Class   string `json:"class"`
	What    string `json:"what"`
	At      int64  `json:"at"` // CLOCK_MONOTONIC nanoseconds
	Place   struct {
		Site struct {
			Kind string `json:"kind"`
			File string `json:"file"`
			Line int    `json:"line"`
		} `json:"site"`
	} `json:"place"`
}

func (f finding) at() string {
	return fmt.Sprintf("%s:%d", filepath.Base(f.Place.Site.File), f.Place.Site.Line)
}

// read reads what was found, in the kernel and beside it.
func (r *result) read(name string, start int64) error {
	data, err := os.ReadFile(name)
	if err != nil && !os.IsNotExist(err) { // it need not be there before the first
		return fmt.Errorf("read findings: %w", err)
	}
	for line := range bytes.Lines(data) {
		var f finding
		if err := json.Unmarshal(line, &f); err != nil {
			return fmt.Errorf("read finding %q: %w", line, err)
		}
		switch {
		case f.Verdict == "working":
		case !strings.HasPrefix(filepath.Base(f.Place.Site.File), "kernel_"):
			r.wrong = append(r.wrong, f)
		case r.found == nil:
			r.found, r.seconds = &f, time.Duration(f.At-start).Seconds()
		}
	}
	return nil
}
