package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/lifesign-go/lifesign/cmd/analyze"
)

const analyzed = `package main

import (
	"os"
	"sync"
)

type queue struct {
	mu   sync.Mutex
	work chan int
}

func main() {
	q := &queue{work: make(chan int)}
	start(func() { q.loop() })
	q.work <- 1
	select {}
}

func start(f func()) { go f() }

func (q *queue) loop() {
	for v := range q.work {
		q.mu.Lock()
		if os.Remove("nothing") == nil {
			println(v)
		}
		go os.Remove("more")
		q.mu.Unlock()
	}
}
`

const listed = `package prog

  main  main.go:13
      no region is known to call it
      send   doing  main.go:16  main.queue.work  needs recv:main.queue.work
      never  idle   main.go:17                   a select without cases is written to park a goroutine for good

  (*queue).loop  main.go:22
      region  main.go:23  range over a channel
          go     main.go:20  prog.start
          calls  main.go:15  prog.main$1
          loops  main.go:23  (*prog.queue).loop
      range      idle   main.go:23  main.queue.work    the loop begins with it: it waits for work; needs send:main.queue.work
      lock       doing  main.go:24  main.queue.mu      only who takes it releases it
      call       doing  main.go:25  os.Remove          by the rule for os.Remove
      not woven         main.go:28  call of os.Remove  it is started as a goroutine of its own

N packages loaded, 1 in scope, 2 go statements: 1 region in 1 function, 5 operations, 1 not woven; N s
`

// inModule makes a module of main.go its home for the rest of the test.
func inModule(t *testing.T, source string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module prog\n\ngo 1.21\n", "main.go": source} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("GOWORK", "off")
	t.Setenv("GOFLAGS", "")
	t.Chdir(dir)
}

func runAnalyze(args ...string) (status int, stdout, stderr string) {
	var out, err bytes.Buffer
	status = analyzeCommand(context.Background(), args, &out, &err)
	return status, out.String(), err.String()
}

func TestAnalyzeLists(t *testing.T) {
	inModule(t, analyzed)
	status, out, errs := runAnalyze(".")
	if status != 0 || errs != "" {
		t.Fatalf("status %d, %s", status, errs)
	}
	out = regexp.MustCompile(`(?m)^\d+ packages`).ReplaceAllString(out, "N packages")
	out = regexp.MustCompile(`[\d.]+ s\n`).ReplaceAllString(out, "N s\n")
	if out != listed {
		t.Errorf("got\n%s\nwant\n%s", out, listed)
	}
}

func TestAnalyzeJSON(t *testing.T) {
	inModule(t, analyzed)
	status, out, errs := runAnalyze("-json", "-scope", "prog", ".")
	if status != 0 || errs != "" {
		t.Fatalf("status %d, %s", status, errs)
	}
	var m analyze.Model
	if err := json.Unmarshal([]byte(out), &m); err != nil {
		t.Fatal(err)
	}
	if len(m.Packages) != 1 || len(m.Packages[0].Files[0].Sites) != 6 || !strings.Contains(m.Runtime, "g.goid=") {
		t.Errorf("model %+v", m)
	}
}

func TestAnalyzeFails(t *testing.T) {
	tests := []struct {
		name   string
		args   []string
		source string
		status int
		want   string // of standard error, one line
	}{
		{"no package", nil, "", 2, "one package is needed, there are 0"},
		{"two packages", []string{"a", "b"}, "", 2, "one package is needed, there are 2"},
		{"unknown flag", []string{"-none", "."}, "", 2, "flag provided but not defined: -none"},
		{"bad pattern of functions", []string{"-func", "(", "."}, "", 2, "-func: error parsing regexp"},
		{"functions as JSON", []string{"-func", "f", "-json", "."}, "", 2, "-func chooses what is listed: leave out -json"},
		{"rules that are not there", []string{"-rules", "none", "."}, "", 2, "-rules: open none: no such file or directory"},
		{"bad scope", []string{"-scope", "./...", "."}, "", 2, `scope pattern "./..." is a directory`},
		{"scope that matches nothing", []string{"-scope", "x.org/...", "."}, "package main\n\nfunc main() {}\n", 1, `scope pattern "x.org/..." matches no package`},
		{"does not compile", []string{"."}, "package main\n\nfunc main() { undefined() }\n", 1, "./main.go:3:15: undefined: undefined"},
		{"no such package", []string{"./none"}, "package main\n", 1, "none: directory not found"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inModule(t, tt.source)
			status, out, errs := runAnalyze(tt.args...)
			if status != tt.status || out != "" || strings.Count(errs, tt.want) != 1 {
				t.Errorf("status %d, stdout %q, stderr %q\nwant %d and %q", status, out, errs, tt.status, tt.want)
			}
			if status == 2 && (strings.Count(errs, "\n") != 1 || !strings.Contains(errs, "lifesign analyze -h")) {
				t.Errorf("stderr %q, want one line with advice", errs)
			}
		})
	}
}

func TestAnalyzeHelp(t *testing.T) {
	status, out, errs := runAnalyze("-h")
	if status != 0 || !strings.Contains(out, "-scope PATTERNS") || errs != "" {
		t.Errorf("status %d, stdout %q, stderr %q", status, out, errs)
	}
}
