package analyze_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/lifesign-go/lifesign/cmd/analyze"
	"github.com/lifesign-go/lifesign/cmd/load"
)

const program = `package main

import "sync"

type listener interface{ accept() (c func(), err error) }

type server struct {
	mu   sync.Mutex
	work chan func()
	run  []func()
}

func main() {
	s := &server{work: make(chan func())}
	s.run = append(s.run, s.loop, func() { s.serve(nil) })
	for _, f := range s.run {
		go f()
	}
}

func (s *server) loop() {
	for f := range s.work {
		s.mu.Lock()
		f()
		s.mu.Unlock()
	}
}

func (s *server) serve(l listener) {
	for {
		c, err := l.accept()
		if err != nil {
			return
		}
		s.work <- c
	}
}
`

func loaded(t *testing.T) *load.Program { return loadedFrom(t, program) }

func loadedFrom(t *testing.T, source string) *load.Program {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module prog\n\ngo 1.21\n", "main.go": source} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	prog, err := load.Load(context.Background(), load.Config{Dir: dir, Env: environment()})
	if err != nil {
		t.Fatal(err)
	}
	return prog
}

// The model depends on the program alone, and survives JSON.
func TestAnalyzeIsDeterministic(t *testing.T) {
	prog := loaded(t)
	var first []byte
	for i := 0; i < 2; i++ {
		m, err := analyze.Analyze(context.Background(), prog, analyze.Config{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = got
		} else if string(got) != string(first) {
			t.Errorf("the model is\n%s\nand was\n%s", got, first)
		}
		var again analyze.Model
		if err := json.Unmarshal(got, &again); err != nil {
			t.Fatal(err)
		}
		if len(m.Regions) != 2 || len(again.Packages) != 1 || len(again.Packages[0].Files[0].Sites) != 5 {
			t.Errorf("%d regions, %+v, want 2 and 5 sites", len(m.Regions), again.Packages)
		}
	}
}

func TestAnalyzeErrors(t *testing.T) {
	prog := loaded(t)
	scope, err := analyze.ParseScope("nobody.example/...")
	if err != nil {
		t.Fatal(err)
	}
	var none *analyze.ScopeError
	if _, err := analyze.Analyze(context.Background(), prog, analyze.Config{Scope: scope}); !errors.As(err, &none) || none.Pattern != "nobody.example/..." {
		t.Errorf("error %v, want one that names the pattern", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := analyze.Analyze(ctx, prog, analyze.Config{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
}

const reduced = `package main

import (
	"net/http"
	"os"
)

type log struct{ f *os.File }

func (l *log) append(b []byte) { l.f.Write(b); l.sync() }

func (l *log) sync() { l.f.Sync() }

func (l *log) clean() { os.Remove("a"); l.sync() }

func (l *log) ServeHTTP(w http.ResponseWriter, r *http.Request) { l.append(nil); l.clean() }

func main() {
	l := &log{}
	work := make(chan []byte)
	go func() {
		for b := range work {
			l.append(b)
		}
	}()
	go func() {
		for range work {
			l.clean()
		}
	}()
	http.ListenAndServe("", l)
}
`

// Who executes an operation has it: loops that are near, and a request. What is
// left of a function, if it is the same for them, is made once.
func TestReductions(t *testing.T) {
	prog := loadedFrom(t, reduced)
	var first []byte
	for i := 0; i < 2; i++ {
		m, err := analyze.Analyze(context.Background(), prog, analyze.Config{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = got
		} else if string(got) != string(first) {
			t.Fatalf("the model is\n%s\nand was\n%s", got, first)
		}
		checkers := make(map[string]string)
		for _, r := range m.Reductions {
			checkers[r.Checker] = steps(r.Left)
		}
		for checker, want := range map[string]string{
			"lsMainFunc1":    "main.func1((*log).append(write (*log).sync(sync )))",
			"lsMainFunc2":    "main.func2((*log).clean(directory (*log).sync(sync )))",
			"lsLogServeHTTP": "(*log).ServeHTTP((*log).append(write (*log).sync(sync ))(*log).clean(directory ))",
		} {
			if checkers[checker] != want {
				t.Errorf("%s is %s, want %s", checker, checkers[checker], want)
			}
		}
		if n := len(m.Packages[0].Reduced); n != 7 {
			t.Errorf("%d reduced functions, want one a function, and two of clean: the request comes to sync by append", n)
		}
	}
}

// steps writes what is left of a function on one line.
func steps(l *analyze.Left) string {
	if l == nil {
		return ""
	}
	out := l.Func + "("
	for _, s := range l.Steps {
		if s.Call != nil {
			out += steps(s.Call)
		} else {
			out += string(s.Do) + " "
		}
	}
	return out + ")"
}
