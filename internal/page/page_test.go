package page

import (
	"bytes"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"github.com/lifesign-go/lifesign/event"
)

var update = flag.Bool("update", false, "write the golden files anew")

var someSites = []event.Site{
	{Kind: event.Region, Package: "p", File: "/src/p/a.go", Line: 3, Func: "loop"},
	{Kind: event.RLock, Package: "p", File: "/src/p/a.go", Line: 5, Func: "(*T).get", Object: "p.T.mu", Paired: true},
	{Kind: event.Locker, Package: "p", File: "/src/p/b\tc.go", Line: 7, Func: "wait"},
	{Kind: event.Worker, Func: "ingest", Object: "all:writers"},
}

var someNote = event.Finding{
	Verdict: event.Wrong, Class: event.Proven, What: "it does not hold:\n\tno", At: 6e9,
	Place:    event.Step{Site: event.Site{Package: "p", File: "/src/p/a.go", Line: 9, Func: "pay", Object: "balance"}, Since: 5e9},
	Evidence: []event.Evidence{{Source: event.Program, At: 6e9, Text: "it does not hold:\n\tno"}},
}

// someMimic is one as a program gives it: by rows.
var someMimic = event.Mimic{
	At: 8e9, Pass: 3, Deed: event.DoWrite, Path: "/data/a\tb.log", FD: 9, Offset: -1, Size: 5000, Data: []byte("bytes"),
	Numbers: map[string]int64{"took": 7, "a=b": -1}, Chain: []event.Frame{{Func: "loop", File: "/src/p/a.go", Line: 3}, {Func: "(*T).get", File: "a.go", Line: 5}},
}

// smallPage is a page with room for little, so that it can be printed and
// fuzzed whole.
func smallPage(t testing.TB) []byte {
	t.Helper()
	words := make([]uint64, (headerSize+4*8+2*int(unsafe.Sizeof(Orphan{}))+512+3*CellSize+2*WorkerSize+8+2*NoteSize+16+2*MimicSize)/8)
	mem := (*[1 << 20]byte)(unsafe.Pointer(&words[0]))[: len(words)*8 : len(words)*8]
	h := (*Header)(unsafe.Pointer(&mem[0]))
	copy(h.Magic[:], Magic)
	h.Version, h.Size, h.Grain = Version, uint64(len(mem)), 10e6
	h.Foreign = Area{headerSize, 4}
	h.Orphans = Area{h.Foreign.At + 4*8, 2}
	h.Sites = Area{h.Orphans.At + 2*uint64(unsafe.Sizeof(Orphan{})), 512}
	h.Cells = Area{h.Sites.At + 512, 3}
	h.Workers = Area{h.Cells.At + 3*uint64(CellSize), 2}
	h.Done = Area{h.Workers.At + 2*uint64(WorkerSize), 8}
	h.Notes = Area{h.Done.At + 8, 2}
	h.Order = Area{h.Notes.At + 2*uint64(NoteSize), 3}
	h.Mimics = Area{h.Order.At + 16, 2}
	return mem
}

// filled is a small page as a program would leave it.
func filled(t testing.TB) []byte {
	t.Helper()
	mem := smallPage(t)
	v, err := Open(mem)
	if err != nil {
		t.Fatal(err)
	}
	if !v.Claim(42) || v.Claim(43) || v.PID() != 42 {
		t.Fatal("the first to claim a page must get it, and nobody else")
	}
	v.SetClock(7e9)
	var table []byte
	for _, s := range someSites {
		table = AppendSite(table, s)
	}
	copy(v.Sites, table)
	v.Header.SiteBytes, v.Header.SiteCount, v.Header.State = uint64(len(table)), uint64(len(someSites)), StateOn
	v.Header.LayoutSize = uint64(copy(v.Header.Layout[:], "go1.26.8 amd64 g.goid=152 reason.9=chan_receive"))
	v.Header.CellCount = 2
	v.Order[1] = 2 // and the first is being claimed
	c := &v.Cells[1]
	c.G, c.ID, c.Count, c.NMarks = 0xc000102000, 17, 99*Occurrence+2, 1
	c.Record[0] = Record{What(1, 97*Occurrence+1) | Held, 0xc000200010, 5e9}
	c.Record[1] = Record{WithMode(What(2, 99*Occurrence+2), ModeRLock), 0xc000200010, 6e9}
	c.Mark[0] = Mark{What(0, 3*Occurrence), 12, 1e9, 4e9}
	v.Orphans[1] = Orphan{Record{What(1, 4*Occurrence+1) | Held, 0xc000300000, 2e9}, 11}
	v.Foreign[2] = 0xc000400000
	v.Header.WorkerCount = 1
	v.Workers[0] = Worker{Site: 4, Seq: 7, Since: 3e9, Budget: 2e9, Progress: 5, Last: 4e9, G: 17, Reported: 7}
	v.Done[1] = 1
	v.Say(someNote)
	v.WantMimics(true)
	v.Mimic(0, 1, someMimic)
	v.Header.ReachAt, v.Header.ReachSize = 0x500000, 77
	v.Header.Packages, v.Header.Expected = 2, 3
	v.SetVerdict(Verdict{At: 8e9, Code: VerdictInferred, Count: 2, Text: "goroutine 17 waits"})
	return mem
}

