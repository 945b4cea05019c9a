package dump

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

func TestSecretsInTexts(t *testing.T) {
	r := UsualRules()
	for text, want := range map[string]string{
		"password=hunter2 user=x":                      "password=[redacted] user=x",
		`{"api_key": "abc123", "n": 1}`:                `{"api_key": "[redacted]", "n": 1}`,
		"Authorization: Bearer abcdefghij":             "Authorization: Bearer [redacted]",
		"sent bearer abc.def-123456 on":                "sent bearer [redacted] on",
		"dial postgres://app:s3cr3t@db:5432/x":         "dial postgres://app:[redacted]@db:5432/x",
		"key AKIAIOSFODNN7EXAMPLE":                     "key [redacted]",
		"DB_PASSWORD='x y'; next":                      "DB_PASSWORD='x y'; next", // one letter is no word
		"Cookie: session=abc; other=1":                 "Cookie: [redacted]; other=1",
		"the token bucket is empty":                    "the token bucket is empty",
		"listen on http://localhost:8080/a@b":          "listen on http://localhost:8080/a@b",
		"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.sig": "[redacted]",
	} {
		if got := r.text(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestRulesOnADump(t *testing.T) {
	d := someDump()
	d.Env = []string{"GOMAXPROCS=4", "AWS_SECRET_ACCESS_KEY=x", "LC_ALL=C", "GOPROXY=https://u:p@proxy", "PATH=/bin", "NOEQUALS"}
	d.Args = []string{"server", "-token", "abc", "--db-password=def", "-v", "secret"}
	d.Log = []string{"login password=hunter2"}
	d.Text = "panic: token=abcdef\n\ngoroutine 1 [running]:\nmain.f(0xc0001, {0x1, 0x2})\n\ta.go:1 +0x1\nmain.(*T).g(...)\n"
	d.Findings[0].Evidence = []event.Evidence{{Text: "password: hunter2"}}
	d.Memory = []Segment{{0x1000, []byte("\x00\x01password=hunter2;\x00\xffabc\x00")}}
	before := someDump()
	findings := d.Findings
	UsualRules().Apply(d)
	if got, want := d.Env, []string{"GOMAXPROCS=4", "LC_ALL=C", "PATH=/bin"}; !reflect.DeepEqual(got, want) {
		t.Errorf("environment %q, want %q", got, want)
	}
	if got, want := d.Args, []string{"server", "-token", "[redacted]", "--db-password=[redacted]", "-v", "secret"}; !reflect.DeepEqual(got, want) {
		t.Errorf("arguments %q, want %q", got, want)
	}
	if want := "panic: token=[redacted]\n\ngoroutine 1 [running]:\nmain.f(...)\n\ta.go:1 +0x1\nmain.(*T).g(...)\n"; d.Text != want {
		t.Errorf("text %q, want %q", d.Text, want)
	}
	if got, want := string(d.Memory[0].Data), "\x00\x01password=*******;\x00\xffabc\x00"; got != want {
		t.Errorf("memory %q, want %q", got, want)
	}
	if findings[0].What != before.Findings[0].What || findings[0].Evidence[0].Text != "password: hunter2" {
		t.Error("the caller's finding was changed")
	}
	if b := write(t, d, Usual); bytes.Contains(b, []byte("hunter2")) || bytes.Contains(b, []byte("abcdef")) {
		t.Error("a secret is in the file")
	}
	Rules{}.Apply(d)
	if d.Memory != nil || d.Log != nil || d.Env != nil {
		t.Errorf("rules that allow nothing have left %v, %v, %v", d.Memory, d.Log, d.Env)
	}
}

// TestHere makes a dump of this process, and keeps it.
func TestHere(t *testing.T) {
	t.Setenv("LIFESIGN_TEST_HERE", "kept")
	t.Setenv("HERE_TOKEN", "hidden")
	d := Here(Reason{Kind: Contained, What: "panic: it broke", Goroutine: 7}, []event.Frame{{Func: "panic"}, {Func: "main.handle", File: "a.go", Line: 3}})
	UsualRules().Apply(d)
	dir := filepath.Join(t.TempDir(), "dumps")
	name, err := Keep(dir, d, Usual)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%s has mode %v, %v", name, info.Mode(), err)
	}
	got, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	if got.Process.PID != os.Getpid() || got.Build == nil || got.Reason.Place.Func != "main.handle" {
		t.Errorf("%+v, %+v", got.Process, got.Reason)
	}
	if env := strings.Join(got.Env, " "); !strings.Contains(env, "LIFESIGN_TEST_HERE=kept") || strings.Contains(env, "hidden") {
		t.Errorf("environment %s", env)
	}
}

func TestADirectoryDoesNotGrow(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "other"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d := Here(Reason{Kind: Contained}, nil)
	var last string
	for i := 0; i < kept+5; i++ {
		d.Time = time.Unix(int64(i/2), 0) // some have the same name but for a number
		name, err := Keep(dir, d, Usual)
		if err != nil {
			t.Fatal(err)
		}
		last = name
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != kept+1 {
		t.Errorf("%d files, %v", len(entries), err)
	}
	if _, err := os.Stat(last); err != nil {
		t.Error("the newest one is not there")
	}
}

func BenchmarkRules(b *testing.B) {
	d := someDump()
	data := make([]byte, 4<<20)
	for i := 0; i < len(data); i += 64 {
		copy(data[i:], "value: 12345678 name=abc")
	}
	d.Memory = []Segment{{0x1000, data}}
	for i := 0; i < b.N; i++ {
		UsualRules().Apply(d)
	}
}
