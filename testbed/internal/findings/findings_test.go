package findings

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFindingsAreReadAsTheyGrow(t *testing.T) {
	name := filepath.Join(t.TempDir(), "findings.jsonl")
	f := &File{Name: name}
	steps := []struct {
		what, data string
		want       int
		fails      bool
	}{
		{"no file yet", "", 0, false},
		{"half a line", `{"verdict":"stuck",`, 0, false},
		{"its other half", `"class":"proven"}` + "\n", 1, false},
		{"two at once", "{}\n{}\n", 3, false},
		{"not JSON", "oops\n", 3, true},
	}
	for _, s := range steps {
		if s.data != "" {
			appendTo(t, name, s.data)
		}
		f.Look()
		all, err := f.List()
		if len(all) != s.want || (err != nil) != s.fails {
			t.Fatalf("%s: %d findings and %v, want %d and an error: %v", s.what, len(all), err, s.want, s.fails)
		}
	}
}

func appendTo(t *testing.T, name, data string) {
	t.Helper()
	file, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString(data); err != nil {
		t.Fatal(err)
	}
}
