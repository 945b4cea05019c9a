package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lifesign-go/lifesign/testbed/internal/mono"
)

// inspection is what a user reads of `lifesign inspect -json`.
type inspection struct {
	Verdict string  `json:"verdict"`
	What    string  `json:"what"`
	Seconds float64 `json:"seconds"`
	Groups  []group `json:"groups"`
}

type group struct {
	Threads  []int  `json:"threads"`
	Verdict  string `json:"verdict"`
	Class    string `json:"class"`
	What     string `json:"what"`
	State    string `json:"state"`
	Call     string `json:"call"`
	Wchan    string `json:"wchan"`
	Resource *struct {
		Kind  string `json:"kind"`
		Name  string `json:"name"`
		Error string `json:"error"`
	} `json:"resource"`
	Evidence []struct {
		Text string `json:"text"`
	} `json:"evidence"`
}

// named is what the group's words name: the resource, or else what the thread does.
// Threads that work or are paused are one group, whatever each waits for.
func (g group) named() string {
	if g.Verdict != "working" && g.Verdict != "paused" && g.Resource != nil && g.Resource.Name != "" {
		return g.Resource.Name
	}
	return g.What
}

// mentions reports whether a text is in any of the group's words.
func (g group) mentions(text string) bool {
	return strings.Contains(strings.ToLower(g.What+" "+g.named()), strings.ToLower(text))
}

func (g group) String() string {
	s := fmt.Sprintf("%s (%s): %s; state %s, %s in %s", g.Verdict, g.Class, g.What, g.State, g.Call, g.Wchan)
	if g.Resource != nil {
		s += fmt.Sprintf("; resource %s %q %s", g.Resource.Kind, g.Resource.Name, g.Resource.Error)
	}
	for _, e := range g.Evidence {
		s += "; " + e.Text
	}
	return s
}

// inspect has lifesign look at a process for so long.
func inspect(ctx context.Context, s *stage, pid int, d time.Duration) (inspection, error) {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "lifesign"), "inspect", "-json", "-for", d.String(), strconv.Itoa(pid))
	cmd.Stdout = &out
	p, err := s.start(cmd)
	if err != nil {
		return inspection{}, err
	}
	<-p.ended
	var i inspection
	if err := json.Unmarshal(out.Bytes(), &i); err != nil {
		return i, fmt.Errorf("lifesign inspect ends with %v and prints %q: %w", p.err, out.Bytes(), err)
	}
	return i, nil
}

// of returns the group that a thread is in.
func (i inspection) of(tid int) (group, bool) {
	for _, g := range i.Groups {
		if slices.Contains(g.Threads, tid) {
			return g, true
		}
	}
	return group{}, false
}

// finding is what a user reads of the file of `lifesign watch -json`, and when it came.
type finding struct {
	Verdict string `json:"verdict"`
	Class   string `json:"class"`
	What    string `json:"what"`
	Thread  int    `json:"thread"`
	PID     int    `json:"pid"`
	Chain   []link `json:"chain"`
	Waiters []link `json:"waiters"`

	came int64 // when its line was there
}

type link struct {
	Task *struct {
		TID int `json:"tid"`
	} `json:"thread"`
}

// about reports whether a thread stands, by the finding: as the one that it is
// about, or as one that waits for it.
func (f finding) about(tid int) bool {
	is := func(l link) bool { return l.Task != nil && l.Task.TID == tid }
	return f.Thread == tid || slices.ContainsFunc(f.Chain, is) || slices.ContainsFunc(f.Waiters, is)
}

func (f finding) String() string {
	return fmt.Sprintf("%s (%s): %s", f.Verdict, f.Class, f.What)
}

// watcher is a `lifesign watch` that runs.
type watcher struct {
	*process
	file string
	log  string
	read int64 // bytes of the file that were read
	all  []finding
}

// said returns the end of what the watch has said for people, or why it crashed.
func (w *watcher) said() string {
	data, err := os.ReadFile(w.log)
	if err != nil {
		return err.Error()
	}
	const most = 16 << 10
	return string(data[max(0, len(data)-most):])
}

// watch has lifesign watch processes, and returns when it does. The flags have
// precedence, that of the file of findings too.
func watch(s *stage, flags []string, pids ...int) (*watcher, error) {
	w := &watcher{file: filepath.Join(s.dir, "findings.jsonl")}
	if i := slices.Index(flags, "-json"); i >= 0 {
		w.file = flags[i+1]
	}
	args := append([]string{"watch", "-json", w.file}, flags...)
	for _, pid := range pids {
		args = append(args, strconv.Itoa(pid))
	}
	log, err := os.Create(w.file + ".log")
	if err != nil {
		return nil, err
	}
	defer log.Close()
	w.log = log.Name()
	cmd := exec.Command(filepath.Join(s.bin, "lifesign"), args...)
	cmd.Stderr = log
	if w.process, err = s.start(cmd); err != nil {
		return nil, err
	}
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		said, err := os.ReadFile(log.Name())
		if err != nil {
			return nil, err
		}
		if strings.Count(string(said), "watched, with") >= len(pids) {
			return w, nil
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("lifesign watch does not say that it watches: %s", said)
		}
	}
}

// look reads what has been found since the last look.
func (w *watcher) look() error {
	f, err := os.Open(w.file)
	if err != nil {
		return err
	}
	defer f.Close()
	data := make([]byte, 1<<20)
	n, _ := f.ReadAt(data, w.read) // it may end anywhere
	came := mono.Now()
	for {
		line, _, whole := bytes.Cut(data[:n], []byte("\n"))
		if !whole {
			return nil
		}
		found := finding{came: came}
		if err := json.Unmarshal(line, &found); err != nil {
			return fmt.Errorf("read a finding %q: %w", line, err)
		}
		w.all = append(w.all, found)
		size := len(line) + 1
		data, n, w.read = data[size:], n-size, w.read+int64(size)
	}
}
