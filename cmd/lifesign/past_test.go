package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lifesign-go/lifesign/event"
)

func TestPast(t *testing.T) {
	var p past
	if p.list(5) == nil || len(p.list(5)) != 0 {
		t.Errorf("of nothing: %v", p.list(5))
	}
	for id := uint64(1); id <= pastKept+2; id++ {
		p.gave(event.Errand{ID: id, Mimic: event.Mimic{Deed: event.DoSync, Path: fmt.Sprint("/data/", id)}})
	}
	p.gave(event.Errand{ID: 1000, Mimic: event.Mimic{Deed: event.DoDial, Address: "127.0.0.1:1"}})
	p.came([]event.Outcome{{ID: 2, At: 1, End: event.Hangs}, {ID: 9999, At: 1, End: event.Done}})
	for id := uint64(3); id <= pastKept+2; id++ {
		p.came([]event.Outcome{{ID: id, At: 2, End: event.Done}})
	}
	p.came([]event.Outcome{{ID: 1000, At: 3, End: event.Failed, Text: "refused"}})
	if got := p.list(10); len(got) != pastKept || got[0].What != "127.0.0.1:1" || got[0].Ago != 7 || got[0].Text != "refused" || got[len(got)-1].What != "/data/4" {
		t.Errorf("%d: %+v … %+v", len(got), got[0], got[len(got)-1])
	}
	p.came([]event.Outcome{{ID: 1, At: 4, End: event.Hangs}})
	p.came([]event.Outcome{{ID: 1, At: 6, End: event.Done}})
	if got := p.list(10); got[0].What != "/data/1" || got[0].End != event.Done || got[1].What != "127.0.0.1:1" {
		t.Errorf("one that has hung: %+v", got[:2])
	}
}

func TestLinesOf(t *testing.T) {
	for _, tt := range []struct {
		data  string
		whole bool
		want  []string
	}{
		{"", true, nil},
		{"\n\n", true, nil},
		{"one", true, []string{"one"}},
		{"rest of one\ntwo\nthree\n", false, []string{"two", "three"}},
		{"no end of a line", false, nil},
		{"a\xffb\n\nc\n", true, []string{"a\uFFFDb", "", "c"}},
	} {
		if got := linesOf([]byte(tt.data), tt.whole); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", tt.want) {
			t.Errorf("%q, whole %v: %q, want %q", tt.data, tt.whole, got, tt.want)
		}
	}
}

func TestLastLines(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	if got := lastLines(name); got != nil {
		t.Errorf("of no file: %q", got)
	}
	if got := lastLines("/dev/zero"); got != nil {
		t.Errorf("of a device: %d lines", len(got))
	}
	var text strings.Builder
	for i := 0; i < 20_000; i++ {
		fmt.Fprintf(&text, "line %d\n", i)
	}
	if err := os.WriteFile(name, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := lastLines(name); len(got) != logLines || got[0] != "line 19800" || got[logLines-1] != "line 19999" {
		t.Errorf("%d lines, %q to %q", len(got), got[0], got[len(got)-1])
	}
}
