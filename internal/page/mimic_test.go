package page

import (
	"reflect"
	"strings"
	"testing"

	"github.com/lifesign-go/lifesign/event"
)

// mimics reads what has come since the last reading.
func mimics(t *testing.T, r *Reader, into *Reading) []event.Mimic {
	t.Helper()
	if err := r.Read(into); err != nil {
		t.Fatal(err)
	}
	return into.Mimics
}

func TestMimicsAreReadAsTheyWereWritten(t *testing.T) {
	v, _ := Open(filled(t))
	if !v.MimicsWanted() {
		t.Error("nobody wants mimics")
	}
	r := NewViewReader(v)
	var into Reading
	got := mimics(t, r, &into)
	want := someMimic
	want.ID, want.Region, want.Site = 1, someSites[0], someSites[1]
	if len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got := mimics(t, r, &into); got != nil {
		t.Errorf("they are read twice: %+v", got)
	}
	for i := 0; i < 5; i++ { // there is room for two
		v.Mimic(0, 0, event.Mimic{Deed: event.DoSync})
	}
	got = mimics(t, r, &into)
	if len(got) != 2 || got[0].ID != 5 || got[1].ID != 6 || into.MimicsLost != 3 || into.Damaged > 0 {
		t.Errorf("%d mimics, %d lost, %d damaged: %+v", len(got), into.MimicsLost, into.Damaged, got)
	}
	if n := (&View{Header: new(Header)}).Mimic(0, 0, event.Mimic{}); n != 0 {
		t.Errorf("a page that could not be had has taken mimic %d", n)
	}
}

func TestLongMimicsAreCutOff(t *testing.T) {
	v, _ := Open(filled(t))
	r := NewViewReader(v)
	var into Reading
	mimics(t, r, &into)
	for _, unit := range []string{"x", "é", "\t", "\\", "\xff"} {
		long := strings.Repeat(unit, 5000)
		m := event.Mimic{Deed: event.DoWrite, Path: long, Address: long, Err: long, Data: []byte(long), Chain: []event.Frame{{Func: "run", Line: 1}}}
		for i := 0; i < 100; i++ {
			m.Chain = append(m.Chain, event.Frame{Func: "f", File: "/src/long/path.go", Line: i})
		}
		v.Mimic(0, 1, m)
		got := mimics(t, r, &into)
		if len(got) != 1 || into.Damaged > 0 {
			t.Fatalf("%q: %d mimics, %d damaged", unit, len(got), into.Damaged)
		}
		g := got[0]
		if unit != "\xff" && (g.Path == "" || !strings.HasPrefix(long, g.Path)) || len(g.Data) != MimicData || len(g.Chain) == 0 || g.Chain[0].Func != "run" {
			t.Errorf("%q: path of %d bytes, %d bytes of data, %d frames", unit, len(g.Path), len(g.Data), len(g.Chain))
		}
	}
}

func TestMimicsThatMakeNoSense(t *testing.T) {
	for _, text := range []string{"", "a\tb", strings.Repeat("\t", 9), strings.Repeat("1\t", 9) + "x", strings.Repeat("1\t", 9) + "x=y", strings.Repeat("1\t", 9) + "\tf\tg", strings.Repeat("1\t", 9) + "\tf\tg\th"} {
		if m, err := parseMimic(text); err == nil {
			t.Errorf("%q is taken for %+v", text, m)
		}
	}
	for name, harm := range map[string]func(*Mimic){
		"text": func(m *Mimic) { m.TextSize = 1 << 31 }, "data": func(m *Mimic) { m.DataSize = MimicData + 1 },
		"site": func(m *Mimic) { m.Site = 1 << 20 }, "region": func(m *Mimic) { m.Region = 1 << 31 },
	} {
		v, _ := Open(filled(t))
		harm(&v.Mimics[1])
		var into Reading
		if got := mimics(t, NewViewReader(v), &into); len(got) != 0 || into.Damaged != 1 {
			t.Errorf("%s: %d mimics, %d damaged", name, len(got), into.Damaged)
		}
	}
}
