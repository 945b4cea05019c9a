package event

import "testing"

func TestWaitsIsTheNewestRecordNotHeld(t *testing.T) {
	held, flying := Record{Seq: 1, Held: true}, Record{Seq: 2}
	for _, test := range []struct {
		name    string
		records []Record
		seq     uint64
		ok      bool
	}{
		{"nothing", nil, 0, false},
		{"a lock held", []Record{held}, 0, false},
		{"an operation", []Record{flying}, 2, true},
		{"an operation under a lock", []Record{held, flying}, 2, true},
		{"a lock taken inside an operation", []Record{flying, {Seq: 3, Held: true}}, 2, true},
		{"operations in one another", []Record{flying, {Seq: 4}}, 4, true},
	} {
		r, ok := Goroutine{Records: test.records}.Waits()
		if r.Seq != test.seq || ok != test.ok {
			t.Errorf("%s: %d, %v", test.name, r.Seq, ok)
		}
	}
}

func TestSitesNameThemselves(t *testing.T) {
	if got := (Site{File: "/src/a.go", Line: 3}).Place(); got != "/src/a.go:3" {
		t.Errorf("got %q", got)
	}
	for kind, want := range map[Kind]bool{Lock: true, RWLock: true, RLock: true, Locker: true, Send: false, Call: false, Region: false, Never: false} {
		if kind.IsLock() != want {
			t.Errorf("%s is a lock: %v", kind, !want)
		}
	}
}
