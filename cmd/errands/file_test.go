package errands

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/event"
)

func TestDeedsOnFiles(t *testing.T) {
	dir := t.TempDir()
	name := file(t, dir, "file")
	h := helperOf(t, start(t, "idle").Process.Pid)
	for _, d := range []event.Deed{event.DoWrite, event.DoSync, event.DoRead, event.DoTruncate, event.DoOpen, event.DoDirectory} {
		for _, where := range []event.Where{event.Here, event.Beside, event.Nearby, event.Memory} {
			e := errand(d, name)
			e.Where, e.Mimic.Size, e.Mimic.Data = where, 5000, []byte("written by the program")
			o := do(t, h, e)
			want(t, o, event.Done, "", "")
			if where != event.Memory && (o.Device == "" || o.Took <= 0 || o.Where != where) {
				t.Errorf("%s %s: %+v", d, where, o)
			}
		}
	}
	e := errand(event.DoWrite, name)
	e.Where = event.Loopback
	want(t, do(t, h, e), event.Unable, "", "not done at loopback")
	want(t, do(t, h, errand(event.SeePool, name)), event.Unable, "", "not done by the helper")
	only(t, dir, "file")
	if got, err := os.ReadFile(name); err != nil || string(got) != "some text\n" {
		t.Errorf("the file has %q, %v", got, err)
	}
	if c := h.Counts(); c.Starts != 1 || c.Done != 24 || c.Unable != 2 || c.DiskTime <= 0 {
		t.Errorf("%+v", c)
	}
}

// What says nothing of the environment is no failure.
func TestUnable(t *testing.T) {
	dir := t.TempDir()
	name := file(t, dir, "file")
	p := start(t, "open", name)
	fd, err := strconv.Atoi(p.line())
	if err != nil {
		t.Fatal(err)
	}
	h := helperOf(t, p.Process.Pid)
	byFD := func(d event.Deed, path string) event.Errand {
		e := errand(d, path)
		e.Mimic.FD = fd
		return e
	}
	want(t, do(t, h, byFD(event.DoSync, "")), event.Done, "", "")
	want(t, do(t, h, byFD(event.DoSync, filepath.Join(dir, "..", filepath.Base(dir), "file"))), event.Done, "", "")
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o666); err != nil {
		t.Fatal(err)
	}
	want(t, do(t, h, errand(event.DoOpen, fifo)), event.Unable, "", "neither a regular file nor")
	want(t, do(t, h, errand(event.DoOpen, "relative")), event.Unable, "", "where its file is is not known")
	want(t, do(t, h, errand(event.DoSync, filepath.Join(dir, "none"))), event.Unable, "", "there is no")
	want(t, do(t, h, errand(event.DoSync, filepath.Join(name, "below"))), event.Unable, "", "there is no")

	// The directory is replaced by another of the same name: the program's file is elsewhere.
	sub := filepath.Join(dir, "sub")
	if err := os.Mkdir(sub, 0o777); err != nil {
		t.Fatal(err)
	}
	moved := file(t, sub, "file")
	q := start(t, "open", moved)
	qfd, _ := strconv.Atoi(q.line())
	if err := os.Rename(sub, sub+".old"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(sub, 0o777); err != nil {
		t.Fatal(err)
	}
	file(t, sub, "file")
	qh := helperOf(t, q.Process.Pid)
	e := errand(event.DoWrite, moved)
	e.Mimic.FD = qfd
	want(t, do(t, qh, e), event.Unable, "", "was replaced: the program has "+sub+".old/file open")

	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	want(t, do(t, h, byFD(event.DoSync, name)), event.Unable, "", "was deleted")
	p.ask("close")
	p.says("closed")
	want(t, do(t, h, byFD(event.DoSync, name)), event.Unable, "", "is closed")
	other := file(t, dir, "other") // what is suspected is tried where the file is by its name
	again := byFD(event.DoSync, other)
	again.Again = true
	want(t, do(t, h, again), event.Done, "", "")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	want(t, do(t, h, errand(event.DoDirectory, name)), event.Unable, "", "there is no")
	only(t, filepath.Dir(dir))
}

