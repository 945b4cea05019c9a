package judge

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/lifesign-go/lifesign/event"
)

var update = flag.Bool("update", false, "rewrite what the scenarios record of the judge's actions")

// told separates a scenario from the record of what the judge did in it.
const told = "-- told --\n"

// TestScenarios plays the stories in testdata. Each is a file of lines:
//
//	# prose
//	site NAME KIND OBJECT FILE:LINE FUNC [paired] [confined] [idle] [needs ITEM …]
//	serves FILE:LINE NEED …   whom code there serves; all other code serves nobody
//	mentions FILE:LINE NEED …   the same, but only by what it calls
//	other ID               a goroutine without a cell, for "is"
//	mark ID SITE COUNT     the region that the goroutine is in, and its passes
//	worker NAME [[all] of GROUP] (idle | busy SEQ PROGRESS BUDGET [by ID])
//	done SITE              operations there have come to their end before
//	g ID [holds SITE#SEQ on LOCK, …] [waits SITE#SEQ on LOCK] [in SITE#SEQ] [lost]
//	torn ID …              the same, for the next sample alone
//	leaves ID              it has no cell any more; ends ID  nor does another exist
//	is ID STATUS [REASON [on LOCK]] [coarse] [at FILE:LINE …]    what a look shows
//	is ID unseen WHY | is ID as recorded
//	thread ID CALL SWITCHES [RESOURCE INFLIGHT COMPLETED]   of one in a system call
//	word LOCK (holding | pending | none | unreadable) [READERS]
//	orphan ID SITE#SEQ on LOCK
//	foreign LOCK · lost · paused WHY · resumed
//	again ID               another cell, an empty one, claims to be it
//	deaf                   nothing that is asked for is answered
//	until SECONDS          samples, one a period
//	jump SECONDS           the next sample is taken then and not before
//	expect nothing
//	expect VERDICT CLASS WORDS      the next finding; WORDS are part of what it says
//	expect chain ID … · expect waiters ID …          of that finding
//	expect looks [ID …]    what the last sample called for
//
// Words in lines may be quoted. After the line "-- told --" stands what the
// judge did, written by -update.
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
			p := &player{t: t, world: newWorld(), judge: New(Config{})}
			p.play(file, story)
			p.flush()
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

// player plays one scenario.
type player struct {
	t       *testing.T
	world   *world
	judge   *Judge
	next    int64 // when the next sample is due
	last    Actions
	found   []event.Finding
	current event.Finding
	log     strings.Builder
	asks    string // what the last sample that called for something called for
	again   int    // how often more than once
}

func (p *player) play(file, story string) {
	p.t.Helper()
	lines := bufio.NewScanner(strings.NewReader(story))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := p.line(line); err != nil {
			p.t.Fatalf("%s:%d: %s: %v", file, n, line, err)
		}
	}
	if len(p.found) > 0 {
		p.t.Errorf("%s: not expected: %s", file, p.found[0].What)
	}
}

