package gen_test

import (
	"bytes"
	"errors"
	"hash/crc32"
	"io/fs"
	"strings"
	"testing"

	"github.com/lifesign-go/lifesign/cmd/analyze"
	"github.com/lifesign-go/lifesign/cmd/gen"
	"github.com/lifesign-go/lifesign/event"
)

func modelOf(src string) *analyze.Model {
	f := analyze.File{Path: "a.go", Size: len(src), Sum: crc32.ChecksumIEEE([]byte(src)), Clause: len("package a")}
	return &analyze.Model{Packages: []analyze.Package{{Name: "a", Hook: "lsrt", Base: "lsbase", Generated: "zz.go", Files: []analyze.File{f}}}}
}

func TestWeaveRefuses(t *testing.T) {
	const src = "package a\n"
	tests := []struct {
		name string
		read func(string) ([]byte, error)
		want string
	}{
		{"a file that is gone", func(string) ([]byte, error) { return nil, fs.ErrNotExist }, "file does not exist"},
		{"a longer file", func(string) ([]byte, error) { return []byte(src + "\n"), nil }, "weave a.go: it has changed"},
		{"another file", func(string) ([]byte, error) { return []byte("package b\n"), nil }, "weave a.go: it has changed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			files, err := gen.Weave(modelOf(src), tt.read)
			if err == nil || !strings.Contains(err.Error(), tt.want) || files != nil {
				t.Errorf("files %v, error %v, want %q", files, err, tt.want)
			}
			if tt.name == "a file that is gone" && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("error %v does not say what it is", err)
			}
		})
	}
}

func capturing(t analyze.Take) []analyze.Rewrite {
	return []analyze.Rewrite{{Form: analyze.Expression, Start: 11, Cut: 11, End: 12, Take: []analyze.Take{t}}}
}

func TestRewriteRefuses(t *testing.T) {
	const src = "package a\n\nfunc f() { ch <- 1 }\n"
	arrow := strings.Index(src, "<-")
	tests := []struct {
		name string
		list []analyze.Rewrite
		want string
	}{
		{"unknown form", []analyze.Rewrite{{Form: "none"}}, "not known"},
		{"beyond the end", []analyze.Rewrite{{Form: analyze.Guard, Start: 100, Cut: 100, End: 101}}, "at bytes"},
		{"negative", []analyze.Rewrite{{Form: analyze.Guard, Start: -1}}, "at bytes"},
		{"backwards", []analyze.Rewrite{{Form: analyze.Guard, Start: 5, Cut: 4, End: 6}}, "at bytes"},
		{"no arrow to send by", []analyze.Rewrite{{Form: analyze.Send, Start: arrow - 3, Cut: arrow - 1, End: arrow + 4}}, "no <-"},
		{"no arrow to receive by", []analyze.Rewrite{{Form: analyze.Recv, Start: arrow - 1, Cut: arrow, End: arrow + 4}}, "no <-"},
		{"no parenthesis", []analyze.Rewrite{{Form: analyze.Deferred, Start: arrow - 3, Cut: arrow, End: arrow + 4}}, "no parenthesis"},
		{"no keyword", []analyze.Rewrite{{Form: analyze.Hoist, Start: arrow, Cut: arrow, End: arrow + 4, Word: "if"}}, "no if"},
		{"no semicolon", []analyze.Rewrite{{Form: analyze.Hoist, Start: arrow, Cut: arrow, End: arrow + 2, Word: "<-"}}, "no semicolon"},
		{"overlap", []analyze.Rewrite{
			{Form: analyze.Send, Start: arrow - 3, Cut: arrow, End: arrow + 4},
			{Form: analyze.Method, Start: arrow - 3, Cut: arrow - 1, End: arrow + 4},
		}, "out of its order"},
		{"captures beyond the end", capturing(analyze.Take{Kind: analyze.TakeText, Start: 1, End: 1000}), "bytes 1 to 1000"},
		{"captures backwards", capturing(analyze.Take{Kind: analyze.TakeText, Start: 3, End: 2}), "bytes 3 to 2"},
		{"captures a line", capturing(analyze.Take{Kind: analyze.TakeText, Start: 3, End: 12}), "more than a line"},
		{"captures by a line", capturing(analyze.Take{Kind: analyze.TakeText, Wrap: "f(\n%s)"}), `takes "f(\n%s)"`},
		{"captures in an unknown way", capturing(analyze.Take{Kind: "Whole"}), "which is not known"},
		{"an error of two lines", []analyze.Rewrite{{Form: analyze.Statement, Start: arrow - 3, Cut: arrow - 3, End: arrow, Err: "a\nb"}}, "the variable"},
		{"mark outside", []analyze.Rewrite{{Form: analyze.Select, Start: arrow, Cut: arrow, End: arrow, Marks: []int{1000}}}, "out of its order"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := modelOf(src).Packages[0]
			p.Files[0].Rewrites = tt.list
			out, err := gen.Rewrite([]byte(src), &p, &p.Files[0])
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q; made %q", err, tt.want, out)
			}
		})
	}
}

