package report

import (
	"strings"
	"testing"
)

func TestEach(t *testing.T) {
	tests := []struct {
		name, in string
		want     []Event
		fails    bool
	}{
		{"nothing", "", nil, false},
		{"two lines", `{"event":"ready","at":1}` + "\n" + `{"event":"end","at":2,"p99":5}` + "\n", []Event{Ready, End}, false},
		{"no line feed at the end", `{"event":"ready"}`, []Event{Ready}, false},
		{"not a report", "panic: boom\n", nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []Event
			err := Each(strings.NewReader(tt.in), func(l Line) { got = append(got, l.Event) })
			if (err != nil) != tt.fails {
				t.Fatalf("Each(%q) = %v, want an error: %v", tt.in, err, tt.fails)
			}
			if len(got) != len(tt.want) {
				t.Fatalf("Each(%q) told %v, want %v", tt.in, got, tt.want)
			}
			for i := range got {
				if got[i] != tt.want[i] {
					t.Errorf("line %d is %q, want %q", i, got[i], tt.want[i])
				}
			}
		})
	}
}
