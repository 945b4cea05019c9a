package mimic

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/lifesign-go/lifesign/event"
)

const maps = `00400000-00573000 r-xp 00000000 fe:00 1183                               /usr/bin/program
c000000000-c000400000 rw-p 00000000 00:00 0                              [anon: Go: heap]
7f6c0d400000-7f6c0d600000 rw-s 00000000 fe:00 1184                       /data/with blanks/000001.mem
7f6c0d600000-7f6c0d601000 rw-s 00001000 fe:00 1185                       /data/000002.mem (deleted)
7f6c0d601000-7f6c0d602000 rw-s 00001000 fe:00 1186                       /data/new\012line
`

func TestMappingIn(t *testing.T) {
	for _, c := range []struct {
		addr uint64
		want string
	}{
		{0x7f6c0d400000, "/data/with blanks/000001.mem"},
		{0x7f6c0d5fffff, "/data/with blanks/000001.mem"},
		{0x7f6c0d600000, ""},
		{0x7f6c0d601fff, "/data/new\nline"},
		{0x7f6c0d602000, ""},
		{0xc000000100, ""},
		{0x400000, "/usr/bin/program"},
		{0, ""},
	} {
		if got := mappingIn(strings.NewReader(maps), c.addr); got != c.want {
			t.Errorf("%#x is of %q, want %q", c.addr, got, c.want)
		}
	}
}

func FuzzMappingIn(f *testing.F) {
	f.Add(maps, uint64(0x7f6c0d400000))
	f.Add("0-ffffffffffffffff - /", uint64(7))
	f.Add("- ", uint64(0))
	f.Fuzz(func(t *testing.T, text string, addr uint64) {
		if got := mappingIn(strings.NewReader(text), addr); got != "" && got[0] != '/' {
			t.Errorf("%q is no path", got)
		}
	})
}

// A file that the program has mapped, and what is in it, are found by where it is.
func TestFillOfAMapping(t *testing.T) {
	f := temporary(t)
	if err := f.Truncate(1 << 16); err != nil {
		t.Fatal(err)
	}
	b, err := syscall.Mmap(int(f.Fd()), 0, 1<<16, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	at := uintptr(unsafe.Pointer(&b[5000]))
	list, why := fill(event.DoSync, &given{mapped: at})
	if why != "" || len(list) != 1 || list[0].Path != f.Name() || list[0].FD != -1 {
		t.Errorf("%+v, lacks %q; want %s", list, why, f.Name())
	}
	if err := os.Remove(f.Name()); err != nil {
		t.Fatal(err)
	}
	if list, why := fill(event.DoSync, &given{mapped: at}); why != isNoFile {
		t.Errorf("of one that was deleted: %+v, lacks %q", list, why)
	}
	if err := syscall.Munmap(b); err != nil {
		t.Fatal(err)
	}
	if list, why := fill(event.DoSync, &given{mapped: at}); why != isNoFile {
		t.Errorf("of one that is gone: %+v, lacks %q", list, why)
	}
}
