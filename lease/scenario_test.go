package lease

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Stories in testdata: what happens at what time, and after the arrow what follows.
//
//	2s granted 7 sent 1.9s → held: it was renewed
//
// A state without "renew" wants no renewal. Lines of begin and end want nothing
// after the arrow, or an error.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) < 5 {
		t.Fatalf("stories %v, %v", files, err)
	}
	for _, name := range files {
		name := name
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			f, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			p := player{m: mustMachine(t)}
			lines := bufio.NewScanner(f)
			for n := 1; lines.Scan(); n++ {
				line := strings.TrimSpace(strings.SplitN(lines.Text(), "#", 2)[0])
				if line == "" {
					continue
				}
				parts := strings.SplitN(line, "→", 2)
				if len(parts) != 2 {
					t.Fatalf("%s:%d: no arrow", name, n)
				}
				got, err := p.line(strings.Fields(parts[0]))
				if err != nil {
					t.Fatalf("%s:%d: %v", name, n, err)
				}
				if want := strings.TrimSpace(parts[1]); got != want {
					t.Errorf("%s:%d: %s\n got %s\nwant %s", name, n, strings.TrimSpace(parts[0]), got, want)
				}
			}
		})
	}
}

func mustMachine(t *testing.T) *Machine {
	t.Helper()
	m, err := NewMachine(Terms{TTL: 10 * time.Second, Rate: 0.01, Margin: time.Second, Renew: 2 * time.Second, Late: 4 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

type player struct {
	m    *Machine
	pass Pass
}

// epoch is where the stories' clock begins: no clock begins at 0.
const epoch = int64(time.Hour)

func parseAt(s string) (int64, error) {
	d, err := time.ParseDuration(s)
	return epoch + int64(d), err
}

func (p *player) line(f []string) (string, error) {
	if len(f) < 2 {
		return "", fmt.Errorf("%v: want a time and what happens", f)
	}
	now, err := parseAt(f[0])
	if err != nil {
		return "", err
	}
	in := Input{}
	if len(f) > 2 {
		n, err := strconv.Atoi(f[2])
		if err != nil && f[1] != "begin" {
			return "", err
		}
		in.Token = Token(n)
	}
	switch f[1] {
	case "adopt":
		a, err := p.m.Adopt(now, in.Token)
		if err != nil {
			return err.Error(), nil
		}
		return said(a), nil
	case "begin":
		need, err := time.ParseDuration(f[2])
		if err != nil {
			return "", err
		}
		pass, err := p.m.Begin(now, need)
		if err != nil {
			return err.Error(), nil
		}
		p.pass = pass
		return "until " + time.Duration(p.pass.Until-epoch).String(), nil
	case "end":
		if err := p.m.End(now, p.pass); err != nil {
			return err.Error(), nil
		}
		return "ok", nil
	case "granted":
		if in.Sent, err = parseAt(f[4]); err != nil {
			return "", err
		}
		if len(f) > 6 {
			if in.TTL, err = time.ParseDuration(f[6]); err != nil {
				return "", err
			}
		}
	}
	kind, ok := map[string]Kind{"tick": Tick, "granted": Granted, "refused": Refused, "failed": Failed, "opened": Opened, "paused": Paused, "released": Released}[f[1]]
	if !ok {
		return "", fmt.Errorf("%s is nothing that happens", f[1])
	}
	in.Kind = kind
	return said(p.m.Step(now, in)), nil
}

func said(a Actions) string {
	s := a.State.String()
	if a.Changed {
		s += ": " + a.Why
	}
	if a.Renew {
		s += "; renew"
	}
	return s
}
