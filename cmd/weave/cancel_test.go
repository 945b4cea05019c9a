package weave

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestCancel cancels builds at many moments: when a phase begins, and while the
// compilers run. Nothing may be left, no process and no file, and nothing may
// have changed.
func TestCancel(t *testing.T) {
	dir := program(t, "whole")
	cfg := shared.config(dir)
	cfg.Scope = []string{"example.com/..."}
	cfg.CacheDir = t.TempDir()
	cfg.BuildFlags = []string{"-a"} // compile everything: that takes longer than any of the waits
	before := treeSum(t, dir)
	for _, tt := range []struct {
		phase Phase
		after time.Duration
	}{
		{Resolve, 0}, {Resolve, 15 * time.Millisecond}, {Load, 0}, {Load, 70 * time.Millisecond}, {Load, 200 * time.Millisecond},
		{Analyze, 0}, {Generate, 0}, {Generate, 3 * time.Millisecond},
		{Compile, 0}, {Compile, 10 * time.Millisecond}, {Compile, 100 * time.Millisecond}, {Compile, 500 * time.Millisecond},
	} {
		t.Run(string(tt.phase)+" "+tt.after.String(), func(t *testing.T) {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			cfg := cfg
			cfg.Progress = func(s Step) {
				if s.Phase == tt.phase && !s.Done {
					time.AfterFunc(tt.after, cancel)
				}
			}
			_, err := Build(ctx, cfg)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want %v", err, context.Canceled)
			}
			if after := treeSum(t, dir); after != before {
				t.Errorf("the tree changed from\n%s\nto\n%s", before, after)
			}
			checkTemp(t)
			checkCache(t, cfg.CacheDir)
			checkProcesses(t)
		})
	}
	cfg.BuildFlags = nil
	build(t, cfg)
}

// checkProcesses fails the test if a process of a build is still there: all of
// them have the build's temporary directory in their environment.
func checkProcesses(t *testing.T) {
	t.Helper()
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil || len(environs) == 0 {
		t.Fatalf("no processes in /proc: %v", err)
	}
	for _, name := range environs {
		data, err := os.ReadFile(name)
		if err == nil && bytes.Contains(data, []byte("GOTMPDIR="+filepath.Join(os.TempDir(), "lifesign-build-"))) {
			cmdline, _ := os.ReadFile(filepath.Join(filepath.Dir(name), "cmdline"))
			t.Errorf("process %s is left behind: %s", filepath.Dir(name), bytes.ReplaceAll(cmdline, []byte{0}, []byte(" ")))
		}
	}
}
