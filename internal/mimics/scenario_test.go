package mimics

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/lifesign-go/lifesign/event"
)

var update = flag.Bool("update", false, "rewrite what the scenarios record of the judge's actions")

// record separates a story from the record of what the judge told in it.
const record = "-- told --\n"

// TestScenarios plays the stories in testdata. Each is a file of lines:
//
//	# prose
//	mimic NAME DEED [in REGION] [path P] [address A] [offset N] [size N] [data D] [err E] [NUMBER N]…
//	                       comes once a second from now on; NAME.2 is of the same site
//	stops NAME             comes no more
//	device NAME TEXT       what its path is on
//	does NAME WHERE END [took SECONDS] [errno E] [text T]
//	                       how its errands end from now on, those that hang among them; WHERE may be *
//	on NAME WHERE KIND RESOURCE [flight N] [done N] [call C] [limit L] [err E]
//	                       what those that hang stand on
//	failure NAME TEXT      the program's own operation has failed
//	marks NAME ID SECONDS  goroutine ID is in it since then; unmarks NAME
//	trend GOROUTINES       a number of the whole process
//	deaf · hears           nothing is heard of the helper
//	spares                 it does only what is urgent
//	redact                 paths and addresses are not told; first line only
//	late SECONDS           the next step is that late
//	until SECONDS          steps, ten a second
//	told nothing · told VERDICT CLASS WORDS     the next finding
//	count NAME N           of Counts, by now
//	begun N                errands, but for second looks
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
			if i := strings.Index(story, record); i >= 0 {
				story, want = story[:i], story[i+len(record):]
			}
			p := &player{world: newWorld(Config{})}
			p.play(t, file, story)
			var got strings.Builder
			for _, f := range p.found {
				got.WriteString(told(f))
			}
			if *update {
				if err := os.WriteFile(file, []byte(story+record+got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got.String() != want {
				t.Errorf("%s: what the judge told has changed; got:\n%s\nwant:\n%s", file, got.String(), want)
			}
		})
	}
}

// player plays one story.
type player struct {
	*world
	heard int // findings that the story has met
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
	if p.heard < len(p.found) {
		t.Errorf("%s: not expected: %s", file, told(p.found[p.heard]))
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
	case "mimic":
		return p.mimic(args)
	case "stops":
		p.sources[args[0]].on = false
	case "device":
		p.device[args[0]] = args[1]
	case "does":
		return p.doesLine(args)
	case "on":
		return p.onLine(args)
	case "failure":
		p.failure(args[0], args[1])
	case "marks":
		p.world.marks[args[0]] = event.Goroutine{ID: uint64(number(args[1])), Records: []event.Record{{Site: siteOf(args[0]), Seq: 1, Since: nanoseconds(args[2])}}}
	case "unmarks":
		delete(p.world.marks, args[0])
	case "trend":
		p.fails = append(p.fails, event.Mimic{Deed: event.SeeTrend, At: p.now, Numbers: map[string]int64{"goroutines": number(args[0])}})
	case "deaf":
		p.deaf = true
	case "spares":
		p.spares = true
	case "hears":
		p.deaf = false
	case "redact":
		p.judge = New(Config{Redact: func(s string) string { return fmt.Sprintf("[%d]", len(s)) }})
	case "late":
		late := nanoseconds(args[0])
		p.world.late = late
		p.tick(period + late)
	case "until":
		p.until(nanoseconds(args[0]))
	case "told":
		return p.tells(args)
	case "begun": // errands but for second looks
		if c := p.lastDone.Counts; fmt.Sprint(c.Errands-c.Looks) != args[0] {
			return fmt.Errorf("got %d", c.Errands-c.Looks)
		}
	case "count":
		v := reflect.ValueOf(p.lastDone.Counts).FieldByName(args[0])
		if got := fmt.Sprint(v); got != args[1] {
			return fmt.Errorf("got %s", got)
		}
	default:
		return fmt.Errorf("unknown line")
	}
	return nil
}

func (p *player) mimic(args []string) error {
	m := event.Mimic{Deed: event.Deed(args[1]), FD: -1, Offset: -1, Network: "tcp"}
	region := "run"
	for i := 2; i < len(args); i += 2 {
		switch v := args[i+1]; args[i] {
		case "in":
			region = v
		case "path":
			m.Path = v
		case "address":
			m.Address = v
		case "offset":
			m.Offset = number(v)
		case "size":
			m.Size = number(v)
		case "data":
			m.Data = []byte(v)
		case "err":
			m.Err = v
		default:
			if m.Numbers == nil {
				m.Numbers = map[string]int64{}
			}
			m.Numbers[args[i]] = number(v)
		}
	}
	p.add(args[0], region, m)
	return nil
}

func (p *player) doesLine(args []string) error {
	b := behaviour{end: event.End(args[2])}
	if b.end == event.Done {
		b.took = 200_000
	}
	for i := 3; i < len(args); i += 2 {
		switch v := args[i+1]; args[i] {
		case "took":
			b.took = nanoseconds(v)
		case "errno":
			b.errno = v
		case "text":
			b.text = v
		default:
			return fmt.Errorf("unknown word %q", args[i])
		}
	}
	p.does[args[0]+" "+args[1]] = b
	return nil
}

func (p *player) onLine(args []string) error {
	r := event.Resource{Kind: event.ResourceKind(args[2]), Name: args[3]}
	for i := 4; i < len(args); i += 2 {
		switch v := args[i+1]; args[i] {
		case "flight":
			r.InFlight = uint64(number(v))
		case "done":
			r.Completed = uint64(number(v))
		case "call":
			p.calls[args[0]] = v
		case "limit":
			r.Throttled = v
		case "err":
			r.Err = v
		default:
			return fmt.Errorf("unknown word %q", args[i])
		}
	}
	p.kernel[args[0]+" "+args[1]] = r
	return nil
}

func (p *player) tells(args []string) error {
	if args[0] == "nothing" {
		if p.heard < len(p.found) {
			return fmt.Errorf("got %s", told(p.found[p.heard]))
		}
		return nil
	}
	if p.heard == len(p.found) {
		return fmt.Errorf("nothing was told")
	}
	f := p.found[p.heard]
	p.heard++
	if string(f.Verdict) != args[0] || string(f.Class) != args[1] || len(args) > 2 && !strings.Contains(f.What, args[2]) {
		return fmt.Errorf("got %s", told(f))
	}
	return nil
}