func TestGoldenBytes(t *testing.T) {
	got := dump(filled(t))
	file := filepath.Join("testdata", "page.golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the layout has changed: give it a new Version, then -update\ngot:\n%s", got)
	}
}

// dump is a hex dump without the lines that are all zero.
func dump(mem []byte) string {
	var b strings.Builder
	for _, line := range strings.SplitAfter(hex.Dump(mem), "\n") {
		if len(line) > 58 && strings.Trim(line[8:58], " 0") != "" {
			b.WriteString(line)
		}
	}
	return b.String()
}

func TestReadWhatWasWritten(t *testing.T) {
	r, err := NewReader(filled(t))
	if err != nil {
		t.Fatal(err)
	}
	var got Reading
	for i := 0; i < 2; i++ { // the second time into used slices
		if err := r.Read(&got); err != nil {
			t.Fatal(err)
		}
	}
	reader := someSites[2]
	reader.Kind = event.RLock
	want := Reading{
		PID: 42, State: StateOn, Clock: 7e9, G: []uint64{0xc000102000},
		Goroutines: []event.Goroutine{{
			ID: 17, Seq: 99,
			Records: []event.Record{
				{Site: someSites[1], Seq: 97, Object: 0xc000200010, Since: 5e9, Held: true, Done: true},
				{Site: reader, Seq: 99, Object: 0xc000200010, Since: 6e9},
			},
			Regions: []event.RegionMark{{Site: someSites[0], Count: 12, Begun: 1e9, Last: 4e9}},
		}},
		Orphans: []event.Orphan{{Goroutine: 11, Record: event.Record{Site: someSites[1], Seq: 4, Object: 0xc000300000, Since: 2e9, Held: true, Done: true}}},
		Foreign: map[uint64]bool{0xc000400000: true},
		Workers: []event.WorkerMark{{Site: someSites[3], Name: "ingest", Group: "writers", All: true, Busy: true, Goroutine: 17, Seq: 7, Since: 3e9, Budget: 2e9, Progress: 5, Last: 4e9, Reported: true}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
	l, ok, err := r.Layout()
	if err != nil || !ok {
		t.Fatalf("layout: %v, %v", ok, err)
	}
	if off, ok := l.Value("g.goid"); off != 152 || !ok || l.Reason(9) != "chan receive" || l.Reason(8) != "wait reason 8" {
		t.Errorf("layout %+v", l)
	}
	if _, ok := l.Value("g.soul"); ok {
		t.Error("a name that is not there has a value")
	}
}

func TestHostilePagesGiveErrors(t *testing.T) {
	for _, test := range []struct {
		name string
		harm func(mem []byte, h *Header) []byte
		want string
	}{
		{"short", func(mem []byte, h *Header) []byte { return mem[:100] }, "shorter than its header"},
		{"foreign", func(mem []byte, h *Header) []byte { copy(mem, "\x7fELF"); return mem }, "not a vitals page"},
		{"newer", func(mem []byte, h *Header) []byte { h.Version = 99; return mem }, "version 99"},
		{"truncated", func(mem []byte, h *Header) []byte { return mem[:headerSize] }, "its header says"},
		{"cells beyond the end", func(mem []byte, h *Header) []byte { h.Cells.Cap = 40; return mem }, "cells reaches beyond"},
		{"many cells", func(mem []byte, h *Header) []byte { h.Cells.Cap = 1 << 40; return mem }, "cells claims"},
		{"sum overflows", func(mem []byte, h *Header) []byte { h.Orphans.At = ^uint64(7); return mem }, "orphans reaches beyond"},
		{"table over the header", func(mem []byte, h *Header) []byte { h.Sites.At = 8; return mem }, "sites begins at 8"},
		{"no cells", func(mem []byte, h *Header) []byte { h.Cells.Cap = 0; return mem }, "cells is empty"},
		{"site table too long", func(mem []byte, h *Header) []byte { h.SiteBytes = 513; return mem }, "513 bytes of 512"},
		{"half a row", func(mem []byte, h *Header) []byte { h.SiteBytes--; return mem }, "middle of a row"},
		{"no row", func(mem []byte, h *Header) []byte { mem[h.Sites.At] = '\n'; return mem }, "row 1 of its site table"},
	} {
		t.Run(test.name, func(t *testing.T) {
			mem := filled(t)
			mem = test.harm(mem, (*Header)(unsafe.Pointer(&mem[0])))
			r, err := NewReader(mem)
			if err == nil {
				err = r.Read(new(Reading))
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want one line with %q", err, test.want)
			}
		})
	}
}

func TestDamagedRecordsAreLeftOut(t *testing.T) {
	mem := filled(t)
	v, _ := Open(mem)
	v.Cells[1].Record[0].What = What(700, Occurrence)
	v.Cells[1].Count = below
	v.Cells[1].NMarks = 1 << 60
	v.Header.CellCount = 1 << 60
	v.Order[2] = 1 << 31
	v.Orphans[0].Record.What = What(900, Occurrence)
	r, err := NewReader(mem)
	if err != nil {
		t.Fatal(err)
	}
	var got Reading
	if err := r.Read(&got); err != nil {
		t.Fatal(err)
	}
	if got.Damaged != 4 || len(got.Goroutines) != 1 || len(got.Goroutines[0].Records) != Records-1 {
		t.Errorf("%d damaged, goroutines %+v", got.Damaged, got.Goroutines)
	}
}

func TestLater(t *testing.T) {
	for _, test := range []struct {
		a, b uint64
		want bool
	}{
		{Occurrence, 0, true}, {0, Occurrence, false}, {5 * Occurrence, 5*Occurrence + 3, false},
		{0, ^uint64(below), true}, {^uint64(below), 0, false}, {What(3, 9*Occurrence) | Held, 8*Occurrence + 2, true},
	} {
		if got := Later(test.a, test.b); got != test.want {
			t.Errorf("Later(%#x, %#x) = %v", test.a, test.b, got)
		}
	}
}

func TestFormatFillsAPage(t *testing.T) {
	mem := make([]byte, Size)
	if err := Format(mem[:Size-1], 1); err == nil {
		t.Error("a page that is too small was formatted")
	}
	if err := Format(mem, 1); err != nil {
		t.Fatal(err)
	}
	v, err := Open(mem)
	if err != nil {
		t.Fatal(err)
	}
	v.Cells[len(v.Cells)-1].Mark[Marks-1].Last = ^uint64(0)
	if mem[Size-1] != 0xff {
		t.Error("the page does not end with its last cell")
	}
}

func TestSiteRows(t *testing.T) {
	for _, s := range append(someSites, event.Site{Kind: event.Call, Idle: true, Paired: true, Leaves: true, Needs: "recv:p.T.ch send:?", Package: "a\\b", File: "c\nd", Func: "\t", Object: `\t`}) {
		row := AppendSite(nil, s)
		if bytes.Count(row, []byte("\n")) != 1 {
			t.Errorf("row %q is not one line", row)
		}
		if got, err := ParseSite(string(row)); err != nil || got != s {
			t.Errorf("ParseSite(%q) = %+v, %v", row, got, err)
		}
	}
	for _, row := range []string{"", "lock", "lock\t-\tp\tf\tx\tg\to\t", "lock\t-\tp\tf\t-1\tg\to\t", "luck\t-\tp\tf\t1\tg\to\t", "lock\tz\tp\tf\t1\tg\to\t", "lock\tpi\tp\tf\t1\tg\to\t", "lock\t-\tp\tf\t1\tg\to\t\\", "lock\t-\tp\tf\t1\tg\t\\x\t"} {
		if s, err := ParseSite(row); err == nil {
			t.Errorf("ParseSite(%q) = %+v, want an error", row, s)
		}
	}
}

func TestLayoutErrors(t *testing.T) {
	for _, text := range []string{"", "go1.26.8", "go1 amd64 x", "go1 amd64 =1", "go1 amd64 a=b", "go1 amd64 reason.x=y", "go1 amd64 a=99999999999"} {
		if l, err := ParseLayout(text); err == nil {
			t.Errorf("ParseLayout(%q) = %+v, want an error", text, l)
		}
	}
}
