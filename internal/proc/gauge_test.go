package proc

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestGaugeParsers(t *testing.T) {
	for _, c := range []struct {
		what  string
		parse func([]byte) int64
		text  string
		want  int64
	}{
		{"cpu.stat of version 1", throttledTime, "nr_periods 120\nnr_throttled 7\nthrottled_time 123456789\nnr_bursts 0\nburst_time 0\n", 123456789},
		{"cpu.stat of version 2", throttledTime, "usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 9\nnr_throttled 4\nthrottled_usec 77\n", 77000},
		{"cpu.stat without a quota", throttledTime, "usage_usec 5\nuser_usec 3\nsystem_usec 2\n", -1},
		{"cgroup.stat.local", frozenTime, "frozen_usec 200013\n", 200013000},
		{"an empty file", frozenTime, "", -1},
		{"pressure", func(b []byte) int64 { return pressureTotal(b, "some") }, "some avg10=64.02 avg60=71.36 avg300=40.39 total=2067481126\nfull avg10=0.00 avg60=0.00 avg300=0.10 total=193474993\n", 2067481126000},
		{"full pressure", func(b []byte) int64 { return pressureTotal(b, "full") }, "some avg10=64.02 avg60=71.36 avg300=40.39 total=2067481126\nfull avg10=0.00 avg60=0.00 avg300=0.10 total=193474993\n", 193474993000},
		{"no pressure", func(b []byte) int64 { return pressureTotal(b, "some") }, "some avg10=0.00\n", -1},
		{"steal", steal, "cpu  10 20 30 40 50 60 70 8 0 0\ncpu0 1 2 3 4 5 6 7 99 0 0\n", 80000000},
		{"steal of an old kernel", steal, "cpu  10 20 30 40 50 60 70\n", -1},
		{"a number too many", func(b []byte) int64 { return named(b, "pswpin") }, "pswpin 1 2\n", -1},
		{"a longer name", func(b []byte) int64 { return named(b, "pswpin") }, "pswpin_x 1\npswpin 12\n", 12},
		{"too large", func(b []byte) int64 { return named(b, "pswpin") }, "pswpin 18446744073709551615\n", -1},
	} {
		if got := c.parse([]byte(c.text)); got != c.want {
			t.Errorf("%s: %d, want %d", c.what, got, c.want)
		}
	}
}

// naiveNamed is named by the standard library alone.
func naiveNamed(text, name string) int64 {
	for _, line := range strings.Split(text, "\n") {
		if !strings.HasPrefix(line, name+" ") {
			continue
		}
		n, err := strconv.ParseInt(strings.Trim(line[len(name):], " \t"), 10, 64)
		if err != nil || n < 0 || strings.ContainsAny(line[len(name):], "+-") {
			return -1
		}
		return n
	}
	return -1
}

func FuzzGaugeParsers(f *testing.F) {
	f.Add("nr_throttled 7\nthrottled_time 123456789\n")
	f.Add("some avg10=0.00 avg60=0.00 avg300=0.00 total=12\n")
	f.Add("cpu  10 20 30 40 50 60 70 8 0 0\n")
	f.Add("frozen_usec  9223372036854775807\n")
	f.Fuzz(func(t *testing.T, text string) {
		b := []byte(text)
		for name, n := range map[string]int64{
			"throttled_time": throttledTime(b), "frozen_usec": frozenTime(b), "some": pressureTotal(b, "some"), "steal": steal(b),
		} {
			if n < -1 {
				t.Errorf("%s of %q is %d", name, text, n)
			}
		}
		if !strings.ContainsAny(text, "\r\v\f") {
			if got, want := named(b, "frozen_usec"), naiveNamed(text, "frozen_usec"); got != want {
				t.Errorf("frozen_usec of %q is %d, want %d", text, got, want)
			}
		}
	})
}

// What this very process is told: it runs, is no thread less than one, and a second
// reading has not gone back.
func TestGaugesOfThisProcess(t *testing.T) {
	gs := Kernel{Proc: "/proc", Sys: "/sys", PID: os.Getpid()}.Gauges()
	defer gs.Close()
	var a, b Gauge
	gs.Read(&a)
	for i := 0; i < 1000; i++ {
		os.Getppid()
	}
	gs.Read(&b)
	if a.RanNS <= 0 || b.RanNS <= a.RanNS {
		t.Errorf("processor time %d, then %d", a.RanNS, b.RanNS)
	}
	if len(a.Threads) == 0 || a.Faults < 0 || a.AllFaults < 0 || a.ReadBytes < 0 || a.StealNS < 0 || a.SwapIns < 0 {
		t.Errorf("not told here: %+v", a)
	}
	if b.AllFaults < a.AllFaults || b.StealNS < a.StealNS || b.IONS < a.IONS {
		t.Errorf("counters went back: %+v, then %+v", a, b)
	}
	gs.Close()
	gs.Read(&b)
	if b.RanNS <= a.RanNS || len(b.Threads) == 0 {
		t.Errorf("after Close: %+v", b)
	}
}
