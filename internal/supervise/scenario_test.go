package supervise

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

var update = flag.Bool("update", false, "write the scenarios' outcomes anew")

const outcome = "-- outcome --\n"

// TestScenarios plays the stories in testdata: lines of "SECONDS EVENT ARGS", with
// "until SECONDS" for time that goes by, "pause SECONDS" for time in which the
// supervisor does not run, and what must come of it at their end.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			story, want := string(data), ""
			if i := strings.Index(story, outcome); i >= 0 {
				story, want = story[:i], story[i+len(outcome):]
			}
			got := play(t, story)
			if *update {
				if err := os.WriteFile(file, []byte(story+outcome+got), 0o666); err != nil {
					t.Fatal(err)
				}
			} else if got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

type player struct {
	s    *Supervisor
	now  int64
	next int64
	out  strings.Builder
}

func play(t *testing.T, story string) string {
	p := &player{s: New(Config{Restart: OnCrash}, Memory{})}
	for n, line := range strings.Split(story, "\n") {
		args := strings.Fields(line)
		if len(args) == 0 || strings.HasPrefix(line, "#") {
			continue
		}
		if err := p.line(args); err != nil {
			t.Fatalf("line %d: %q: %v", n+1, line, err)
		}
	}
	return p.out.String()
}

func (p *player) line(args []string) error {
	switch args[0] {
	case "config":
		c, m, err := config(args[1:])
		p.s = New(c, m)
		return err
	case "until":
		at, err := seconds(args[1])
		p.run(at)
		return err
	case "pause":
		d, err := seconds(args[1])
		p.now += d
		return err
	}
	at, err := seconds(args[0])
	if err != nil {
		return err
	}
	e, err := happening(args[1:])
	if err != nil {
		return err
	}
	if at < p.now {
		return fmt.Errorf("it is %v already", time.Duration(p.now))
	}
	p.run(at)
	p.step(e)
	return nil
}

// run lets time go by.
func (p *player) run(to int64) {
	for p.next != 0 && p.next <= to {
		if p.next > p.now {
			p.now = p.next
		}
		p.step()
	}
	if to > p.now {
		p.now = to
	}
}

func (p *player) step(events ...Event) {
	before := p.s.State()
	a := p.s.Step(p.now, events...)
	p.next = a.Next
	at := fmt.Sprintf("%8.3f ", time.Duration(p.now).Seconds())
	for _, act := range a.Do {
		name := map[Deed]string{Start: "start", Send: "send " + string(act.Signal), Kill: "kill", Dump: "dump: ", Say: "say: ", Up: "up", Stopping: "tell of the stop", End: "end"}[act.Deed]
		fmt.Fprintf(&p.out, "%s%s%s\n", at, name, act.Text)
	}
	if s := p.s.State(); s != before {
		fmt.Fprintf(&p.out, "%s= %s\n", at, s)
	}
	if !p.s.Alive(p.now) {
		fmt.Fprintf(&p.out, "%sno watchdog is fed\n", at)
	}
}

func seconds(s string) (int64, error) {
	f, err := strconv.ParseFloat(s, 64)
	return int64(f * 1e9), err
}

func config(args []string) (c Config, m Memory, err error) {
	durations := map[string]*time.Duration{
		"deadline": &c.Deadline, "grace": &c.Grace, "quitgrace": &c.QuitGrace, "killgrace": &c.KillGrace,
		"base": &c.Base, "max": &c.Max, "quiet": &c.Quiet, "budget": &c.Budget,
	}
	for len(args) > 0 && err == nil {
		word := args[0]
		args = args[1:]
		switch word {
		case "readiness":
			c.Readiness = true
			continue
		case "stuck":
			c.On.Stuck = true
			continue
		case "inferred":
			c.On.Inferred = true
			continue
		case "vanished":
			c.On.Vanished = true
			continue
		}
		if len(args) == 0 {
			return c, m, fmt.Errorf("%s needs a value", word)
		}
		value := args[0]
		args = args[1:]
		switch word {
		case "restart":
			c.Restart = Policy(value)
		case "loop":
			c.Loop, err = strconv.Atoi(value)
		case "restarts":
			m.Restarts, err = strconv.Atoi(value)
		default:
			d, ok := durations[word]
			if !ok {
				return c, m, fmt.Errorf("no word %q", word)
			}
			*d, err = time.ParseDuration(value)
		}
	}
	return c, m, err
}

func happening(args []string) (Event, error) {
	plain := map[string]Kind{"vacant": Vacant, "left": Left, "ready": IsReady, "gone": Gone}
	if k, ok := plain[args[0]]; ok {
		return Event{Kind: k}, nil
	}
	word := func(i int) string {
		if i < len(args) {
			return args[i]
		}
		return ""
	}
	number := func(i int) int {
		n, _ := strconv.Atoi(word(i))
		return n
	}
	switch args[0] {
	case "started":
		return Event{Kind: Started, PID: number(1)}, nil
	case "failed":
		return Event{Kind: StartFailed, Text: strings.Join(args[1:], " ")}, nil
	case "adopted":
		return Event{Kind: Adopted, PID: number(1), Ready: word(2) == "ready", Halfway: word(2) == "halfway"}, nil
	case "extend":
		return Event{Kind: Extend, For: time.Duration(number(1)) * time.Second}, nil
	case "exited":
		switch word(1) {
		case "status":
			return Event{Kind: Exited, Exit: Exit{Known: true, Status: number(2)}}, nil
		case "signal":
			return Event{Kind: Exited, Exit: Exit{Known: true, Signal: number(2)}}, nil
		case "unknown":
			return Event{Kind: Exited}, nil
		}
	case "stop":
		return Event{Kind: StopAsked, Signal: Terminate}, nil
	case "finding": // EPISODE VERDICT CLASS SOURCES
		return Event{Kind: Judged, Episode: uint64(number(1)), Verdict: event.Verdict(word(2)), Class: event.Class(word(3)), Sources: number(4), Text: "what was found"}, nil
	}
	return Event{}, fmt.Errorf("no such event")
}