// The table is a string of the generated file: whatever a field holds must come
// through.
func TestTableQuotes(t *testing.T) {
	p := modelOf("package a\n").Packages[0]
	p.Files[0].Sites = []analyze.Site{
		{Site: event.Site{Kind: event.Call, File: "a\tb\\c\"d`e\n.go", Func: "f", Line: 1}},
		{Site: event.Site{Kind: event.Lock, Paired: true, Idle: true, Object: "ö"}, Ordinal: 1},
	}
	got := string(gen.Table(&p, "go1.26 amd64", nil))
	for _, want := range []string{
		`"call\t-\t\ta\\tb\\\\c\"d` + "`" + `e\\n.go\t1\tf\t\t\n"+`,
		`"lock\tip\t\t\t0\t\tö\t\n")`,
		`lsrt.Register("go1.26 amd64",`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the table has no %s:\n%s", want, got)
		}
	}
}

// A model may be wrong, but Rewrite must neither crash nor change the number
// of lines.
func FuzzRewrite(f *testing.F) {
	f.Add("package a\n\nfunc f() { ch <- <-x; s.mu.Lock() }\n", []byte{4, 24, 27, 32, 5, 29, 31, 32, 2, 34, 38, 45})
	f.Add("package a\n\nfunc f() {\nif x := 1; x > 0 {\n}\nfor v := range ch {\n}\n}\n", []byte{9, 22, 31, 44, 6, 48, 58, 60, 0, 21, 21, 63})
	forms := []analyze.Form{
		analyze.Guard, analyze.Loop, analyze.Method, analyze.MethodExpr, analyze.Send, analyze.Recv,
		analyze.Range, analyze.Select, analyze.Statement, analyze.Hoist, "unknown", analyze.Request, analyze.Expression, analyze.Deferred,
	}
	f.Fuzz(func(t *testing.T, src string, raw []byte) {
		p := modelOf(src).Packages[0]
		file := &p.Files[0]
		for ; len(raw) >= 4; raw = raw[4:] {
			file.Rewrites = append(file.Rewrites, analyze.Rewrite{
				Form: forms[int(raw[0])%len(forms)], Site: int(raw[0]) - 5,
				Start: int(raw[1]), Cut: int(raw[2]), End: int(raw[3]), Word: "if", Marks: []int{int(raw[2])}, Err: "err",
				Take: []analyze.Take{{Kind: analyze.TakeNumber, Start: int(raw[2]), End: int(raw[3]), Wrap: "int64(%s)"}},
			})
		}
		out, err := gen.Rewrite([]byte(src), &p, file)
		if err == nil && bytes.Count(out, []byte("\n")) != strings.Count(src, "\n") {
			t.Errorf("%q woven is %q", src, out)
		}
	})
}
