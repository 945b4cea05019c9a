package analyze

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/lifesign-go/lifesign/event"
	serving "github.com/lifesign-go/lifesign/internal/reach"
)

// What a program does when it runs, the table must have foreseen: every
// goroutine that sends on a channel, or signals a Cond, reaches an operation
// that serves whoever waits there, and whoever receives serves the sender; and so
// it was wherever it stood before.
func TestTableForeseesWhatRuns(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/flow/twin.txtar")
	if err != nil {
		t.Fatal(err)
	}
	m, dir := laidOut(t, archive, "")
	table, err := serving.Decode(m.Reach)
	if err != nil {
		t.Fatal(err)
	}
	waits := make(map[string]string) // by file and line: what the operation there needs
	for _, p := range m.Packages {
		for _, f := range p.Files {
			for _, s := range f.Sites {
				if s.Needs != "" {
					waits[at(s.File, s.Line)] = s.Needs
				}
			}
		}
	}
	cmd := exec.Command("go", "run", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	done := told(t, string(out))
	if len(done) < 20 {
		t.Errorf("the program told %d things:\n%s", len(done), out)
	}
	for i, server := range done {
		for item := range servedBy(server, done, waits) {
			n, ok := table.Class(item)
			if !ok || strings.HasPrefix(item, "send:main.server.quit") {
				continue
			}
			for _, before := range done[:i+1] {
				if before.goroutine != server.goroutine {
					continue
				}
				if reaches, _, known := table.Serves(n, before.stack); !reaches || !known {
					t.Errorf("%s at %s serves %s, which the table does not foresee of its goroutine in %v (known: %v)",
						server.verb, server.at(), item, before.stack, known)
				}
			}
		}
	}
}

// servedBy returns the needs that a deed serves, of those who have waited for the
// same object.
func servedBy(server deed, done []deed, waits map[string]string) map[string]bool {
	out := make(map[string]bool)
	for _, waiter := range done {
		if waiter.object == server.object && serves[[2]string{server.verb, waiter.verb}] {
			for _, item := range strings.Fields(waits[waiter.at()]) {
				out[item] = true
			}
		}
	}
	return out
}

func at(file string, line int) string { return filepath.Base(file) + ":" + strconv.Itoa(line) }

// serves has what ends which wait.
var serves = map[[2]string]bool{{"send", "recv"}: true, {"recv", "send"}: true, {"signal", "wait"}: true}

// deed is what a goroutine has told of itself.
type deed struct {
	verb, object, goroutine string
	stack                   []event.Frame
}

func (d deed) at() string { return at(d.stack[0].File, d.stack[0].Line) }

func told(t *testing.T, out string) []deed {
	t.Helper()
	var list []deed
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		fields := strings.Split(line, "\t")
		if len(fields) < 4 {
			t.Fatalf("it told %q", line)
		}
		d := deed{verb: fields[0], object: fields[1], goroutine: fields[2]}
		for _, f := range fields[3:] {
			parts := strings.Split(f, "|")
			line, err := strconv.Atoi(parts[2])
			if err != nil {
				t.Fatal(err)
			}
			d.stack = append(d.stack, event.Frame{Func: parts[0], File: parts[1], Line: line})
		}
		list = append(list, d)
	}
	return list
}
