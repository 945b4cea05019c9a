package unit

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/internal/dump"
)

func TestDumpsAreFew(t *testing.T) {
	start := time.Unix(0, 0)
	var d dumper
	for i, step := range []struct {
		after time.Duration
		want  bool
	}{
		{0, true}, {time.Second, true}, {2 * time.Second, true}, {3 * time.Second, true}, {4 * time.Second, false},
		{59 * time.Second, false}, {60 * time.Second, true}, {60 * time.Second, false}, {61 * time.Second, true},
		{time.Hour, true},
	} {
		if got := d.due(start.Add(step.after)); got != step.want {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
}

// quiet waits until nobody reports, and forgets what dumps there were.
func quiet(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !atomic.CompareAndSwapInt32(&state.reporting, 0, 1); {
		if time.Now().After(end) {
			t.Fatal("a report does not end")
		}
		time.Sleep(time.Millisecond)
	}
	state.dumper = dumper{}
	atomic.StoreInt32(&state.reporting, 0)
}

var nothing map[string]int

func TestCrashesLeaveDumps(t *testing.T) {
	for _, env := range []bool{false, true} {
		dir, cfg := filepath.Join(t.TempDir(), "dumps"), Config{Most: 100, Same: 100}
		if env {
			t.Setenv(dump.DirVar, dir)
		} else {
			cfg.Dumps = dir
		}
		contained(t, cfg)
		quiet(t)
		const crashes = 6
		for i := 0; i < crashes; i++ {
			Do(context.Background(), func(context.Context) error {
				nothing["key"]++
				return nil
			})
			for atomic.LoadInt32(&state.reporting) != 0 {
				time.Sleep(time.Millisecond)
			}
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) != dumpsMost {
			t.Fatalf("%d dumps of %d crashes, want %d", len(entries), crashes, dumpsMost)
		}
		for _, e := range entries {
			name := filepath.Join(dir, e.Name())
			if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%v, %v", info.Mode(), err)
			}
			d, err := dump.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			r := d.Reason
			if r.Kind != dump.Contained || r.What != "panic: assignment to entry in nil map" || r.Goroutine == 0 {
				t.Errorf("reason %+v", r)
			}
			if r.Place == nil || !strings.Contains(r.Place.Func, "TestCrashesLeaveDumps") || filepath.Base(r.Place.File) != "dump_test.go" {
				t.Errorf("place %+v", r.Place)
			}
		}
		quiet(t)
	}
}

func TestADumpThatFailsDoesNoHarm(t *testing.T) {
	contained(t, Config{Dumps: filepath.Join(t.TempDir(), "a file", "dumps")})
	quiet(t)
	if err := os.WriteFile(filepath.Dir(state.config.Dumps), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Do(context.Background(), func(context.Context) error { panic("where nothing can be written") }); err == nil {
		t.Error("no crash")
	}
	quiet(t)
}
