package main

import (
	"go/format"
	"strings"
	"testing"
)

const kernel = `package main

import (
	"os"
	"runtime/pprof"
	"sync"
)

func init() {
	register("Kernel", Kernel)
}

type box struct {
	sync.Mutex
	c chan int
}

func Kernel() {
	prof := pprof.Lookup("goroutineleak")
	defer func() {
		prof.WriteTo(os.Stdout, 2)
	}()
	var wg sync.WaitGroup
	b := &box{c: make(chan int)}
	go func() { b.c <- 1 }()
	wg.Wait()
}
`

func TestRewrite(t *testing.T) {
	tests := []struct {
		name      string
		r         rewriting
		want, not []string
	}{
		{"plain", rewriting{}, []string{"sync.Mutex", "b := &box{c: make(chan int)}"}, []string{"prof", "root(", "deadlock."}},
		{"rooted", rewriting{rooted: true}, []string{"b := root(&box{c: root(make(chan int))})", "root(&wg)"}, []string{"prof"}},
		{"locks", rewriting{deadlock: true}, []string{"deadlock.Mutex", `import "github.com/sasha-s/go-deadlock"`, "sync.WaitGroup"}, []string{"sync.Mutex"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, names, err := rewrite([]byte(kernel), tt.r)
			if err != nil || len(names) != 1 || names[0] != "Kernel" {
				t.Fatalf("rewrite = %v, %v", names, err)
			}
			if _, err := format.Source(out); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			body := string(out)
			body = body[:strings.Index(body, "\nvar _ =")]
			body = strings.ReplaceAll(body, `"runtime/pprof"`, "")
			for _, w := range tt.want {
				if !strings.Contains(body, w) {
					t.Errorf("no %q in\n%s", w, body)
				}
			}
			for _, w := range tt.not {
				if strings.Contains(body, w) {
					t.Errorf("%q in\n%s", w, body)
				}
			}
		})
	}
}

func TestRewriteLeavesOthersOut(t *testing.T) {
	if out, names, err := rewrite([]byte("package main\n\nfunc main() {}\n"), rewriting{}); out != nil || names != nil || err != nil {
		t.Errorf("rewrite of what registers no kernel = %s, %v, %v", out, names, err)
	}
}

func TestSummarise(t *testing.T) {
	stuck := &finding{Verdict: "stuck", Class: "proven"}
	s := summarise("plain", []result{
		{left: 3, found: stuck, seconds: 0.9, goleak: 3, profile: 2, locksLeft: 1},
		{left: 1, goleak: 1, locksLeft: 2, deadlock: 4},
		{found: stuck, wrong: []finding{{}}},
	})
	if s.triggered != 2 || s.found != 1 || s.proven != 1 || s.silent != 1 || s.goleak != 2 || s.profile != 1 || s.deadlock != 1 || s.deadlockOf != 2 || s.wrong != 1 {
		t.Errorf("sums are %+v", s)
	}
}
