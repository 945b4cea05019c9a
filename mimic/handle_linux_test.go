package mimic

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/hook"
)

// of fills the mimic of a deed on a handle.
func of(d event.Deed, v any) (event.Mimic, lack) {
	list, why := fill(d, &given{handled: true, value: v})
	if len(list) == 0 {
		return event.Mimic{}, why
	}
	return list[0], why
}

func TestFilesAreToldAsTheyAre(t *testing.T) {
	dir := t.TempDir()
	create := func(name string) *os.File {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	deleted, renamed, closed, odd := create("deleted"), create("0.tmp"), create("closed"), create("x (deleted)")
	must(os.Remove(deleted.Name()))
	must(os.Rename(renamed.Name(), filepath.Join(dir, "0.wal")))
	must(closed.Close())
	in, out, err := os.Pipe()
	must(err)
	defer in.Close()
	defer out.Close()
	null, err := os.Open(os.DevNull)
	must(err)
	defer null.Close()
	for _, c := range []struct {
		name    string
		f       *os.File
		path    string
		deleted int64
		why     lack
	}{
		{"deleted", deleted, deleted.Name(), 1, ""},
		{"renamed", renamed, filepath.Join(dir, "0.wal"), 0, ""},
		{"closed", closed, "", 0, isClosed},
		{"of an odd name", odd, odd.Name(), 0, ""},
		{"a pipe", out, "", 0, isNoFile},
		{"a device", null, "", 0, isNoFile},
	} {
		m, why := of(event.DoSync, c.f)
		if why != c.why || m.Path != c.path || m.Numbers["deleted"] != c.deleted {
			t.Errorf("%s: lacks %q, path %q, %v", c.name, why, m.Path, m.Numbers)
		}
	}
	// The directory is replaced by another: the file is where it was taken to.
	sub := filepath.Join(dir, "sub")
	must(os.Mkdir(sub, 0o777))
	f, err := os.Create(filepath.Join(sub, "f"))
	must(err)
	defer f.Close()
	must(os.Rename(sub, filepath.Join(dir, "moved")))
	must(os.Mkdir(sub, 0o777))
	if m, why := of(event.DoSync, f); why != lacksNothing || m.Path != filepath.Join(dir, "moved", "f") {
		t.Errorf("in a directory that was moved: lacks %q, path %q", why, m.Path)
	}
}

// Looking at a file leaves its position, its mode and the number of descriptors
// as they were.
func TestLookingAtAFileChangesNothing(t *testing.T) {
	f := temporary(t)
	if _, err := f.WriteString("some text"); err != nil {
		t.Fatal(err)
	}
	in, out, err := os.Pipe() // which is in non-blocking mode
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer out.Close()
	before := descriptors(t)
	for i := 0; i < 100; i++ {
		of(event.DoWrite, f)
		of(event.DoWrite, out)
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors became %d", before, after)
	}
	if at, err := f.Seek(0, io.SeekCurrent); at != 9 || err != nil {
		t.Errorf("the position is %d, %v", at, err)
	}
	rc, err := out.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	rc.Control(func(fd uintptr) {
		flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_GETFL, 0)
		if errno != 0 || flags&syscall.O_NONBLOCK == 0 {
			t.Errorf("the pipe's flags are %#x, %v", flags, errno)
		}
	})
}

func descriptors(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// While the program closes and opens files, each is told by its own name or not at
// all: numbers are given away again at once.
func TestFilesThatAreClosedAreNotTakenForOthers(t *testing.T) {
	dir := t.TempDir()
	files := make(chan *os.File)
	stop := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for i := 0; ; i++ {
			f, err := os.Create(filepath.Join(dir, string(rune('a'+i%26))))
			if err != nil {
				t.Error(err)
				return
			}
			select {
			case files <- f:
			case <-stop:
				f.Close()
				return
			}
			f.Close()
		}
	}()
	told := 0
	for i := 0; i < 3000; i++ {
		f := <-files
		m, why := of(event.DoSync, f)
		if why == lacksNothing {
			told++
			if m.Path != f.Name() {
				t.Errorf("%s is told as %s", f.Name(), m.Path)
			}
		} else if why != isClosed {
			t.Errorf("%s lacks %q", f.Name(), why)
		}
	}
	close(stop)
	<-ended
	if told == 0 {
		t.Error("none was told: the test shows nothing")
	}
}

// A file that the program has no more use for is collected, though captured.
func TestDriverKeepsNoFileOpen(t *testing.T) {
	s := base + 700
	f, err := os.CreateTemp(t.TempDir(), "wal")
	if err != nil {
		t.Fatal(err)
	}
	w := &saver{f: f, site: s}
	closed := make(chan struct{})
	runtime.SetFinalizer(w, func(*saver) { close(closed) })
	d := newRig(t, s, checkSaver(s))
	for i := 0; d.trend.runs == 0; i++ {
		if i == 3000 {
			t.Fatal("no pass is captured")
		}
		time.Sleep(2 * time.Millisecond)
		hook.Begin(s)
		w.save()
		hook.End(s)
		d.second()
	}
	before := descriptors(t)
	w, f = nil, nil
	for i := 0; descriptors(t) >= before; i++ {
		if i == 1000 {
			t.Fatal("the file is still open")
		}
		runtime.GC()
		time.Sleep(2 * time.Millisecond)
		d.second()
	}
	<-closed
}

// Ten thousand open files cost the driver nothing: it looks at those that it was
// given.
func TestDriverAmongTenThousandFiles(t *testing.T) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	old := limit
	limit.Cur = 12000
	if limit.Max < limit.Cur {
		limit.Max = limit.Cur
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	defer syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old)
	s := base + 800
	w := &saver{f: temporary(t), site: s}
	for i := 0; i < 10000; i++ {
		f, err := os.Open(w.f.Name())
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
	}
	d := newRig(t, s, checkSaver(s))
	loop(t, s, w.save)
	before := descriptors(t)
	for i := 0; i < 5; i++ {
		m := d.until("a sync", func(m event.Mimic) bool { return m.Deed == event.DoSync })
		if m.Path != w.f.Name() {
			t.Errorf("the file is told as %q", m.Path)
		}
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors became %d", before, after)
	}
	if len(d.trend.lacking) > 0 {
		t.Errorf("lacking %v", d.trend.lacking)
	}
}
