package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMain is the server too, which the measurement starts from its own program.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "serve" {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// TestTheBugCostsWhoMeetsIt is the measurement, in short, with a bug that is met
// often.
func TestTheBugCostsWhoMeetsIt(t *testing.T) {
	o := measureOptions{clients: 50, time: 4 * time.Second, think: 50 * time.Millisecond, crash: 100, errs: os.Stderr}
	for _, mode := range modes {
		r, err := o.measure(mode)
		if err != nil {
			t.Fatalf("%s: %v", mode, err)
		}
		t.Logf("%s: %d requests, %d crashes, %d failed, %d changes undone, %v without service, %d broken",
			mode, r.requests, r.crashes, r.failed, r.lost, r.without, len(r.broken))
		if r.crashes == 0 {
			t.Errorf("%s: nobody has met the bug", mode)
		}
		if down := r.outages > 0 && r.failed > 0; down != (mode == plain) {
			t.Errorf("%s: %d outages, %d requests of others failed", mode, r.outages, r.failed)
		}
		if dirty := len(r.broken) > 0; dirty != (mode == recovered) {
			t.Errorf("%s: what cannot be: %q", mode, r.broken)
		}
		if mode != plain && r.lost > 0 {
			t.Errorf("%s: %d changes of others were undone", mode, r.lost)
		}
	}
}

func TestMeasureJudges(t *testing.T) {
	o := measureOptions{clients: 5, time: time.Second, think: 50 * time.Millisecond, modes: []string{guarded}, errs: os.Stderr}
	var out bytes.Buffer
	o.out = &out
	if err := measure(o); err == nil || !strings.Contains(err.Error(), "0 crashes") {
		t.Errorf("without a crash nothing is shown, and measure says %v", err)
	}
	if !strings.Contains(out.String(), "players in the store") {
		t.Errorf("the table is\n%s", out.String())
	}
}

func TestStoreKeepsWhatIsWhole(t *testing.T) {
	name := filepath.Join(t.TempDir(), "store")
	st, err := openStore(name)
	if err != nil {
		t.Fatal(err)
	}
	giver := st.Load(1)
	giver.Gold, giver.Given = giver.Gold-5, 5
	if err := st.Give(giver, 2, 5); err != nil {
		t.Fatal(err)
	}
	if _, broken := st.Audit(); len(broken) > 0 {
		t.Errorf("a gift that waits: %q", broken)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("\n01234567 {\"Players\":[{\"ID\":1,\"Go")
	f.Close()

	if st, err = openStore(name); err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if p := st.Load(1); p != giver || st.Waiting(2) != 5 {
		t.Errorf("after a write that was cut off: %+v, %d waiting", p, st.Waiting(2))
	}
	taker := st.Load(2)
	taker.Gold += 4 // one too little
	taker.Received += 5
	if err := st.Collect(taker, 5); err != nil {
		t.Fatal(err)
	}
	if players, broken := st.Audit(); players != 2 || len(broken) != 1 || !strings.HasPrefix(broken[0], "player 2 has 1004 gold") {
		t.Errorf("%d players, broken: %q", players, broken)
	}
	var out bytes.Buffer
	if err := check([]string{name}, &out); err == nil || !strings.HasPrefix(out.String(), "2 players, 1 of them") {
		t.Errorf("check says %v\n%s", err, out.String())
	}
}
