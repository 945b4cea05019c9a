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
// that serves whoever waits there, and whoever receives serves the sender.
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
	waits := make(map[string]string) // by line of main.go: what the operation there needs
	for _, p := range m.Packages {
		for _, f := range p.Files {
			for _, s := range f.Sites {
				if s.Needs != "" && filepath.Base(s.File) == "main.go" {
					waits[strconv.Itoa(s.Line)] = s.Needs
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
	for _, waiter := range done {
		need := waits[strconv.Itoa(waiter.stack[0].Line)]
		for _, server := range done {
			if server.object != waiter.object || !serves[[2]string{server.verb, waiter.verb}] || need == "" {
				continue
			}
			for _, item := range strings.Fields(need) {
				n, ok := table.Class(item)
				if !ok || strings.HasPrefix(item, "send:main.server.quit") {
					continue
				}
				reaches, _, known := table.Serves(n, server.stack)
				if !reaches || !known {
					t.Errorf("%s at line %d serves %s at line %d, which the table does not foresee (known: %v)", server.verb, server.stack[0].Line, item, waiter.stack[0].Line, known)
				}
			}
		}
	}
}

// serves has what ends which wait.
var serves = map[[2]string]bool{{"send", "recv"}: true, {"recv", "send"}: true, {"signal", "wait"}: true}

// deed is what a goroutine has told of itself.
type deed struct {
	verb, object string
	stack        []event.Frame
}

func told(t *testing.T, out string) []deed {
	t.Helper()
	var list []deed
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		fields := strings.Split(line, "\t")
		if len(fields) < 3 {
			t.Fatalf("it told %q", line)
		}
		d := deed{verb: fields[0], object: fields[1]}
		for _, f := range fields[2:] {
			parts := strings.Split(f, "|")
			at, err := strconv.Atoi(parts[2])
			if err != nil {
				t.Fatal(err)
			}
			d.stack = append(d.stack, event.Frame{Func: parts[0], File: parts[1], Line: at})
		}
		list = append(list, d)
	}
	return list
}
