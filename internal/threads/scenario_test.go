package threads

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

var update = flag.Bool("update", false, "rewrite what the scenarios record of the judge's actions")

// told separates a scenario from the record of what the judge did in it.
const told = "-- told --\n"

// TestScenarios plays the stories in testdata. Each is a file of lines:
//
//	# prose
//	t ID STATE CALL [wchan W] [comm C] [what W] [killed] [policy P] [nice N] [code N] [err E]
//	on ID KIND NAME [flight N] [done N] [moved N] [limit L] [err E] [held PID/TID/STATE]…
//	runs ID PERCENT [sleeps] [system]    CPU time it has in every interval; 0 if it stands
//	waits ID PERCENT                     and time in which it waits for a processor
//	gone ID                there is no such thread any more
//	exit ID CODE           the kernel tells of its end
//	killed ID              SIGKILL is pending
//	node OOPSES [died] [cpu N] [memory N]
//	paused WHY · resumed · deaf · goroutine ID (has been told)
//	until SECONDS          rounds, four a second
//	jump SECONDS           the next round is then, and the time in between does not count
//	expect ID VERDICT CLASS WORDS        its standing; WORDS are part of what it says
//	expect node VERDICT WORDS
//	told nothing · told VERDICT CLASS WORDS     the next finding
//
// Words in lines may be quoted. After the line "-- told --" stands what the
// judge told, written by -update.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		file := file
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			story, want := string(text), ""
			if i := strings.Index(story, told); i >= 0 {
				story, want = story[:i], story[i+len(told):]
			}
			p := newPlayer()
			p.play(t, file, story)
			got := p.log.String()
			if *update {
				if err := os.WriteFile(file, []byte(story+told+got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != want {
				t.Errorf("%s: what the judge did has changed; got:\n%s\nwant:\n%s", file, got, want)
			}
		})
	}
}

const period = 250_000_000

func newJudge() *Judge {
	return New(Config{Floor: 500 * time.Millisecond, Window: 300 * time.Millisecond, Fallback: 10 * time.Second})
}

// actor is a thread of a scenario.
type actor struct {
	event.Thread
	share, wait   int64
	sleeps, inSys bool
}

// player plays one scenario.
type player struct {
	judge  *Judge
	actors map[int]*actor
	exits  []event.Exit
	node   *event.Node
	paused string
	deaf   bool
	told   map[int]bool
	now    int64
	honest int64
	epoch  int
	asked  Result
	found  []event.Finding
	log    strings.Builder
}

func newPlayer() *player {
	return &player{judge: newJudge(), actors: map[int]*actor{}, told: map[int]bool{}, now: 1}
}

func (p *player) play(t *testing.T, file, story string) {
	lines := bufio.NewScanner(strings.NewReader(story))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := p.line(words(line)); err != nil {
			t.Fatalf("%s:%d: %s: %v", file, n, line, err)
		}
	}
	if len(p.found) > 0 {
		t.Errorf("%s: not expected: %s", file, p.found[0].What)
	}
}

// words splits a line at spaces, except inside double quotes.
func words(s string) (all []string) {
	for i, part := range strings.Split(s, `"`) {
		if i%2 == 1 {
			all = append(all, part)
		} else {
			all = append(all, strings.Fields(part)...)
		}
	}
	return all
}

func (p *player) line(args []string) error {
	verb, args := args[0], args[1:]
	switch verb {
	case "t":
		return p.thread(args)
	case "on":
		return p.resource(args)
	case "runs", "waits":
		a, n := p.actor(args[0]), number(args[1])
		if verb == "waits" {
			a.wait = n
			return nil
		}
		a.share, a.sleeps, a.inSys = n, has(args, "sleeps"), has(args, "system")
	case "gone":
		delete(p.actors, int(number(args[0])))
	case "exit":
		p.exits = append(p.exits, event.Exit{TID: int(number(args[0])), Code: int(number(args[1])), At: p.now})
	case "killed":
		p.actor(args[0]).Killed = true
	case "node":
		p.node = &event.Node{Oopses: uint64(number(args[0])), Died: has(args, "died"), CPU: float64(option(args, "cpu")), Memory: float64(option(args, "memory"))}
	case "paused":
		p.paused = args[0]
	case "resumed":
		p.paused = ""
	case "deaf":
		p.deaf = true
	case "goroutine":
		p.told[int(number(args[0]))] = true
	case "until":
		p.run(args[0])
	case "jump":
		p.now, p.epoch = seconds64(args[0]), p.epoch+1
		p.round()
	case "expect":
		return p.expect(args)
	case "told":
		return p.tells(args)
	default:
		return fmt.Errorf("unknown line")
	}
	return nil
}

func seconds64(s string) int64 {
	f, _ := strconv.ParseFloat(s, 64)
	return int64(f * 1e9)
}

func number(s string) int64 {
	n, err := strconv.ParseInt(s, 0, 64)
	if err != nil {
		panic(err)
	}
	return n
}

func has(args []string, word string) bool {
	for _, a := range args {
		if a == word {
			return true
		}
	}
	return false
}

func option(args []string, name string) int64 {
	for i, a := range args {
		if a == name {
			return number(args[i+1])
		}
	}
	return 0
}

func (p *player) actor(id string) *actor {
	n := int(number(id))
	if p.actors[n] == nil {
		p.actors[n] = &actor{Thread: event.Thread{ID: n, Syscall: -1}}
	}
	return p.actors[n]
}

