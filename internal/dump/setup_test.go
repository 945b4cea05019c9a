package dump

import (
	"bytes"
	"flag"
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

var update = flag.Bool("update", false, "write golden files anew")

// someDump has something of everything.
func someDump() *Dump {
	at := event.Frame{Func: "main.(*server).handle", File: "/src/server.go", Line: 42}
	site := event.Site{Kind: event.Lock, Package: "main", File: "/src/server.go", Line: 40, Func: "(*server).handle", Object: "server.mu"}
	regs := make([]uint64, 27)
	for i := range regs {
		regs[i] = uint64(i+1) << 32
	}
	return &Dump{
		Version: Version,
		Time:    time.Date(2026, 11, 27, 15, 0, 0, 0, time.UTC),
		Reason:  Reason{Kind: Signal, What: "SIGSEGV: segmentation violation", Signal: 11, Name: "SIGSEGV", Code: 1, Address: 8, PC: 0x4a4120, Thread: 71, Goroutine: 1, Place: &at, Foreign: true},
		Process: Process{PID: 70, Parent: 1, UID: 1000, GID: 100, Program: "server", Exe: "/usr/bin/server", State: "S", Arch: "amd64", OS: "Linux 6.18", Started: time.Date(2026, 11, 27, 14, 0, 0, 0, time.UTC)},
		Build:   &Build{Go: "go1.26.8", Path: "example.com/server", Version: "example.com/server@v1.2.3", Settings: []string{"CGO_ENABLED=1"}, Modules: []string{"example.com/lib@v0.1.0"}},
		Threads: []Thread{
			{ID: 71, Comm: "server", State: "R", Signal: 11, User: []event.Frame{at}, Registers: regs},
			{ID: 70, State: "D", Call: "fsync(7 → /data/wal)", Wchan: "fuse_wait", Kernel: []string{"request_wait_answer", "fuse_simple_request"}, UserErr: "the thread runs"},
		},
		Goroutines: []Goroutines{{State: "running", Members: []Member{{ID: 1, Thread: 71, Locked: true}}, Stack: []event.Frame{at}, Creator: &at}, {State: "chan receive", Members: []Member{{ID: 2, Waited: 60e9}, {ID: 3}}, Err: "its stack could not be read"}},
		Operations: []Operation{{Goroutine: 2, Site: site, Object: 0xc000, For: 3e9}},
		Locks:      []Operation{{Goroutine: 1, Site: site, Object: 0xc000, For: 4e9}},
		Regions:    []Region{{Goroutine: 1, Site: site, Count: 9, For: 5e9, Since: 4e9}},
		Workers:    []Worker{{Name: "flusher", Site: site, Busy: true, Goroutine: 3, For: 1e9, Progress: 2}},
		Findings:   []event.Finding{{Episode: 1, Verdict: event.Stuck, Class: event.Proven, What: "goroutine 2 waits for a lock that goroutine 1 holds", Chain: []event.Link{{Goroutine: 2}}}},
		Mimics:     []Mimic{{Ago: 1e9, Deed: event.DoSync, What: "/data/wal", End: event.Hangs, Took: 9e8, Text: "fuse 52", Site: site}},
		Log:        []string{"started", "request 1"},
		Text:       "SIGSEGV: segmentation violation\n",
		Args:       []string{"server", "-v"},
		Env:        []string{"GOMAXPROCS=4"},
		Facts:      map[string]string{"pause": "3ms"},
		Missing:    []string{"the stack of thread 70: it runs"},
		Auxv:       append([]byte{9, 15: 0}, make([]byte, 16)...),
		Mappings:   []Mapping{{0x400000, 0x500000, 0x1000, "/usr/bin/server"}},
		Memory:     []Segment{{0x7ffe1000, []byte("stack of 71.")}, {0x1000, []byte("lower")}},
	}
}

func write(t testing.TB, d *Dump, limit int64) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, d, limit); err != nil {
		t.Fatal(err)
	}
	if int64(b.Len()) > limit {
		t.Fatalf("%d bytes, and the limit is %d", b.Len(), limit)
	}
	return b.Bytes()
}

func readBack(t testing.TB, b []byte) *Dump {
	t.Helper()
	d, err := Read(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// randomDump makes a dump of any shape and size, with lists of up to n entries.
func randomDump(r *rand.Rand, n int) *Dump {
	d := &Dump{Version: Version, Time: time.Unix(r.Int63n(1<<32), 0).UTC()}
	d.Reason.Kind, d.Reason.What = Panic, text(r, 60)
	d.Process = Process{PID: r.Intn(1 << 22), Program: text(r, 12), Arch: []string{"amd64", "arm64", "riscv64", ""}[r.Intn(4)]}
	words := len(RegisterNames(d.Process.Arch))
	if r.Intn(2) == 0 {
		d.Build = &Build{Go: "go1.26", Modules: texts(r, n), Settings: texts(r, n)}
	}
	for i, k := 0, r.Intn(n+1); i < k; i++ {
		t := Thread{ID: i + 1, Comm: text(r, 15), Kernel: texts(r, 9)}
		if r.Intn(2) == 0 && words > 0 {
			t.Registers = make([]uint64, words)
			for j := range t.Registers {
				t.Registers[j] = r.Uint64()
			}
		}
		d.Threads = append(d.Threads, t)
	}
	for i, k := 0, r.Intn(n+1); i < k; i++ {
		d.Goroutines = append(d.Goroutines, Goroutines{State: text(r, 12), Members: []Member{{ID: r.Uint64()}}})
		d.Operations = append(d.Operations, Operation{Goroutine: r.Uint64(), For: r.Int63()})
	}
	for i, k := 0, r.Intn(n+1); i < k; i++ {
		start := uint64(i) << 20
		d.Mappings = append(d.Mappings, Mapping{start, start + 4096, 4096 * uint64(r.Intn(100)), text(r, 40)})
	}
	d.Log, d.Args, d.Env, d.Missing = texts(r, n), texts(r, n), texts(r, n), texts(r, n)
	d.Text = strings.Repeat(text(r, 50)+"\n", r.Intn(n+1)*4)
	for i, k := 0, r.Intn(n+1); i < k; i++ {
		s := Segment{uint64(r.Intn(1 << 18)), make([]byte, 1+r.Intn(4000))}
		for i := range s.Data {
			s.Data[i] = byte((s.Addr + uint64(i)) * 0x9e3779b97f4a7c15 >> 56) // where segments overlap, they agree
		}
		d.Memory = append(d.Memory, s)
	}
	return d
}

func text(r *rand.Rand, n int) string {
	const letters = "abcdef <>&\"\\\n\té→\x01"
	runes := []rune(letters)
	var b strings.Builder
	for i, k := 0, 1+r.Intn(n); i < k; i++ {
		b.WriteRune(runes[r.Intn(len(runes))])
	}
	return b.String()
}

func texts(r *rand.Rand, n int) (list []string) {
	for i, k := 0, r.Intn(n+1); i < k; i++ {
		list = append(list, text(r, 80))
	}
	return list
}
