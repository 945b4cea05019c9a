package cputime

import (
	"os"
	"testing"
)

const (
	tail = " 1 1 1 0 -1 4194560 19 0 2 0 83 472 0 0 20 0 3 0 12 0 0"
	bash = "4711 (bash) S 1 4711 4711 34816 4712 4194304 1 2 3 4 125 33 6 7 20 0 1 0 987654 10 20\n"
)

func TestParseStat(t *testing.T) {
	for _, test := range []struct {
		text string
		want Stat
	}{
		{bash, Stat{"bash", 'S', 1580e6, 1, 987654}},
		{"1 (a) Z" + tail, Stat{"a", 'Z', 5550e6, 3, 12}},
		{"1 (a) b (c\n) R 7)  D" + tail, Stat{"a) b (c\n) R 7", 'D', 5550e6, 3, 12}},
		{"1 () X" + tail, Stat{"", 'X', 5550e6, 3, 12}},
	} {
		if got, err := ParseStat([]byte(test.text)); err != nil || got != test.want {
			t.Errorf("%q:\n got %+v, %v\nwant %+v", test.text, got, err, test.want)
		}
	}
	for text, want := range map[string]string{
		"":                `no name in ""`,
		")1 (":            `no name in ")1 ("`,
		"1 (a) R 1 2 3 4": `5 fields after the name in "1 (a) R 1 2 3 4", not 20`,
		"1 (a) R 1 1 1 0 -1 0 0 0 0 0 8x 472 0 0 20 0 3 0 12":                  `field 14 is "8x": not a number`,
		"1 (a) R 1 1 1 0 -1 0 0 0 0 0 -8 472 0 0 20 0 3 0 12":                  `field 14 is "-8": not a number`,
		"1 (a) R 1 1 1 0 -1 0 0 0 0 0 8 18446744073709551616 0 0 20 0 3 0 12":  `field 15 is "18446744073709551616": not a number`,
		"1 (a) R 1 1 1 0 -1 0 0 0 0 0 8 1844674407370955160 0 0 20 0 3 0 12 4": "utime or stime is more than a process can have had",
	} {
		if got, err := ParseStat([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q: %+v, error %v, want %s", text, got, err, want)
		}
	}
}

func TestEnded(t *testing.T) {
	for _, test := range []struct {
		s    Stat
		want bool
	}{
		{Stat{State: 'R', Threads: 1}, false},
		{Stat{State: 'Z', Threads: 2}, false}, // the first thread has ended, another goes on
		{Stat{State: 'Z', Threads: 1}, true},
		{Stat{State: 'X', Threads: 0}, true},
	} {
		if got := test.s.Ended(); got != test.want {
			t.Errorf("%+v: %v, want %v", test.s, got, test.want)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte(bash))
	f.Add([]byte("1 (a) R" + tail))
	if own, err := os.ReadFile("/proc/self/stat"); err == nil {
		f.Add(own)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseStat(b)
		if err == nil && (s.CPU < 0 || s.CPU%tick != 0) {
			t.Errorf("%+v of %q", s, b)
		}
	})
}