func (p *player) thread(args []string) error {
	a := p.actor(args[0])
	a.State, a.Call = args[1], args[2]
	a.Resource, a.share = nil, 0
	a.Switches++
	for i := 3; i < len(args); i++ {
		switch args[i] {
		case "killed":
			a.Killed = true
			continue
		case "wchan":
			a.Wchan = args[i+1]
		case "comm":
			a.Comm = args[i+1]
		case "what":
			a.What = args[i+1]
		case "policy":
			a.Policy = args[i+1]
		case "err":
			a.Err = args[i+1]
		case "nice":
			a.Nice = int(number(args[i+1]))
		case "code":
			a.ExitCode = int(number(args[i+1]))
		default:
			return fmt.Errorf("unknown word %q", args[i])
		}
		i++
	}
	return nil
}

func (p *player) resource(args []string) error {
	a := p.actor(args[0])
	r := &event.Resource{Kind: event.ResourceKind(args[1]), Name: args[2]}
	for i := 3; i < len(args); i += 2 {
		switch v := args[i+1]; args[i] {
		case "flight":
			r.InFlight = uint64(number(v))
		case "done":
			r.Completed = uint64(number(v))
		case "moved":
			r.Moved = uint64(number(v))
		case "limit":
			r.Throttled = v
		case "err":
			r.Err = v
		case "held":
			f := strings.Split(v, "/")
			r.Holders = append(r.Holders, event.Task{PID: int(number(f[0])), TID: int(number(f[1])), State: f[2]})
		default:
			return fmt.Errorf("unknown word %q", args[i])
		}
	}
	a.Resource = r
	return nil
}

func (p *player) run(to string) {
	for end := seconds64(to); p.now+period <= end+1; {
		p.now += period
		p.honest += period
		p.round()
	}
}

// round has time pass for every thread and takes a sample with what was asked for.
func (p *player) round() {
	var ids []int
	for id := range p.actors {
		ids = append(ids, id)
	}
	sort.Ints(ids)
	states, resources := map[int]bool{}, map[int]bool{}
	for _, id := range p.asked.States {
		states[id] = !p.deaf
	}
	for _, id := range p.asked.Resources {
		resources[id] = !p.deaf
	}
	s := event.Sample{At: p.now, Process: event.Process{Paused: p.paused}, Exits: p.exits, Node: p.node, Threads: []event.Thread{}}
	p.exits = nil
	for _, id := range ids {
		s.Threads = append(s.Threads, p.actors[id].pass(states[id], resources[id]))
	}
	p.asked = p.judge.Step(Round{Sample: &s, Honest: p.honest, Epoch: p.epoch, Told: func(tid int) bool { return p.told[tid] }})
	for i, f := range p.asked.Findings {
		p.found = append(p.found, f)
		p.record(p.asked.Keys[i], f)
	}
}

// pass lets a period pass and shows the thread.
func (a *actor) pass(state, resource bool) event.Thread {
	ran := period / 100 * a.share
	a.RanNS += ran
	a.WaitedNS += period / 100 * a.wait
	if a.inSys {
		a.SystemNS += ran
	} else {
		a.UserNS += ran
	}
	if a.share > 0 {
		a.Slices++
		a.Switches++
		if !a.sleeps {
			a.Forced++
		}
	}
	th := event.Thread{ID: a.ID, Syscall: -1, RanNS: a.RanNS, WaitedNS: a.WaitedNS, Slices: a.Slices}
	if state {
		th = a.Thread
		th.Depth = event.DepthState
		if resource {
			th.Depth = event.DepthResource
		} else {
			th.Resource = nil
		}
	}
	return th
}

func (p *player) record(key string, f event.Finding) {
	fmt.Fprintf(&p.log, "%.2f %s\n  %s, %s: %s\n", float64(p.now)/1e9, key, f.Verdict, f.Class, f.What)
	for _, l := range f.Chain {
		fmt.Fprintf(&p.log, "  link %d %s\n", l.Task.TID, l.What)
	}
	for _, l := range f.Waiters {
		fmt.Fprintf(&p.log, "  waiter %d %s\n", l.Task.TID, l.What)
	}
	for _, e := range f.Evidence {
		fmt.Fprintf(&p.log, "  %s: %s\n", e.Source, e.Text)
	}
	fmt.Fprintf(&p.log, "  cycle %v, refuted if %s\n", f.Cycle, f.Refuted)
}

func (p *player) expect(args []string) error {
	if args[0] == "node" {
		n := p.judge.Node()
		if string(n.Verdict) != args[1] || !strings.Contains(n.What, args[2]) {
			return fmt.Errorf("got %s: %s", n.Verdict, n.What)
		}
		return nil
	}
	id := int(number(args[0]))
	for _, s := range p.judge.Standings() {
		if s.Thread.ID != id {
			continue
		}
		if string(s.Verdict) != args[1] || string(s.Class) != args[2] || len(args) > 3 && !strings.Contains(s.What, args[3]) {
			return fmt.Errorf("got %s, %s: %s", s.Verdict, s.Class, s.What)
		}
		return nil
	}
	return fmt.Errorf("there is no standing of thread %d", id)
}

func (p *player) tells(args []string) error {
	if args[0] == "nothing" {
		if len(p.found) > 0 {
			return fmt.Errorf("got %s: %s", p.found[0].Verdict, p.found[0].What)
		}
		return nil
	}
	if len(p.found) == 0 {
		return fmt.Errorf("nothing was told")
	}
	f := p.found[0]
	p.found = p.found[1:]
	if string(f.Verdict) != args[0] || string(f.Class) != args[1] || len(args) > 2 && !strings.Contains(f.What, args[2]) {
		return fmt.Errorf("got %s, %s: %s", f.Verdict, f.Class, f.What)
	}
	return nil
}
