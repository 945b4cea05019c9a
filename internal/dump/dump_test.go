package dump

import (
	"bytes"
	"debug/elf"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestGolden holds the format still: what older lifesigns have written must stay
// readable. A change needs a new Version, if it is not an addition.
func TestGolden(t *testing.T) {
	golden := filepath.Join("testdata", "some.core")
	got := write(t, someDump(), Usual)
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("what is written differs from %s (go test -update writes it anew)", golden)
	}
	if d, err := Open(golden); err != nil || d.Reason.What != someDump().Reason.What {
		t.Errorf("%s is read as %+v, %v", golden, d, err)
	}
}

// naiveMemory is memory byte by byte. All of them lie below 1<<18 + 4000.
func naiveMemory(memory []Segment) []int16 {
	m := make([]int16, 1<<18+4096)
	for i := range m {
		m[i] = -1
	}
	for _, s := range memory {
		for i, b := range s.Data {
			m[s.Addr+uint64(i)] = int16(b)
		}
	}
	return m
}

func TestReadIsWhatWasWritten(t *testing.T) {
	want := someDump()
	got := readBack(t, write(t, want, Usual))
	want.Memory = []Segment{want.Memory[1], want.Memory[0]}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// TestAnyDump writes dumps of any size with any limit: the limit is kept, what was
// not cut is the same, and what was cut is said and counted.
func TestAnyDump(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	whole := 0
	for i := 0; i < 120; i++ {
		want := randomDump(r, 1+r.Intn(100))
		limit := int64(Least + r.Intn(300_000))
		got := readBack(t, write(t, want, limit))
		if len(got.Cuts) == 0 {
			whole++
		}
		checkCuts(t, fmt.Sprintf("dump %d, limit %d", i, limit), got, want)
	}
	if whole < 10 || whole > 110 {
		t.Errorf("of 120 dumps %d were whole: the limits try too little", whole)
	}
}

// checkCuts compares got with want, but for what got says of itself that it was cut.
func checkCuts(t *testing.T, what string, got, want *Dump) {
	t.Helper()
	cut := map[string]Cut{}
	for _, c := range got.Cuts {
		cut[c.What] = c
	}
	lists := func(d *Dump) map[string]reflect.Value {
		m := map[string]reflect.Value{}
		add := func(v reflect.Value) {
			for i := 0; i < v.NumField(); i++ {
				name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
				if v.Field(i).Kind() == reflect.Slice && name != "cuts" && name != "-" {
					m[name] = v.Field(i)
				}
			}
		}
		add(reflect.ValueOf(d).Elem())
		m["mappings"] = reflect.ValueOf(d.Mappings)
		if d.Build != nil {
			add(reflect.ValueOf(d.Build).Elem())
		}
		return m
	}
	g, w := lists(got), lists(want)
	for name, list := range w {
		lost := list.Len() - g[name].Len()
		if c := cut[name]; int(c.Lost) != lost || lost > 0 && int(c.Kept) != g[name].Len() {
			t.Fatalf("%s: of %s there are %d of %d, and it says %+v", what, name, g[name].Len(), list.Len(), c)
		}
		part := list.Slice(0, g[name].Len())
		if name == "log" {
			part = list.Slice(lost, list.Len())
		}
		if part.Len() > 0 && !reflect.DeepEqual(part.Interface(), g[name].Interface()) {
			t.Fatalf("%s: %s is %v, want %v", what, name, g[name], part)
		}
	}
	if _, short := cut["text"]; !short && got.Text != want.Text {
		t.Fatalf("%s: the text has changed", what)
	}
	all, kept := naiveMemory(want.Memory), naiveMemory(got.Memory)
	lost := int64(0)
	for addr, b := range all {
		if kept[addr] < 0 && b >= 0 {
			lost++
		} else if kept[addr] != b {
			t.Fatalf("%s: at %#x there is %d, want %d", what, addr, kept[addr], b)
		}
	}
	if cut["memory"].Lost != lost {
		t.Fatalf("%s: %d bytes of memory are missing, and it says %+v", what, lost, cut["memory"])
	}
	for i := 1; i < len(got.Memory); i++ {
		if end(got.Memory[i-1]) > got.Memory[i].Addr {
			t.Fatalf("%s: segments overlap", what)
		}
	}
	if got.Reason.What != want.Reason.What || got.Process != want.Process {
		t.Fatalf("%s: %+v of %+v", what, got.Reason, got.Process)
	}
}

// TestWhatGoesFirst cuts what matters least first.
func TestWhatGoesFirst(t *testing.T) {
	d := someDump()
	for i := 0; i < 3000; i++ {
		d.Log = append(d.Log, fmt.Sprintf("line %d of the log", i))
		d.Goroutines = append(d.Goroutines, d.Goroutines[1])
	}
	d.Memory = append(d.Memory, Segment{1 << 30, make([]byte, 1<<20)})
	got := readBack(t, write(t, d, 400_000))
	cut := map[string]Cut{}
	for _, c := range got.Cuts {
		cut[c.What] = c
	}
	if cut["memory"].Lost == 0 || cut["memory"].Kept < 100_000 {
		t.Errorf("of memory: %+v", cut["memory"])
	}
	if len(got.Log) != 50 || got.Log[49] != "line 2999 of the log" {
		t.Errorf("%d lines of the log are left, the last one %q", len(got.Log), got.Log[len(got.Log)-1])
	}
	if len(got.Threads) != 2 || got.Threads[0].Registers == nil || len(got.Findings) != 1 {
		t.Errorf("what matters most was cut: %+v", got.Cuts)
	}
	again := readBack(t, write(t, got, Usual))
	if !reflect.DeepEqual(again.Cuts, got.Cuts) {
		t.Errorf("written again, it says %+v, and has said %+v", again.Cuts, got.Cuts)
	}
}

func TestLeastLimit(t *testing.T) {
	if err := Write(&bytes.Buffer{}, someDump(), Least-1); err == nil {
		t.Error("a limit below the least one is taken")
	}
	d := someDump()
	long := strings.Repeat("\x01\xff<", 5000)
	d.Reason.What, d.Process.Exe, d.Text, d.Build.Version = long, long, long, long
	d.Reason.Place.Func = long
	for i := 0; i < 40; i++ {
		d.Facts[fmt.Sprint(i)+long] = long
	}
	d.Findings[0].What = long
	got := readBack(t, write(t, d, Least))
	if got.Reason.What == "" || got.Reason.Place.Func == "" {
		t.Errorf("nothing is left of %+v", got.Reason)
	}
}

// TestELF reads a dump as others do.
func TestELF(t *testing.T) {
	d := someDump()
	f, err := elf.NewFile(bytes.NewReader(write(t, d, Usual)))
	if err != nil {
		t.Fatal(err)
	}
	if f.Type != elf.ET_CORE || f.Machine != elf.EM_X86_64 || f.Class != elf.ELFCLASS64 {
		t.Errorf("it is %v of %v", f.Type, f.Machine)
	}
	var kinds []elf.ProgType
	for _, p := range f.Progs {
		kinds = append(kinds, p.Type)
	}
	if want := []elf.ProgType{elf.PT_NOTE, elf.PT_NOTE, elf.PT_LOAD, elf.PT_LOAD}; !reflect.DeepEqual(kinds, want) {
		t.Errorf("it has parts %v, want %v", kinds, want)
	}
	b := make([]byte, 12)
	if _, err := f.Progs[3].ReadAt(b, 0); err != nil || string(b) != "stack of 71." {
		t.Errorf("at %#x there is %q, %v", f.Progs[3].Vaddr, b, err)
	}
	d.Process.Arch = "arm64"
	d.Threads[0].Registers = append(d.Threads[0].Registers, make([]uint64, 7)...)
	if f, err = elf.NewFile(bytes.NewReader(write(t, d, Usual))); err != nil || f.Machine != elf.EM_AARCH64 {
		t.Errorf("of arm64 it is %v, %v", f, err)
	}
}

func TestReadErrors(t *testing.T) {
	good := write(t, someDump(), Usual)
	plain := lay("amd64", appendNote(nil, owner, ntPrpsinfo, make([]byte, 136)), nil, nil)
	for _, test := range []struct {
		name string
		file []byte
		want string
	}{
		{"nothing", nil, "it is no ELF file"},
		{"text", []byte(strings.Repeat("text ", 50)), "it is no ELF file"},
		{"a program", append([]byte("\x7fELF\x02\x01\x01"), make([]byte, 100)...), "no core"},
		{"another core", bytes.Join(plain, nil), "none of lifesign's"},
		{"the beginning", good[:len(good)/2], "it ends too early"},
		{"a version to come", bytes.Replace(good, []byte(`{"version":1`), []byte(`{"version":9`), 1), "version 9"},
		{"no JSON", bytes.Replace(good, []byte(`{"version":1`), []byte(`["version":1`), 1), "LIFESIGN"},
	} {
		_, err := Read(bytes.NewReader(test.file), int64(len(test.file)))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}

// FuzzRead changes a file: reading it may fail, and must not crash or take more
// memory than the file gives reason to.
func FuzzRead(f *testing.F) {
	good := write(f, someDump(), Usual)
	f.Add(good)
	f.Add(good[:200])
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Read(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		if n := sum(d.Memory); n > int64(len(b)) {
			t.Errorf("%d bytes of memory out of %d", n, len(b))
		}
		checkAgain(t, d)
	})
}

// checkAgain writes what was read, which must keep the limit whatever it is.
func checkAgain(t *testing.T, d *Dump) {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, d, Least); err != nil {
		t.Fatal(err)
	}
	if b.Len() > Least {
		t.Fatalf("%d bytes, and the limit is %d", b.Len(), Least)
	}
	if _, err := Read(bytes.NewReader(b.Bytes()), int64(b.Len())); err != nil {
		t.Fatal(err)
	}
}
