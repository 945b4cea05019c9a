package analyze

import (
	"context"
	"go/ast"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/cmd/load"
	serving "github.com/lifesign-go/lifesign/internal/reach"
)

// What loading and analysing real programs costs, and how much the table of who
// could serve which wait rules out: needs is how many there are, p50 and p90 how
// many of them half, and nine of ten, of the functions reach at most.
//
//	go test -run '^$' -bench Program -benchtime 1x ./analyze
func BenchmarkProgram(b *testing.B) {
	for _, p := range []struct{ name, dir, pkg, scope string }{
		{"etcd", "etcd", ".", "go.etcd.io/etcd/...,go.etcd.io/raft/...,go.etcd.io/bbolt/..."},
		{"etcd-all", "etcd", ".", "all"},
		{"nats", "nats7458", "github.com/nats-io/nats-server/v2", "github.com/nats-io/..."},
		{"raft", "raft503", ".", "github.com/hashicorp/..."},
	} {
		b.Run(p.name, func(b *testing.B) {
			var load, analyse, cpu time.Duration
			for range b.N {
				runtime.GC()
				before := used(b)
				l, a := analysed(b, "../../testbed/"+p.dir, p.pkg, p.scope)
				load, analyse, cpu = load+l, analyse+a, cpu+used(b)-before
			}
			n := float64(b.N)
			b.ReportMetric(load.Seconds()/n, "load-s/op")
			b.ReportMetric(analyse.Seconds()/n, "analyse-s/op")
			b.ReportMetric(cpu.Seconds()/n, "cpu-s/op")
		})
	}
}

// used returns the CPU time of this process.
func used(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// analysed loads and analyses a program, reports what its table rules out, and
// says how long both took.
func analysed(b *testing.B, dir, pkg, scope string) (loading, analysing time.Duration) {
	start := time.Now()
	env := append(os.Environ(), "GOWORK=off")
	prog, err := load.Load(context.Background(), load.Config{Dir: dir, Patterns: []string{pkg}, Env: env})
	if err != nil {
		b.Fatal(err)
	}
	loading = time.Since(start)
	s, err := ParseScope(scope)
	if err != nil {
		b.Fatal(err)
	}
	m, err := Analyze(context.Background(), prog, Config{Scope: s})
	if err != nil {
		b.Fatal(err)
	}
	analysing = time.Since(start) - loading
	t, err := serving.Decode(m.Reach)
	if err != nil {
		b.Fatal(err)
	}
	sizes := answers(prog, t, needsOf(m))
	b.ReportMetric(float64(len(needsOf(m))), "needs")
	b.ReportMetric(float64(sizes[len(sizes)/2]), "p50")
	b.ReportMetric(float64(sizes[len(sizes)*9/10]), "p90")
	return loading, analysing
}

// answers returns how many of the needs each function of the program reaches, in
// ascending order.
func answers(prog *load.Program, t *serving.Table, needs []string) []int {
	var out []int
	for _, p := range prog.Packages {
		for _, f := range p.Syntax {
			ast.Inspect(f, func(n ast.Node) bool {
				switch n.(type) {
				case *ast.FuncDecl, *ast.FuncLit:
					at := prog.Fset.Position(n.Pos())
					path := p.Path
					if p.Name == "main" {
						path = "main"
					}
					if a := t.Frame(path, filepath.Base(at.Filename), at.Line); a.Known {
						out = append(out, reached(a, t, needs))
					}
				}
				return true
			})
		}
	}
	slices.Sort(out)
	return out
}

func reached(a serving.Answer, t *serving.Table, needs []string) (n int) {
	for _, need := range needs {
		if c, ok := t.Class(need); ok && a.Reaches(c) {
			n++
		}
	}
	return n
}
