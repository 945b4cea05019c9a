package observe

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/procfs"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/proc"
)

// What lifesign reads of threads is what another library reads, of everything
// that runs on this machine: of each thread that has not moved meanwhile.
func TestThreadsAsProcfsReadsThem(t *testing.T) {
	compared := 0
	for _, pid := range processes(t) {
		tasks, err := proc.OpenTasks(proc.Kernel{Proc: "/proc", Sys: "/sys", PID: pid, Arch: "amd64"})
		if err != nil {
			continue // it is gone
		}
		before, err := tasks.Counters(nil)
		for i := range before {
			tasks.State(&before[i])
		}
		var oracle []event.Thread
		for _, th := range before {
			oracle = append(oracle, byProcfs(pid, th.ID))
		}
		after := append([]event.Thread(nil), before...)
		for i := range after {
			tasks.State(&after[i])
		}
		now, _ := tasks.Counters(nil)
		tasks.Close()
		if err != nil {
			continue
		}
		for i, th := range before {
			if th.State != after[i].State || th.Switches != after[i].Switches || th.Wchan != after[i].Wchan || i >= len(now) || now[i].RanNS != th.RanNS || now[i].Slices != th.Slices {
				continue // it moved
			}
			if got, want := summary(th), summary(oracle[i]); got != want {
				t.Errorf("thread %d of %d:\n%s, procfs has\n%s", th.ID, pid, got, want)
			}
			compared++
		}
	}
	if compared < 10 {
		t.Errorf("only %d threads have not moved", compared)
	}
	t.Logf("%d threads are the same", compared)
}

func processes(t *testing.T) (pids []int) {
	names, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if pid, err := strconv.Atoi(filepath.Base(name)); err == nil && pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids
}

// summary has what both read.
func summary(th event.Thread) string {
	var b strings.Builder
	for _, n := range []interface{}{th.ID, th.Comm, th.State, th.UserNS, th.SystemNS, th.Faults, th.Nice, th.RanNS, th.WaitedNS, th.Slices, th.Switches, th.Forced, th.ReadBytes, th.WroteBytes, th.Wchan} {
		b.WriteString(" ")
		switch n := n.(type) {
		case string:
			b.WriteString(strconv.Quote(n))
		case int:
			b.WriteString(strconv.Itoa(n))
		case int64:
			b.WriteString(strconv.FormatInt(n, 10))
		case uint64:
			b.WriteString(strconv.FormatUint(n, 10))
		}
	}
	return b.String()
}

// byProcfs reads a thread by github.com/prometheus/procfs.
func byProcfs(pid, tid int) event.Thread {
	th := event.Thread{ID: tid}
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return th
	}
	p, err := fs.Thread(pid, tid)
	if err != nil {
		return th
	}
	const tick = 10_000_000
	if s, err := p.Stat(); err == nil {
		th.Comm, th.State, th.Faults, th.Nice = s.Comm, s.State, uint64(s.MajFlt), s.Nice
		th.UserNS, th.SystemNS = int64(s.UTime)*tick, int64(s.STime)*tick
	}
	if s, err := p.Schedstat(); err == nil {
		th.RanNS, th.WaitedNS, th.Slices = int64(s.RunningNanoseconds), int64(s.WaitingNanoseconds), s.RunTimeslices
	}
	if s, err := p.NewStatus(); err == nil {
		th.Switches, th.Forced = s.VoluntaryCtxtSwitches+s.NonVoluntaryCtxtSwitches, s.NonVoluntaryCtxtSwitches
	}
	if s, err := p.IO(); err == nil {
		th.ReadBytes, th.WroteBytes = s.ReadBytes, s.WriteBytes
	}
	if w, err := p.Wchan(); err == nil {
		th.Wchan = w
	}
	return th
}
