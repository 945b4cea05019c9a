package weave

import "testing"

func TestCutLink(t *testing.T) {
	for _, test := range []struct{ file, link, rest string }{
		{"/home/me/.cache/lifesign/link/github.com/nats-io/nats-server/v2@v2.12.1/server/stream.go", "/home/me/.cache/lifesign/link/github.com/nats-io/nats-server/v2@v2.12.1", "server/stream.go"},
		{"/c/lifesign/link/1a2b/example.com/m@v1.0.0/a.go", "/c/lifesign/link/1a2b/example.com/m@v1.0.0", "a.go"},
		{"/home/me/go/pkg/mod/example.com/m@v1.0.0/a.go", "", ""},
		{"/c/lifesign/link/", "", ""},
		{"/c/lifesign/link/m@v1", "", ""},
		{"/c/lifesign/link/m/a.go", "", ""},
		{"", "", ""},
	} {
		link, rest, ok := CutLink(test.file)
		if link != test.link || rest != test.rest || ok != (test.link != "") {
			t.Errorf("CutLink(%q) = %q, %q, %v", test.file, link, rest, ok)
		}
	}
}
