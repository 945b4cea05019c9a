package page

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/lifesign-go/lifesign/event"
)

// said reads what was said since the last reading.
func said(t *testing.T, r *Reader) []string {
	t.Helper()
	var into Reading
	if err := r.Read(&into); err != nil {
		t.Fatal(err)
	}
	if into.Damaged > 0 {
		t.Errorf("%d entries make no sense", into.Damaged)
	}
	var whats []string
	for _, f := range into.Said {
		whats = append(whats, f.What)
	}
	return whats
}

func TestNotesAreReadOnce(t *testing.T) {
	mem := smallPage(t)
	v, _ := Open(mem)
	r := NewViewReader(v)
	if got := said(t, r); got != nil {
		t.Errorf("nobody has said anything: %q", got)
	}
	for _, step := range []struct{ say, want []string }{
		{[]string{"a"}, []string{"a"}},
		{nil, nil},
		{[]string{"b", "c"}, []string{"b", "c"}},
		{[]string{"d", "e", "f"}, []string{"e", "f"}}, // there is room for two
	} {
		for _, s := range step.say {
			v.Say(event.Finding{What: s})
		}
		if got := said(t, r); !reflect.DeepEqual(got, step.want) {
			t.Errorf("said %q, want %q", got, step.want)
		}
	}
	(&View{Header: new(Header)}).Say(event.Finding{}) // a page that could not be had
}

func TestLongNotesAreCutOff(t *testing.T) {
	v, _ := Open(smallPage(t))
	r := NewViewReader(v)
	for n := 400; n < 500; n++ {
		for _, s := range []string{"é", "\t", "x"} {
			what := strings.Repeat(s, n)
			v.Say(event.Finding{What: what})
			got := said(t, r)
			if len(got) != 1 || !strings.HasPrefix(what, got[0]) || !utf8.ValidString(got[0]) {
				t.Errorf("%d times %q: %q", n, s, got)
			}
		}
	}
	v.Say(event.Finding{What: "short", Place: event.Step{Site: event.Site{File: strings.Repeat("/long", 200)}}})
	var into Reading
	if err := r.Read(&into); err != nil || len(into.Said) != 0 || into.Damaged != 1 {
		t.Errorf("a place that does not fit: %v, %d notes, %d damaged", err, len(into.Said), into.Damaged)
	}
}

func TestNotesThatMakeNoSense(t *testing.T) {
	for _, text := range []string{"", "a\tb", strings.Repeat("\t", 8), strings.Repeat("1\t", 8) + `\x`, "stuck\tproven\tp\tf\t-1\tg\to\t1\tw", "stuck\tproven\tp\tf\t1\tg\to\tnow\tw"} {
		if f, err := parseNote(text); err == nil {
			t.Errorf("%q is taken for %+v", text, f)
		}
	}
	for _, size := range []uint64{481, 1 << 63} {
		v, _ := Open(smallPage(t))
		v.Say(someNote)
		v.Notes[1].Size = size
		var into Reading
		if err := NewViewReader(v).Read(&into); err != nil || into.Damaged != 1 || len(into.Said) != 0 {
			t.Errorf("size %d: %s", size, fmt.Sprint(err, into.Damaged, into.Said))
		}
	}
}
