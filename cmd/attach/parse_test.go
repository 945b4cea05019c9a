package attach

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/lifesign-go/lifesign/event"
)

const someDump = `goroutine 1 gp=0xc000002380 m=0 mp=0x5a1d40 [IO wait, 12 minutes]:
net/http.(*Server).Serve(0x366d03c7e200, {0x78c290, 0x366d03b7c000})
	/go/src/net/http/server.go:3434 +0x30c fp=0xc00009fe48 sp=0xc00009fd50 pc=0x66a8cc
main.main()
	/src/my app/main.go:38 +0x26e

goroutine 20 [sync.Mutex.Lock (scan), 1 minutes, locked to thread]:
internal/sync.(*Mutex).lockSlow(0x366d03c42578)
	/go/src/internal/sync/mutex.go:149 +0x15d
sync.(*Mutex).Lock(...)
	/go/src/sync/mutex.go:46
example.com/x/y%2ez.(*T[...]).lock(0x0?, {0x1, 0x2})
	C:/src/y.go:16 +0x3c
...12 frames elided...
created by example.com/x.Start.func1 in goroutine 1
	/src/x.go:23 +0x85

goroutine 21 [running]:
	goroutine running on other thread; stack unavailable
created by main.main
	/src/main.go:1 +0x1
`

func TestParseDump(t *testing.T) {
	d, err := ParseDump([]byte(someDump))
	if err != nil {
		t.Fatal(err)
	}
	if d.Cut || len(d.Goroutines) != 3 {
		t.Fatalf("%+v", d)
	}
	got := d.Goroutines[1]
	want := Goroutine{
		ID: 20, Reason: "sync.Mutex.Lock", Minutes: 1,
		Frames: []Frame{
			{event.Frame{Func: "internal/sync.(*Mutex).lockSlow", File: "/go/src/internal/sync/mutex.go", Line: 149}, "0x366d03c42578", "+0x15d"},
			{event.Frame{Func: "sync.(*Mutex).Lock", File: "/go/src/sync/mutex.go", Line: 46}, "...", ""},
			{event.Frame{Func: "example.com/x/y%2ez.(*T[...]).lock", File: "C:/src/y.go", Line: 16}, "0x0?, {0x1, 0x2}", "+0x3c"},
		},
		Created: Frame{event.Frame{Func: "example.com/x.Start.func1", File: "/src/x.go", Line: 23}, "", "+0x85"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if lockAddr(&got) != "0x366d03c42578" || got.own().Func != "example.com/x/y%2ez.(*T[...]).lock" {
		t.Errorf("lock %s, own frame %+v", lockAddr(&got), got.own())
	}
	first, last := d.Goroutines[0], d.Goroutines[2]
	if first.Minutes != 12 || first.Frames[1].File != "/src/my app/main.go" || first.Frames[0].Offset != "+0x30c" {
		t.Errorf("%+v", first)
	}
	if last.Reason != "running" || len(last.Frames) != 0 || last.Created.Func != "main.main" {
		t.Errorf("%+v", last)
	}
}

func TestParseDumpThatIsCutOff(t *testing.T) {
	for n := len(someDump) - 20; n > strings.Index(someDump, "goroutine 21")+20; n-- {
		d, err := ParseDump([]byte(someDump[:n]))
		if err != nil || len(d.Goroutines) < 2 {
			t.Errorf("cut at %d: %d goroutines, %v", n, len(d.Goroutines), err)
		}
	}
}

func TestParseDumpRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":       "no goroutine in it",
		"<html>": `"<html>" where a goroutine is expected`,
		"goroutine x [running]:\nmain.main()\n\t/m.go:1\n":                            "where a goroutine is expected",
		"goroutine 1 [running]:\nmain.main()\n\nx":                                    "no file and line below",
		"goroutine 99999999999999999999 [running]:\n\nx":                              "goroutine number",
		"goroutine 1 [running]:\nmain.main()\n\t/m.go:99999999999999999999\n\nmore\n": "no file and line below",
		"profile: total 3\n1 @ 0x1\n":                                                 "where a goroutine is expected",
	} {
		if d, err := ParseDump([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v, %v, want %s", text, d, err, want)
		}
	}
}

const someProfile = `goroutine profile: total 14
2 @ 0x489b2e 0x467c92 0x4911e1
# labels: {"peer":"a+0x1	b:1"}
#	0x48afc4	internal/sync.runtime_SemacquireMutex+0x24	/go/src/runtime/sema.go:95
#	0x670c5d	main.(*T).lock+0x5d				/src/my app/main.go:16

12 @ 0x448c91
`

func TestParseProfile(t *testing.T) {
	got, err := ParseProfile([]byte(someProfile))
	if err != nil {
		t.Fatal(err)
	}
	want := Profile{Total: 14, Places: []Place{
		{Count: 2, Key: " 0x489b2e 0x467c92 0x4911e1", Stack: []event.Frame{
			{Func: "internal/sync.runtime_SemacquireMutex", File: "/go/src/runtime/sema.go", Line: 95},
			{Func: "main.(*T).lock", File: "/src/my app/main.go", Line: 16},
		}},
		{Count: 12, Key: " 0x448c91"},
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	for text, want := range map[string]string{
		"":                                  "is not the beginning of a goroutine profile",
		"heap profile: 1: 2":                "is not the beginning of a goroutine profile",
		"goroutine profile: total 1\nwhat?": "line 2",
		"goroutine profile: total 1\n99999999999999999999 @ 0x1": "number of goroutines",
	} {
		if _, err := ParseProfile([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// Whatever a server sends, there is an answer or an error, and a Watch lives on.
func FuzzParse(f *testing.F) {
	f.Add([]byte(someDump), []byte(someProfile))
	f.Add([]byte("goroutine 1 [select (no cases)]:\nmain.f()\n\t/m.go:1\n"), []byte("goroutine profile: total 0\n"))
	if real, err := os.ReadFile("testdata/faults.dump"); err == nil {
		f.Add(real, []byte(someProfile))
	}
	f.Fuzz(func(t *testing.T, dump, profile []byte) {
		w := NewWatch(Config{})
		for i := int64(1); i < 4; i++ {
			r := Read{At: i * 3e9}
			if d, err := ParseDump(dump); err == nil {
				r.Dump = &d
			} else if p, err := ParseProfile(profile); err == nil {
				r.Profile = &p
			}
			a := w.Step(r)
			if a.Wait < 0 {
				t.Errorf("wait %s", a.Wait)
			}
			for _, f := range a.Findings {
				if f.What == "" || f.Refuted == "" || len(f.Evidence) == 0 {
					t.Errorf("finding %+v", f)
				}
			}
		}
	})
}
