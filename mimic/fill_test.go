package mimic

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/lifesign-go/lifesign/event"
)

func TestFillByShape(t *testing.T) {
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "wal"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fd := int(f.Fd())
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 5000)
	for _, c := range []struct {
		name string
		deed event.Deed
		c    given
		want event.Mimic
		why  lack
	}{
		{"write, appended", event.DoWrite, given{handled: true, value: f, data: []byte("abc"), size: 5}, event.Mimic{Path: f.Name(), FD: fd, Offset: -1, Size: 5, Data: []byte("abc")}, ""},
		{"write, at an offset", event.DoWrite, given{handled: true, value: f, data: []byte("abc"), size: 3, numbers: []int64{4096}}, event.Mimic{Path: f.Name(), FD: fd, Offset: 4096, Size: 3, Data: []byte("abc")}, ""},
		{"write of a string", event.DoWrite, given{handled: true, value: f, texts: []string{long}}, event.Mimic{Path: f.Name(), FD: fd, Offset: -1, Size: 5000, Data: []byte(long[:4096])}, ""},
		{"write by path", event.DoWrite, given{texts: []string{"/data/a"}, data: []byte("abc"), size: 3}, event.Mimic{Path: "/data/a", FD: -1, Offset: -1, Size: 3, Data: []byte("abc")}, ""},
		{"write by descriptor", event.DoWrite, given{numbers: []int64{9, 512}, data: []byte("abc"), size: 3}, event.Mimic{FD: 9, Offset: 512, Size: 3, Data: []byte("abc")}, ""},
		{"write to a handle that has gone", event.DoWrite, given{handled: true, numbers: []int64{512}, data: []byte("abc"), size: 3}, event.Mimic{}, isCollected},
		{"sync", event.DoSync, given{handled: true, value: f}, event.Mimic{Path: f.Name(), FD: fd, Offset: -1}, ""},
		{"sync by descriptor", event.DoSync, given{numbers: []int64{9}}, event.Mimic{FD: 9, Offset: -1}, ""},
		{"sync of nothing", event.DoSync, given{}, event.Mimic{}, isShort},
		{"sync of descriptor -1", event.DoSync, given{numbers: []int64{-1}}, event.Mimic{}, isShort},
		{"sync of what is no file", event.DoSync, given{handled: true, value: &given{}}, event.Mimic{}, isForeign},
		{"sync of a nil file", event.DoSync, given{handled: true, value: (*os.File)(nil)}, event.Mimic{}, isClosed},
		{"read, at an offset", event.DoRead, given{handled: true, value: f, numbers: []int64{100, 7}}, event.Mimic{Path: f.Name(), FD: fd, Offset: 7, Size: 100}, ""},
		{"read by descriptor", event.DoRead, given{numbers: []int64{9, 100, 7}}, event.Mimic{FD: 9, Offset: 7, Size: 100}, ""},
		{"truncate", event.DoTruncate, given{handled: true, value: f, numbers: []int64{8}}, event.Mimic{Path: f.Name(), FD: fd, Offset: -1, Size: 8}, ""},
		{"truncate by path", event.DoTruncate, given{texts: []string{"a"}, numbers: []int64{8}}, event.Mimic{Path: wd + "/a", FD: -1, Offset: -1, Size: 8}, ""},
		{"truncate by descriptor", event.DoTruncate, given{numbers: []int64{9, 8}}, event.Mimic{FD: 9, Offset: -1, Size: 8}, ""},
		{"open", event.DoOpen, given{texts: []string{"/data/../a"}}, event.Mimic{Path: "/data/../a", FD: -1, Offset: -1}, ""},
		{"open of a device", event.DoOpen, given{texts: []string{"/dev/null"}}, event.Mimic{}, isNoFile},
		{"open in shared memory", event.DoOpen, given{texts: []string{"/dev/shm/x"}}, event.Mimic{Path: "/dev/shm/x", FD: -1, Offset: -1}, ""},
		{"open of nothing", event.DoOpen, given{}, event.Mimic{}, isShort},
		{"dial", event.DoDial, given{texts: []string{"tcp", "10.0.0.7:2380"}}, event.Mimic{Network: "tcp", Address: "10.0.0.7:2380", FD: -1, Offset: -1}, ""},
		{"dial of nothing", event.DoDial, given{texts: []string{"tcp", ""}}, event.Mimic{}, isShort},
		{"connection that has gone", event.SeeConnection, given{handled: true}, event.Mimic{}, isCollected},
		{"connection that is none", event.SeeConnection, given{handled: true, value: f}, event.Mimic{}, isForeign},
		{"a deed that is none of an operation", event.SeeTrend, given{}, event.Mimic{}, isForeign},
	} {
		list, why := fill(c.deed, &c.c)
		if why != c.why {
			t.Errorf("%s: lacks %q, want %q", c.name, why, c.why)
			continue
		}
		if why != lacksNothing {
			continue
		}
		c.want.Deed = c.deed
		if len(list) != 1 || !reflect.DeepEqual(list[0], c.want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", c.name, list, c.want)
		}
	}
}

func TestFillDirectories(t *testing.T) {
	for _, c := range []struct {
		texts []string
		want  string
		why   lack
	}{
		{[]string{"/a/b"}, "/a/b", ""},
		{[]string{"/a/b.tmp", "/a/b"}, "/a/b.tmp", ""},
		{[]string{"/a/b", "/c/b"}, "/a/b /c/b", ""},
		{[]string{"/dev/x", "/c/b"}, "/c/b", ""},
		{[]string{"/dev/x"}, "", isNoFile},
		{nil, "", isShort},
	} {
		list, why := fill(event.DoDirectory, &given{texts: c.texts})
		var paths []string
		for _, m := range list {
			paths = append(paths, m.Path)
		}
		if got := strings.Join(paths, " "); got != c.want || why != c.why {
			t.Errorf("%q: got %q, lacks %q; want %q, %q", c.texts, got, why, c.want, c.why)
		}
	}
}

func TestFillTargetsOfURLs(t *testing.T) {
	for _, c := range []struct {
		url, want string
		why       lack
	}{
		{"http://example.com/a?b#c", "dial example.com:80", ""},
		{"HTTPS://u:secret@example.com", "handshake example.com:443", ""},
		{"https://[::1]/x", "handshake [::1]:443", ""},
		{"http://[::1]:8080", "dial [::1]:8080", ""},
		{"http://example.com:2379/v3/kv", "dial example.com:2379", ""},
		{"wss://h/path@x", "handshake h:443", ""},
		{"10.0.0.7:2380", "dial 10.0.0.7:2380", ""},
		{"localhost", "", isShort},
		{"http:///x", "", isShort},
		{"http://:80/", "", isShort},
		{"", "", isShort},
		{"unix:///run/x.sock", "", isForeign},
	} {
		list, why := fill(event.DoDial, &given{texts: []string{c.url}})
		got := ""
		if len(list) == 1 {
			got = string(list[0].Deed) + " " + list[0].Address
		}
		if got != c.want || why != c.why {
			t.Errorf("%q: got %q, lacks %q; want %q, %q", c.url, got, why, c.want, c.why)
		}
	}
}

// Whatever a program dials, nothing of it but a host and a port is told.
func FuzzURLTarget(f *testing.F) {
	f.Add("https://u:secret@example.com/a?b")
	f.Fuzz(func(t *testing.T, url string) {
		m := nobody(event.DoDial)
		if urlTarget(&m, url) != lacksNothing {
			return
		}
		if m.Address == "" || strings.ContainsAny(m.Address, "/?#@") {
			t.Errorf("of %q is told %q", url, m.Address)
		}
	})
}
