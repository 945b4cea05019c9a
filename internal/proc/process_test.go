package proc

import "testing"

func TestParseStat(t *testing.T) {
	const rest = " S 1 2 3 4 5 6 7 8 9 10 150 25 0 0"
	for _, name := range []string{"sleep", "a b", "a) R (b", "(", ")"} {
		state, ran, err := parseStat([]byte("42 (" + name + ")" + rest))
		if state != 'S' || ran != 1_750_000_000 || err != nil {
			t.Errorf("name %q: state %c, ran %d, %v", name, state, ran, err)
		}
	}
	for _, line := range []string{"", "42 (x", "42 (x)", "42 (x) S 1 2", "42 (x) SS 1 2 3 4 5 6 7 8 9 10 1 2", "42 (x) S 1 2 3 4 5 6 7 8 9 10 a 2", "42 (x) S 1 2 3 4 5 6 7 8 9 10 1 -"} {
		if state, ran, err := parseStat([]byte(line)); err == nil {
			t.Errorf("%q: state %c, ran %d, want an error", line, state, ran)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("42 (x) S 1 2 3 4 5 6 7 8 9 10 150 25 0"))
	f.Fuzz(func(t *testing.T, b []byte) { parseStat(b) })
}
