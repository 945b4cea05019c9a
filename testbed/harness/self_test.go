package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/testbed/internal/findings"
	"github.com/lifesign-go/lifesign/testbed/internal/report"
	"github.com/lifesign-go/lifesign/testbed/internal/subject"
)

// TestSubjectsTellAlike compares the file that subjects, which are modules of
// their own, cannot share in another way.
func TestSubjectsTellAlike(t *testing.T) {
	names, err := filepath.Glob(filepath.Join("..", "*", "tell.go"))
	if err != nil || len(names) < 10 {
		t.Fatalf("%d subjects with a tell.go, %v, want at least 10", len(names), err)
	}
	want, err := os.ReadFile(names[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s differs from %s, %v", name, names[0], err)
		}
	}
}

func TestSubjectsDescribeThemselves(t *testing.T) {
	r, err := flags{subjects: ".."}.runner()
	if err != nil {
		t.Fatal(err)
	}
	for _, names := range [][]string{faults, mends, quick, {faulty, mended}} {
		for _, name := range names {
			if _, ok := r.modules[name]; !ok {
				t.Errorf("%s has no subject.json", name)
			}
		}
	}
	for _, s := range cases(r.modules, mends, 1) {
		if s.hangs {
			t.Errorf("%s is mended, and has something to find", s.name)
		}
	}
}

func TestWatched(t *testing.T) {
	tests := []struct {
		name, log, want string
	}{
		{"silent", "", ""},
		{"the program's own line", "nothing is watched\n", ""},
		{"no hooks", "lifesign: etcd: nothing is watched: the program has no hooks\n", "no hooks"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			log := filepath.Join(t.TempDir(), logName)
			if err := os.WriteFile(log, []byte(tt.log), 0o600); err != nil {
				t.Fatal(err)
			}
			err := watched(log)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("watched = %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestListen(t *testing.T) {
	x := &self{begun: make(chan int, 1)}
	x.listen(strings.NewReader("begin 7\nwork 5 10\nhello\nfault 6\nwork 9 12\nend 12 3 4\n"))
	switch a := x.story.account; {
	case <-x.begun != 7:
		t.Error("another process")
	case a.stall == nil || a.stall.LastAck != 6:
		t.Errorf("fault at %v, want 6", a.stall)
	case a.end.Acked != 12 || a.end.P50 != 3 || a.end.P99 != 4 || x.story.last.Acked != 12:
		t.Errorf("end is %+v", a.end)
	}
}

func TestLocate(t *testing.T) {
	f := readFindings(t, "nats7458.jsonl")[0].Finding
	f.Chain[0].Stack = []findings.Frame{{Func: "x/y.(*T).m", File: "/a/y/t.go", Line: 3}}
	place := func(at, fn string) subject.Place { return subject.Place{At: []string{at}, Func: []string{fn}} }
	tests := []struct {
		name   string
		places []subject.Place
		want   findings.Precision
	}{
		{"all lines", readAgain.places(), findings.Operation},
		{"a line of several", []subject.Place{{At: []string{"a.go:1", "server/stream.go:1339"}, Func: []string{"f"}}}, findings.Operation},
		{"another line of the function", []subject.Place{place("server/stream.go:1", "(*stream).lastSeq")}, findings.Function},
		{"one of two functions", []subject.Place{place("a.go:1", "(*stream).lastSeq"), place("b.go:1", "f")}, findings.Chain},
		{"a line on the stack", []subject.Place{place("y/t.go:3", "f")}, findings.Chain},
		{"a function on the stack", []subject.Place{place("y/t.go:4", "(*T).m")}, findings.Chain},
		{"elsewhere", []subject.Place{place("z/t.go:4", "(*T).n")}, findings.Process},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := findings.Locate(f, tt.places); got != tt.want {
				t.Errorf("locate = %s, want %s", got, tt.want)
			}
		})
	}
}

func TestGradeOfSubjects(t *testing.T) {
	second := int64(time.Second)
	found := readFindings(t, "nats7458.jsonl")[:1] // at 10.48 s
	over := append([]findings.Seen{}, found[0], found[0])
	over[1].Verdict = findings.Working
	right := &subject.Case{Ought: subject.Ought{Places: readAgain.places()}}
	silent := &subject.Case{Ought: subject.Ought{Places: readAgain.places(), Note: "nobody can know"}}
	disk := &subject.Case{Disk: true, Ought: right.Ought}
	run := func(c *subject.Case, fault int64, found []findings.Seen) outcome {
		o := outcome{scenario: scenario{self: c, hangs: true}, found: found}
		o.load.stall = &report.Line{LastAck: fault}
		return o
	}
	recovered := run(disk, 10*second, over)
	recovered.again, recovered.recovered = true, findings.AllOver(over)
	tests := []struct {
		name string
		o    outcome
		want string
	}{
		{"found", run(right, 10*second, found), ""},
		{"not found", run(right, 10*second, nil), "not found"},
		{"not found, which is right too", run(silent, 10*second, nil), ""},
		{"too early", run(right, 11*second, found), "before the fault"},
		{"not over", run(disk, 10*second, found), "nothing said that it goes on again"},
		{"over", recovered, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := strings.Join(tt.o.grade(), "; ")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("wrong is %q, want %q", got, tt.want)
			}
		})
	}
}
