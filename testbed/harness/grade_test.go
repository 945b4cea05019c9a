package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/testbed/internal/findings"
	"github.com/lifesign-go/lifesign/testbed/internal/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

// readFindings reads testdata/name as the harness reads lifesign's file.
func readFindings(t *testing.T, name string) []findings.Seen {
	t.Helper()
	f := &findings.File{Name: filepath.Join("testdata", name)}
	f.Look()
	all, err := f.List()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatalf("%s has no findings", name)
	}
	return all
}

func TestCheck(t *testing.T) {
	right := readFindings(t, "nats7458.jsonl")
	if len(right) != 2 {
		t.Fatalf("nats7458.jsonl has %d findings, want the fault seen from its two sides", len(right))
	}
	changed := func(change func(f *findings.Finding)) []findings.Seen {
		s := right[0]
		s.Chain = append([]findings.Link(nil), s.Chain...)
		change(&s.Finding)
		return []findings.Seen{s}
	}
	elsewhere := right[0]
	elsewhere.Place.Site.Line = 17
	tests := []struct {
		name  string
		e     *expectation
		found []findings.Seen
		want  string // part of what is wrong, "" if nothing is
	}{
		{"the fault", &readAgain, right[:1], ""},
		{"the fault, from the writer's side", &readAgain, right[1:], ""},
		{"both", &readAgain, right, ""},
		{"nothing", &readAgain, nil, "not found"},
		{"only inferred", &readAgain, changed(func(f *findings.Finding) { f.Class = "inferred" }), "verdict stuck, inferred"},
		{"not seen as a cycle", &readAgain, changed(func(f *findings.Finding) { f.Cycle = false }), "cycle false"},
		{"holder not named", &readAgain, changed(func(f *findings.Finding) { f.Chain = f.Chain[1:] }), "nobody holds at server/stream.go:5176"},
		{"another line", &readAgain, changed(func(f *findings.Finding) { f.Place.Site.Line = 17 }), "the place is server/stream.go:17"},
		{"another lock", &readAgain, changed(func(f *findings.Finding) { f.Place.Site.Object = "server.stream.clMu" }), `is about "server.stream.clMu"`},
		{"another finding beside it", &readAgain, []findings.Seen{right[0], elsewhere}, "beside it"},
		{"silence", nil, nil, ""},
		{"false alarm", nil, right[:1], "false alarm"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := strings.Join(tt.e.check(tt.found), "; ")
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("wrong is %q, want %q", got, tt.want)
			}
		})
	}
}

func TestGrade(t *testing.T) {
	second := int64(time.Second)
	stall := &report.Line{Event: report.Stall, LastAck: 10 * second}
	found := readFindings(t, "nats7458.jsonl")[:1]
	found[0].SeenAt = 10*second + second/2
	quiet := scenario{name: "quiet"}
	still := scenario{name: "stopped", disturb: stopped}
	worked := account{end: report.Line{Acked: 100}}
	disturbedAt := func(from, to, end int64) account {
		at := func(s, acked int64) report.Line { return report.Line{At: s * second, Acked: acked} }
		return account{ready: at(10, 0), from: at(13, from), to: at(18, to), end: at(22, end)}
	}
	tests := []struct {
		name string
		o    outcome
		want string
	}{
		{"found", outcome{scenario: fault(1), found: found, load: account{stall: stall}, health: 200}, ""},
		{"fault did not occur", outcome{scenario: fault(1), health: 200}, "the fault did not occur"},
		{"probe saw it too", outcome{scenario: fault(1), found: found, load: account{stall: stall}, health: 503}, "/healthz 503"},
		{"alone", outcome{scenario: baseline(), load: account{stall: stall}, health: 200}, ""},
		{"quiet", outcome{scenario: quiet, load: worked, health: 200}, ""},
		{"quiet and idle", outcome{scenario: quiet, health: 200}, "nothing was published"},
		{"stood still", outcome{scenario: quiet, load: account{stall: stall, end: worked.end}, health: 200}, "the server stood still"},
		{"stopped, went on", outcome{scenario: still, load: disturbedAt(3000, 3010, 7000), health: 200}, ""},
		{"stood still for a while", outcome{scenario: quiet, load: account{over: 1, end: worked.end}, health: 200}, "the server stood still"},
		{"stopped, stands", outcome{scenario: still, load: account{stall: stall, end: worked.end}, health: 200}, "the server stood still"},
		{"stopped, never again", outcome{scenario: still, load: disturbedAt(3000, 3010, 3010), health: 200}, "nothing was published after"},
		{"stopped, not felt", outcome{scenario: still, load: disturbedAt(3000, 7000, 9000), health: 200}, "not felt: 1000 publishes a second before, 800 in it"},
		{"void", outcome{scenario: quiet, err: os.ErrPermission}, "void: permission denied"},
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

func TestGradeAllIsByTheMedian(t *testing.T) {
	run := func(took time.Duration) outcome {
		return outcome{
			scenario: fault(3),
			found:    []findings.Seen{{SeenAt: int64(took)}},
			load:     account{stall: &report.Line{LastAck: 0}},
		}
	}
	untimed := func(o outcome) outcome {
		o.scenario.expect = readAgain.untimed()
		return o
	}
	tests := []struct {
		name string
		runs []outcome
		want string
	}{
		{"one of three is late", []outcome{run(3 * time.Second), run(time.Second), run(time.Second / 2)}, ""},
		{"two of three are late", []outcome{run(3 * time.Second), run(1100 * time.Millisecond), run(time.Second / 2)}, "median 1.10 s, want at most 1.00 s"},
		{"late, and nobody minds", []outcome{untimed(run(3 * time.Second))}, ""},
		{"never found", []outcome{{scenario: fault(1)}}, "never timed"},
		{"nothing to find", []outcome{{scenario: scenario{}}}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := strings.Join(gradeAll(tt.runs), "; "); got != tt.want {
				t.Errorf("wrong is %q, want %q", got, tt.want)
			}
		})
	}
}

func TestTable(t *testing.T) {
	var out strings.Builder
	table := newTable(&out)
	second := int64(time.Second)
	found := readFindings(t, "nats7458.jsonl")[:1]
	found[0].SeenAt = 10*second + second/2
	good := outcome{scenario: fault(1), found: found, load: account{stall: &report.Line{LastAck: 10 * second}}, health: 200}
	table.add(good)
	table.addMedian([]outcome{good})
	table.add(outcome{scenario: scenario{name: "mended"}, load: account{end: report.Line{Acked: 1}}, health: 200})
	table.add(outcome{scenario: scenario{name: "mended"}, err: os.ErrPermission})
	if err := table.w.Flush(); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "table.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != string(want) {
		t.Errorf("table is\n%swant\n%s", got, want)
	}
	if table.wrong != 1 {
		t.Errorf("%d things are wrong, want 1", table.wrong)
	}
}
