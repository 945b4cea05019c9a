package lease

import (
	"sort"
	"testing"
)

func TestTokenText(t *testing.T) {
	var texts []string
	for _, n := range []Token{1, 9, 10, 999, 1 << 40, 1<<64 - 1} {
		texts = append(texts, n.String())
		if got, err := ParseToken(n.String()); err != nil || got != n {
			t.Errorf("ParseToken(%q) = %d, %v", n.String(), got, err)
		}
		var back Token
		text, _ := n.MarshalText()
		if err := back.UnmarshalText(text); err != nil || back != n {
			t.Errorf("UnmarshalText(%q) = %d, %v", text, back, err)
		}
	}
	if !sort.StringsAreSorted(texts) {
		t.Errorf("texts do not sort as tokens do: %v", texts)
	}
	for _, s := range []string{"", "0", "00000000000000000000", "-1", "+1", " 1", "1 ", "0x10", "1_0", "18446744073709551616", "000000000000000000001", "１"} {
		if got, err := ParseToken(s); err == nil {
			t.Errorf("ParseToken(%q) = %d, want an error", s, got)
		}
	}
	if got, err := ParseToken("42"); err != nil || got != 42 {
		t.Errorf("ParseToken(42) = %d, %v", got, err)
	}
}

func FuzzParseToken(f *testing.F) {
	for _, s := range []string{"1", "00000000000000000042", "18446744073709551615", "0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseToken(s)
		if err != nil {
			return
		}
		if again, err := ParseToken(got.String()); got == 0 || err != nil || again != got {
			t.Errorf("%q is token %d, and that is %d, %v", s, got, again, err)
		}
	})
}
