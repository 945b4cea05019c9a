package lifesign_test

import (
	"strings"
	"testing"
)

// layers holds every package of the workspace's modules, by its import path below the module path, and the layer it belongs to; "." is package
// lifesign. A package imports only from lower layers; siblings do not know each
// other.
var layers = map[string]int{
	"event":                        0,
	"guard/cguard/internal/faulty": 0, // C that crashes, for tests

	"internal/clock": 0,
	"internal/page":  0,
	"internal/proc":  0,
	"internal/reach": 0,

	"cmd/gotable":        1,
	"hook":               1,
	"internal/cputime":   1,
	"internal/dump":      1,
	"internal/look":      1,
	"internal/mimics":    1,
	"internal/supervise": 1,
	"internal/tell":      1,
	"internal/threads":   1,
	"lease":              1,
	"pause":              1,

	"cmd/kernel":      2,
	"cmd/load":        2,
	"etcd":            2,
	"guard/unit":      2,
	"lease/fencehttp": 2,
	"lease/fencesql":  2,
	"internal/judge":  2,
	"mimic":           2,
	"cmd/ptrace":      2,
	"cmd/unwind":      2,
	"internal/sample": 2,

	".":            3,
	"guard":        3,
	"cmd/analyze":  3,
	"cmd/errands":  3,
	"cmd/etcdnode": 3,
	"cmd/fencedb":  3,
	"cmd/observe":  3,

	"cmd/dump":      4,
	"cmd/gen":       4,
	"cmd/attach":    4,
	"cmd/supervise": 4,
	"guard/cguard":  4,
	"grpc":          4,

	"cmd/weave":        5,
	"examples/crashes": 5,
	"examples/game":    5,

	"cmd/lifesign": 6,
}

// sideways are the imports within a layer that are meant, with the reason.
var sideways = map[[2]string]string{
	{"internal/page", "event"}:  "the vocabulary is below everything, and the page's site table is written in it",
	{"internal/proc", "event"}:  "the vocabulary is below everything, and what the kernel says is told in it",
	{"internal/reach", "event"}: "the vocabulary is below everything, and stacks are asked about in it",
}

// testsMay are imports that only a package's tests have, with the reason.
var testsMay = map[[2]string]string{
	{"cmd/ptrace", "cmd/unwind"}:   "what a stop shows is tested with the names of a real program's functions",
	{"cmd/observe", "cmd/analyze"}: "a sampler is tested against the layout of this very Go's runtime, which analyze makes",
}

func TestLayers(t *testing.T) {
	used := map[[2]string]bool{}
	seen := map[string]bool{}
	for _, p := range packages(t) {
		if under(p.dir, "testbed") {
			continue // has its own test below
		}
		from, ok := layers[p.dir]
		if !ok {
			t.Errorf("package %s is in no layer: give it one in layers_test.go", p.dir)
			continue
		}
		seen[p.dir] = true
		for _, f := range p.files {
			for _, imp := range f.imports {
				to, ok := within(imp)
				if !ok || to == p.dir {
					continue
				}
				edge := [2]string{p.dir, to}
				used[edge] = true
				if layer, known := layers[to]; known && layer < from {
					continue
				}
				if sideways[edge] != "" || f.test && testsMay[edge] != "" {
					continue
				}
				t.Errorf("%s (layer %d) imports %s (layer %d): only lower layers may be imported", f.name, from, to, layers[to])
			}
		}
	}
	for p := range layers {
		if !seen[p] {
			t.Errorf("the layer table has a package %s that does not exist", p)
		}
	}
	for _, table := range []map[[2]string]string{sideways, testsMay} {
		for edge, why := range table {
			if !used[edge] || why == "" {
				t.Errorf("the exception %s → %s is not used or has no reason", edge[0], edge[1])
			}
		}
	}
}

// The root module goes into users' programs, the testbed judges the tool from
// outside, by what a user sees.
func TestModulesKeepApart(t *testing.T) {
	for _, p := range packages(t) {
		for _, f := range p.files {
			for _, imp := range f.imports {
				to, ours := within(imp)
				switch {
				case under(p.dir, "testbed"):
					if ours && !under(to, "testbed") {
						t.Errorf("%s imports %s: the testbed sees lifesign only from outside", f.name, imp)
					}
				case under(p.dir, "cmd"):
				case under(p.dir, "etcd"):
					if ours && under(to, "cmd") || strings.HasPrefix(imp, "go.etcd.io/etcd/server") {
						t.Errorf("%s imports %s: who chooses the client pays for no more", f.name, imp)
					}
				case under(p.dir, "grpc"):
					if !ours && strings.Contains(strings.Split(imp, "/")[0], ".") && !strings.HasPrefix(imp, "google.golang.org/grpc") || ours && (under(to, "cmd") || under(to, "etcd")) {
						t.Errorf("%s imports %s: the gRPC module knows the library and gRPC", f.name, imp)
					}
				case ours && (under(to, "cmd") || under(to, "etcd") || under(to, "grpc") || under(to, "testbed")):
					t.Errorf("%s imports %s: the root module knows no other", f.name, imp)
				case !ours && strings.Contains(strings.Split(imp, "/")[0], "."):
					t.Errorf("%s imports %s: the root module requires nothing", f.name, imp)
				}
			}
		}
	}
}

// within cuts the module path off an import path; ok is false if the import
// is from elsewhere.
func within(imp string) (dir string, ok bool) {
	if imp == module {
		return ".", true
	}
	return strings.TrimPrefix(imp, module+"/"), strings.HasPrefix(imp, module+"/")
}

func under(dir, parent string) bool {
	return dir == parent || strings.HasPrefix(dir, parent+"/")
}