func (p *player) line(line string) error {
	w := p.world
	verb, rest := line, ""
	if i := strings.IndexByte(line, ' '); i >= 0 {
		verb, rest = line[:i], line[i+1:]
	}
	args := words(rest)
	switch verb {
	case "site":
		return w.site(args)
	case "g", "torn":
		g, err := w.cell(rest)
		if verb == "g" {
			w.set(g)
		} else {
			w.torn[g.ID] = g
		}
		return err
	case "leaves":
		id, err := strconv.ParseUint(rest, 10, 64)
		w.remove(id)
		return err
	case "is":
		return p.is(args)
	case "done":
		w.done[rest] = true
	case "thread":
		return p.thread(args)
	case "mark":
		return w.mark(args)
	case "worker":
		return w.worker(args)
	case "serves", "mentions":
		w.nears[args[0]] = verb == "mentions"
		w.serves[args[0]] = map[string]bool{}
		for _, n := range args[1:] {
			w.serves[args[0]][n] = true
		}
	case "other":
		id, err := strconv.ParseUint(rest, 10, 64)
		w.others[id] = true
		return err
	case "ends":
		id, err := strconv.ParseUint(rest, 10, 64)
		delete(w.others, id)
		return err
	case "word":
		return p.word(args)
	case "orphan":
		return p.orphan(args)
	case "foreign":
		w.foreign[w.addr(rest)] = true
	case "again":
		w.again = rest
	case "deaf":
		w.deaf = true
	case "lost":
		w.lost++
	case "paused":
		w.process.Paused = args[0]
	case "resumed":
		w.process.Paused = ""
	case "until", "jump":
		return p.run(verb, rest)
	case "expect":
		return p.expect(args)
	default:
		return fmt.Errorf("unknown line")
	}
	return nil
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

func (p *player) is(args []string) error {
	id, err := strconv.ParseUint(args[0], 10, 64)
	if err != nil {
		return err
	}
	l := event.Look{Status: event.Status(args[1])}
	switch args[1] {
	case "unseen":
		l = event.Look{Err: args[2]}
	case "as":
		delete(p.world.looks, id)
		return nil
	}
	for i := 2; i < len(args); i++ {
		switch args[i] {
		case "coarse":
			l.Coarse = true
		case "on":
			i++
			l.Object = p.world.addr(args[i])
		case "at":
			for _, at := range args[i+1:] {
				file, line, err := place(at)
				if err != nil {
					return err
				}
				l.Stack = append(l.Stack, event.Frame{Func: p.world.funcAt(file, line), File: file, Line: line})
			}
			i = len(args)
		default:
			l.Reason = args[i]
		}
	}
	p.world.looks[id] = l
	return nil
}

func (p *player) thread(args []string) error {
	if len(args) != 3 && len(args) != 6 {
		return fmt.Errorf("thread ID CALL SWITCHES [RESOURCE INFLIGHT COMPLETED]")
	}
	var n [4]uint64
	for i, k := range []int{0, 2, 4, 5} {
		if k < len(args) {
			var err error
			if n[i], err = strconv.ParseUint(args[k], 10, 64); err != nil {
				return err
			}
		}
	}
	t := event.Thread{ID: 4000 + int(n[0]), State: "D", Syscall: 74, Call: args[1], Wchan: "request_wait_answer", Switches: n[1]}
	if len(args) == 6 {
		t.Resource = &event.Resource{Name: args[3], InFlight: n[2], Completed: n[3]}
	}
	p.world.threads[n[0]] = t
	return nil
}

func (p *player) word(args []string) error {
	w := event.Word{Writer: event.Writer(args[1]), Size: 24}
	if args[1] == "unreadable" {
		w = event.Word{Err: "its page is not mapped"}
	}
	var err error
	if len(args) > 2 {
		w.Readers, err = strconv.Atoi(args[2])
	}
	p.world.words[args[0]] = w
	return err
}

func (p *player) orphan(args []string) error {
	id, err := strconv.ParseUint(args[0], 10, 64)
	if err != nil {
		return err
	}
	r, err := p.world.record(args[1:], true)
	p.world.orphans = append(p.world.orphans, event.Orphan{Record: r, Goroutine: id})
	return err
}

func (p *player) run(verb, to string) error {
	secs, err := strconv.ParseFloat(to, 64)
	if err != nil {
		return err
	}
	end := int64(secs*1e9 + 0.5)
	if verb == "jump" {
		p.next = end
	}
	for ; p.next <= end; p.next += p.judge.period {
		p.world.now = p.next
		if len(p.world.serves) > 0 {
			p.judge.Know(p.world.table())
		}
		p.last = p.judge.Step(p.world.sample(p.last))
		p.record()
		p.found = append(p.found, p.last.Findings...)
	}
	p.world.now = end
	return nil
}
