package proc

import "testing"

func TestParseStat(t *testing.T) {
	const rest = " S 1 2 3 4 5 64 7 8 9 10 150 25 0 0"
	for _, name := range []string{"sleep", "a b", "a) R (b", "(", ")"} {
		s, err := parseStat([]byte("42 (" + name + ")" + rest))
		if s.state != 'S' || s.ran() != 1_750_000_000 || string(s.comm) != name || err != nil {
			t.Errorf("name %q: %+v, %v", name, s, err)
		}
	}
	for _, line := range []string{"", "42 (x", "42 (x)", "42 (x) S 1 2", "42 (x) SS 1 2 3 4 5 6 7 8 9 10 1 2", "42 (x) S 1 2 3 4 5 6 7 8 9 10 a 2", "42 (x) S 1 2 3 4 5 6 7 8 9 10 1 -"} {
		if s, err := parseStat([]byte(line)); err == nil {
			t.Errorf("%q: %+v, want an error", line, s)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("42 (x) S 1 2 3 4 5 64 7 8 9 10 150 25 0"))
	f.Fuzz(func(t *testing.T, b []byte) { parseStat(b) })
}
