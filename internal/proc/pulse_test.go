package proc

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lifesign-go/lifesign/event"
)

const pulseStat = "7 (a) b) S 1 2 3 4 5 64 7 8 9 10 150 25 0 0 20 0 1 0 0 0 0 0"

// grouped is process 7 in a group of version 2 with a quota, beside one of version 1.
func grouped(t *testing.T) (k Kernel, root string) {
	root = tree(t, map[string]string{
		"proc/7/stat":                             pulseStat,
		"proc/7/cgroup":                           "5:freezer:/box\n0::/slice/box\n",
		"sys/fs/cgroup/slice/box/cgroup.events":   "populated 1\nfrozen 0\n",
		"sys/fs/cgroup/slice/cpu.max":             "10000 100000\n",
		"sys/fs/cgroup/slice/cpu.stat":            "usage_usec 1\nnr_periods 9\nnr_throttled 4\n",
		"sys/fs/cgroup/slice/box/cpu.max":         "max 100000\n",
		"sys/fs/cgroup/freezer/box/freezer.state": "THAWED\n",
	})
	return Kernel{Proc: filepath.Join(root, "proc"), Sys: filepath.Join(root, "sys"), PID: 7}, root
}

func overwrite(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestPulse(t *testing.T) {
	k, root := grouped(t)
	p := k.Pulse()
	defer p.Close()
	want := event.Process{RanNS: 1_750_000_000, Throttled: 4}
	if got := p.Process(); got != want {
		t.Fatalf("at first %+v, want %+v", got, want)
	}
	steps := []struct{ file, text, paused string }{
		{"sys/fs/cgroup/slice/box/cgroup.events", "populated 1\nfrozen 1\n", "frozen by its control group"},
		{"sys/fs/cgroup/slice/box/cgroup.events", "populated 1\nfrozen 0\n", ""},
		{"sys/fs/cgroup/freezer/box/freezer.state", "FROZEN\n", "frozen by its control group"},
		{"sys/fs/cgroup/freezer/box/freezer.state", "THAWED\n", ""},
		{"proc/7/stat", strings.Replace(pulseStat, " S ", " T ", 1), "stopped by a signal"},
		{"proc/7/stat", strings.Replace(pulseStat, " S ", " t ", 1), "stopped by a tracer"},
	}
	for _, s := range steps {
		overwrite(t, filepath.Join(root, s.file), s.text)
		if got := p.Process(); got.Paused != s.paused || got.Unknown != "" {
			t.Errorf("%s says %q: %+v, want paused %q", s.file, s.text, got, s.paused)
		}
	}
}

// TestPulseFollowsToAnotherGroup: a process that is moved is asked about in its new
// group, a little later.
func TestPulseFollowsToAnotherGroup(t *testing.T) {
	k, root := grouped(t)
	p := k.Pulse()
	defer p.Close()
	p.Process()
	dir := filepath.Join(root, "sys/fs/cgroup/other")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	overwrite(t, filepath.Join(dir, "cgroup.events"), "frozen 1\n")
	overwrite(t, filepath.Join(root, "proc/7/cgroup"), "0::/other\n")
	for i := 0; i < regroup; i++ {
		if p.Process().Paused != "" {
			return
		}
	}
	if got := p.Process(); got.Paused == "" {
		t.Errorf("after %d answers %+v, want it frozen", regroup, got)
	}
}

func TestPulseOfNobody(t *testing.T) {
	k, _ := grouped(t)
	k.PID = 8
	if got := k.Pulse().Process(); got.Unknown == "" || got.RanNS != -1 {
		t.Errorf("%+v, want it unknown", got)
	}
}

func TestPulseAllocatesNothing(t *testing.T) {
	p := Kernel{Proc: "/proc", Sys: "/sys", PID: os.Getpid()}.Pulse()
	defer p.Close()
	p.Process()
	if n := testing.AllocsPerRun(regroup/2, func() { p.Process() }); n > 0 {
		t.Errorf("%.1f allocations an answer", n)
	}
}
