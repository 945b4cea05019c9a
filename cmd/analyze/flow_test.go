package analyze

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/lifesign-go/lifesign/cmd/load"
)

// Each archive of testdata/flow is a program, and the scope if it has one. Its file "want" is what analysis
// found out about its waits, a line each.
func TestFlow(t *testing.T) {
	archives, err := filepath.Glob("testdata/flow/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, path := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			scope := ""
			for _, f := range archive.Files {
				if f.Name == "scope" {
					scope = strings.TrimSpace(string(f.Data))
				}
			}
			golden(t, path, archive, describe(modelOf(t, archive, scope)))
		})
	}
}

func modelOf(t *testing.T, archive *txtar.Archive, scope string) *Model {
	t.Helper()
	m, _ := laidOut(t, archive, scope)
	return m
}

// laidOut lays out the files of an archive in a directory, and analyses the
// program in them.
func laidOut(t *testing.T, archive *txtar.Archive, scope string) (m *Model, dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, f := range archive.Files {
		if f.Name == "want" || f.Name == "scope" {
			continue
		}
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	env := append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off")
	prog, err := load.Load(context.Background(), load.Config{Dir: dir, Env: env})
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseScope(scope)
	if err != nil {
		t.Fatal(err)
	}
	m, err = Analyze(context.Background(), prog, Config{Scope: s})
	if err != nil {
		t.Fatal(err)
	}
	return m, dir
}

// describe tells what is known of the waits in a model.
func describe(m *Model) []byte {
	var out bytes.Buffer
	for _, p := range m.Packages {
		for _, f := range p.Files {
			for _, s := range f.Sites {
				if s.Kind.IsRegion() {
					continue
				}
				fmt.Fprintf(&out, "%s:%d %s %s", filepath.Base(s.File), s.Line, s.Kind, s.Object)
				if s.Needs != "" {
					fmt.Fprintf(&out, " needs %s", s.Needs)
				}
				if s.Confined {
					fmt.Fprint(&out, " confined")
				}
				if s.Leaves {
					fmt.Fprint(&out, " leaves")
				}
				fmt.Fprintln(&out)
			}
		}
	}
	return out.Bytes()
}

// golden compares got with the file "want" of the archive, or writes it there.
func golden(t *testing.T, path string, archive *txtar.Archive, got []byte) {
	t.Helper()
	n := len(archive.Files) - 1
	if n < 0 || archive.Files[n].Name != "want" {
		archive.Files = append(archive.Files, txtar.File{Name: "want"})
		n++
	}
	if *update {
		archive.Files[n].Data = got
		if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want := strings.Split(string(archive.Files[n].Data), "\n")
	for i, line := range strings.Split(string(got), "\n") {
		switch {
		case i >= len(want):
			t.Errorf("line %d is %q, want none", i+1, line)
		case line != want[i]:
			t.Errorf("line %d is %q, want %q", i+1, line, want[i])
		}
	}
}
