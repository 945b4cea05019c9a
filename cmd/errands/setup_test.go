package errands

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// The test binary is the helper, and the programs whose errands are done.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "helper" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		if err := Serve(ctx, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if len(os.Args) > 2 && os.Args[1] == "program" {
		if err := program(os.Args[2], os.Args[3:]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// start starts a program and waits until it has said that it is ready. It gets lines
// on its standard input, and ends with it.
func start(t *testing.T, mode string, args ...string) *subject {
	t.Helper()
	return startBy(t, exec.Command("/proc/self/exe", append([]string{"program", mode}, args...)...))
}

type subject struct {
	*exec.Cmd
	t   *testing.T
	in  interface{ Write([]byte) (int, error) }
	out *bufio.Scanner
}

func startBy(t *testing.T, cmd *exec.Cmd) *subject {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	p := &subject{cmd, t, in, bufio.NewScanner(out)}
	p.says("ready")
	return p
}

// says demands that the program's next line is this one.
func (p *subject) says(want string) {
	p.t.Helper()
	if got := p.line(); got != want {
		p.t.Fatalf("the program says %q, want %q", got, want)
	}
}

func (p *subject) line() string {
	p.t.Helper()
	if !p.out.Scan() {
		p.t.Fatalf("the program has ended: %v", p.out.Err())
	}
	return p.out.Text()
}

func (p *subject) ask(line string) { fmt.Fprintln(p.in, line) }

// helperOf starts a helper for a program.
func helperOf(t *testing.T, pid int) *Helper {
	t.Helper()
	h, err := Start(Config{PID: pid, Share: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

var lastID uint64

// errand makes one. Each is of a site of its own.
func errand(d event.Deed, path string) event.Errand {
	lastID++
	return event.Errand{ID: lastID, Where: event.Here, Mimic: event.Mimic{
		Deed: d, Path: path, FD: -1, Offset: -1, Site: event.Site{File: "main.go", Line: int(lastID)},
	}}
}

// do has an errand done and returns its last outcome. It must come within a minute.
func do(t *testing.T, h *Helper, e event.Errand) event.Outcome {
	t.Helper()
	h.Do(e)
	return await(t, h, e.ID)
}

func await(t *testing.T, h *Helper, id uint64) event.Outcome {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		for _, o := range h.Outcomes(nil) {
			if o.ID == id && o.End != event.Hangs {
				return o
			}
		}
	}
	t.Fatalf("errand %d has not ended; %+v", id, h.Counts())
	return event.Outcome{}
}

// want demands how an errand ends, with a part of its text.
func want(t *testing.T, o event.Outcome, end event.End, errno, text string) {
	t.Helper()
	if o.End != end || o.Errno != errno || !strings.Contains(o.Text, text) {
		t.Errorf("%s %s %q, want %s %s %q", o.End, o.Errno, o.Text, end, errno, text)
	}
}

// file makes a file with some text in it.
func file(t *testing.T, dir, name string) string {
	t.Helper()
	name = filepath.Join(dir, name)
	if err := os.WriteFile(name, []byte("some text\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// empty demands that there is nothing in a directory but these.
func only(t *testing.T, dir string, names ...string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range list {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(names, " ") {
		t.Errorf("in %s there are %q, want %q", dir, got, names)
	}
}