// Real file systems that fail, in mount points of the test's own.
func TestFailures(t *testing.T) {
	mount := func(source, kind string, flags uintptr, data string) string {
		t.Helper()
		dir := t.TempDir()
		if source == "" {
			source = kind
		}
		if err := unix.Mount(source, dir, kind, flags, data); err != nil {
			t.Fatalf("mount %s (this takes root): %v", kind, err)
		}
		t.Cleanup(func() {
			if err := unix.Unmount(dir, 0); err != nil {
				t.Error(err)
			}
		})
		return dir
	}
	full := mount("", "tmpfs", 0, "size=64k")
	name := file(t, full, "file")
	f, err := os.Create(filepath.Join(full, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 1024))
	}
	f.Close()
	h := helperOf(t, start(t, "idle").Process.Pid)
	want(t, do(t, h, errand(event.DoWrite, name)), event.Failed, "ENOSPC", "write 4096 bytes: no space left")
	want(t, do(t, h, errand(event.DoSync, name)), event.Failed, "ENOSPC", "")
	want(t, do(t, h, errand(event.DoRead, name)), event.Done, "", "")
	e := errand(event.DoWrite, name)
	e.Where = event.Beside
	want(t, do(t, h, e), event.Unable, "", "of another file system")
	only(t, full, "file", "filler")

	bind := mount(full, "", unix.MS_BIND, "")
	if err := unix.Mount("", bind, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	name = filepath.Join(bind, "file")
	want(t, do(t, h, errand(event.DoWrite, name)), event.Failed, "EROFS", "")
	want(t, do(t, h, errand(event.DoRead, name)), event.Done, "", "")

	// A file that is mounted by itself, as containers have it: what is beside it is of
	// another disk.
	alone := file(t, t.TempDir(), "alone")
	if err := unix.Mount(filepath.Join(full, "file"), alone, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	o := do(t, h, errand(event.DoWrite, alone))
	if err := unix.Unmount(alone, 0); err != nil {
		t.Error(err)
	}
	want(t, o, event.Unable, "", "by itself")

	// Nothing is held: what the tests have mounted is unmounted, without force, while
	// the helpers run.
	gone := mount("", "tmpfs", 0, "")
	name = file(t, gone, "file")
	want(t, do(t, h, errand(event.DoSync, name)), event.Done, "", "")
	if err := unix.Unmount(gone, 0); err != nil {
		t.Errorf("unmount what no errand works on: %v", err)
	}
	want(t, do(t, h, errand(event.DoSync, name)), event.Unable, "", "there is no")
	if err := unix.Mount("tmpfs", gone, "tmpfs", 0, ""); err != nil { // for the cleanup
		t.Fatal(err)
	}
}

// A program that watches its directory notices nothing; that it would notice, is shown.
func TestWatchersNoticeNothing(t *testing.T) {
	dir := t.TempDir()
	sub := filepath.Join(dir, "watched")
	if err := os.Mkdir(sub, 0o777); err != nil {
		t.Fatal(err)
	}
	name := file(t, sub, "file")
	p := start(t, "watch", sub)
	h := helperOf(t, p.Process.Pid)
	for _, d := range []event.Deed{event.DoWrite, event.DoSync, event.DoTruncate, event.DoDirectory} {
		want(t, do(t, h, errand(d, name)), event.Done, "", "the program watches "+sub+": done in "+dir)
	}
	for _, d := range []event.Deed{event.DoRead, event.DoOpen} {
		want(t, do(t, h, errand(d, name)), event.Unable, "", "the program watches "+sub)
	}
	for _, where := range []event.Where{event.Beside, event.Nearby} {
		e := errand(event.DoWrite, name)
		e.Where = where
		want(t, do(t, h, e), event.Done, "", "")
	}
	p.ask("?")
	p.says("told: ")

	// Nobody's: the same by a helper of a program that watches nothing.
	other := helperOf(t, start(t, "idle").Process.Pid)
	want(t, do(t, other, errand(event.DoSync, name)), event.Done, "", "")
	p.ask("?")
	if got := p.line(); !strings.Contains(got, "0x20 #") {
		t.Errorf("the watcher is blind: %q", got)
	}
	only(t, sub, "file")
}

// Where the directory above is watched, too, or is of another file system, the file
// system is asked about itself alone.
func TestWatchedAllTheWayUp(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
		t.Fatalf("mount tmpfs (this takes root): %v", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	name := file(t, dir, "file")
	p := start(t, "watch", dir)
	h := helperOf(t, p.Process.Pid)
	want(t, do(t, h, errand(event.DoWrite, name)), event.Unable, "", "the file system was asked about itself alone")
	e := errand(event.DoWrite, name)
	e.Where = event.Nearby
	want(t, do(t, h, e), event.Unable, "", "there is no other directory")
	p.ask("?")
	p.says("told: ")
}

// A lock of the program's stays its own, and a lease is not broken.
func TestLocksAndLeasesStay(t *testing.T) {
	dir := t.TempDir()
	name := file(t, dir, "db")
	locked := func() bool {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		l := unix.Flock_t{Type: unix.F_WRLCK, Len: 1}
		if err := unix.FcntlFlock(f.Fd(), unix.F_GETLK, &l); err != nil {
			t.Fatal(err)
		}
		return l.Type != unix.F_UNLCK
	}
	if locked() {
		t.Fatal("the file is locked before anybody has it")
	}
	h := helperOf(t, start(t, "lock", name).Process.Pid)
	for _, d := range []event.Deed{event.DoWrite, event.DoSync, event.DoRead, event.DoOpen, event.DoTruncate} {
		want(t, do(t, h, errand(d, name)), event.Done, "", "")
		if !locked() {
			t.Fatalf("%s has taken the program's lock away", d)
		}
	}
	leased := file(t, dir, "leased")
	h = helperOf(t, start(t, "lease", leased).Process.Pid)
	want(t, do(t, h, errand(event.DoRead, leased)), event.Unable, "", "the program watches "+leased)
	want(t, do(t, h, errand(event.DoWrite, leased)), event.Done, "", "")
}

// fanotify's marks count as well: on an inode, and on a whole mount.
func TestFanotify(t *testing.T) {
	dir := t.TempDir()
	name := file(t, dir, "file")
	h := helperOf(t, start(t, "fanotify", dir, "inode").Process.Pid)
	want(t, do(t, h, errand(event.DoSync, name)), event.Done, "", "the program watches "+dir+": done in")
	h = helperOf(t, start(t, "fanotify", dir, "mount").Process.Pid)
	want(t, do(t, h, errand(event.DoSync, name)), event.Unable, "", "the file system was asked about itself alone")
}

// The marks of a program with many descriptors are found, and rarely looked for.
func TestManyDescriptors(t *testing.T) {
	dir := t.TempDir()
	name := file(t, dir, "file")
	p := start(t, "many", name)
	h := helperOf(t, p.Process.Pid)
	for i := 0; i < 20; i++ {
		want(t, do(t, h, errand(event.DoSync, name)), event.Done, "", "")
	}
	w := watcher{proc: "/proc", pid: p.Process.Pid}
	if m := w.marks(); m.All != "" || len(m.Inodes) > 0 {
		t.Errorf("%+v", m)
	}
	first := w.due
	if w.marks(); w.due != first && time.Now().Before(first) {
		t.Error("10,000 descriptors are looked at for each errand")
	}
}
