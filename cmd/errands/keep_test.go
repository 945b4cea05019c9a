package errands

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/event"
)

// keptBy lists the files without a name that a helper has open below a directory.
func keptBy(t *testing.T, h *Helper, dir string) (list []string) {
	t.Helper()
	fds := fmt.Sprintf("/proc/%d/fd", helperPID(t, h))
	names, err := os.ReadDir(fds)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if link, _ := os.Readlink(filepath.Join(fds, n.Name())); strings.HasPrefix(link, dir) {
			list = append(list, link)
		}
	}
	return list
}

// opened starts a program that has the file open, and returns what makes errands of it.
func opened(t *testing.T, name string) (*subject, *Helper, func(event.Deed) event.Errand) {
	t.Helper()
	p := start(t, "open", name)
	fd, err := strconv.Atoi(p.line())
	if err != nil {
		t.Fatal(err)
	}
	return p, helperOf(t, p.Process.Pid), func(d event.Deed) event.Errand {
		e := errand(d, name)
		e.Mimic.FD, e.Mimic.Data = fd, []byte("written by the program")
		return e
	}
}

// The same file is used again and again, while the program has its own open, and no
// longer; and nobody sees it.
func TestAFileIsKeptWhileTheProgramHasOne(t *testing.T) {
	dir := t.TempDir()
	name := file(t, dir, "file")
	p, h, errand := opened(t, name)
	want(t, do(t, h, errand(event.DoSync)), event.Done, "", "")
	first := keptBy(t, h, dir)
	if len(first) != 1 || !strings.HasSuffix(first[0], " (deleted)") {
		t.Fatalf("after one: %q", first)
	}
	for i := 0; i < 3; i++ {
		want(t, do(t, h, errand(event.DoWrite)), event.Done, "", "")
		want(t, do(t, h, errand(event.DoSync)), event.Done, "", "")
	}
	if got := keptBy(t, h, dir); len(got) != 2 || !strings.Contains(strings.Join(got, " "), first[0]) {
		t.Errorf("after seven: %q, of which the first was %q", got, first)
	}
	byName := errand(event.DoSync)
	byName.Mimic.FD = -1
	want(t, do(t, h, byName), event.Done, "", "")
	only(t, dir, "file")
	if got := keptBy(t, h, dir); len(got) != 2 {
		t.Errorf("of a file that is not open none is kept: %q", got)
	}
	p.ask("close")
	p.says("closed")
	eventually(t, "nothing is kept any more", func() bool { return len(keptBy(t, h, dir)) == 0 })
}

// A disk that is full is noticed though what is there is only written over, again and
// again: what is kept is not closed, which would make room.
func TestAKeptFileMeetsAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatalf("mount tmpfs (this takes root): %v", err)
	}
	name := file(t, dir, "file")
	p, h, errand := opened(t, name)
	for i := 0; i < 2; i++ {
		want(t, do(t, h, errand(event.DoSync)), event.Done, "", "")
	}
	full := filepath.Join(dir, "full")
	if err := os.WriteFile(full, make([]byte, 1<<20), 0o600); err == nil {
		t.Fatal("the disk is not full")
	}
	want(t, do(t, h, errand(event.DoSync)), event.Failed, "ENOSPC", "write a block more")
	want(t, do(t, h, errand(event.DoWrite)), event.Failed, "ENOSPC", "")
	if err := os.Remove(full); err != nil {
		t.Fatal(err)
	}
	want(t, do(t, h, errand(event.DoSync)), event.Done, "", "")
	if len(keptBy(t, h, dir)) != 2 {
		t.Errorf("kept: %q", keptBy(t, h, dir))
	}
	p.ask("close")
	p.says("closed")
	began := time.Now()
	eventually(t, "the disk can be unmounted", func() bool { return unix.Unmount(dir, 0) == nil })
	t.Logf("unmounted %v after the program has closed its file", time.Since(began))
}

// A disk that loses a write has what was there before: so that must be something else.
func TestTheSameBytesAreNotWrittenTwice(t *testing.T) {
	fd, err := unix.MemfdCreate("kept", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	f := &kept{fd: fd, probe: -1}
	defer f.close()
	j := &job{s: &server{}}
	var before []byte
	for i := 0; i < 4; i++ {
		if _, err := j.use(f, []byte("the same"), ""); err != nil {
			t.Fatal(err)
		}
		got, err := pread(fd, make([]byte, 2*keptSize), 0)
		if err != nil || len(got) != keptSize || bytes.Equal(got, before) {
			t.Errorf("%d: %d bytes, %v; they are those of before: %v", i, len(got), err, bytes.Equal(got, before))
		}
		before = got
	}
}

// What is read back comes from the disk, also by a descriptor that is used again: there
// something else is put in its place.
func TestReadBackGoesPastThePageCache(t *testing.T) {
	image := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(image, make([]byte, 16<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, args := range [][]string{{"mkfs.ext4", "-q", image}, {"mount", "-o", "loop", image, dir}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v (this takes root): %v\n%s", args, err, out)
		}
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v\n%s", err, out)
		}
	})
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	f := &kept{fd: fd, probe: -1}
	defer f.close()
	j := &job{s: &server{}}
	for i := 0; i < 3; i++ {
		if text, err := j.use(f, []byte(fmt.Sprintf("what was written the %dth time", i)), ""); err != nil || text != "" {
			t.Fatalf("%q, %v", text, err)
		}
		if _, err := pread(fd, make([]byte, keptSize), 0); err != nil { // into the page cache
			t.Fatal(err)
		}
		flip(t, image, f.holds)
		got, cached, err := past(fd, keptSize)
		if d := difference(f.holds, got); err != nil || cached || !strings.HasPrefix(d, "byte 0 of 4096") {
			t.Errorf("%d: the difference is %q, from the cache: %v, %v", i, d, cached, err)
		}
	}
}

// flip changes a bit of these bytes on a disk, past whoever has it mounted.
func flip(t *testing.T, image string, of []byte) {
	t.Helper()
	disk, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(disk, of)
	if at < 0 {
		t.Fatal("what was written is not on the disk")
	}
	f, err := os.OpenFile(image, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{of[0] ^ 1}, int64(at)); err != nil {
		t.Fatal(err)
	}
}

// Who watches a directory is told when a file in it is closed.
func TestWhatIsKeptWhereTheProgramWatchesStays(t *testing.T) {
	var k keeper
	dir := t.TempDir()
	put := func(inode uint64) {
		t.Helper()
		fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if !k.give(home{inode: inode}, &kept{fd: fd, probe: -1, released: k.times()}) {
			t.Fatalf("%d is not kept", inode)
		}
	}
	put(1)
	put(2)
	marks := makeMarks(map[mark]bool{{0, 1}: true}, nil)
	k.release(rested, marks)
	if f := k.take(home{inode: 1}); f == nil || k.take(home{inode: 2}) != nil {
		t.Fatal("what is kept in a directory that is watched is closed, or elsewhere not")
	} else if !k.give(home{inode: 1}, f) {
		t.Fatal("it is not kept on")
	}
	f := k.take(home{inode: 1})
	k.release(closed, marks)
	if k.give(home{inode: 1}, f) {
		t.Error("what was in use when all were closed is kept on")
	}
	f.close()
	for i := uint64(1); i <= maxKept; i++ {
		put(i)
	}
	if k.give(home{inode: 100}, &kept{released: k.times()}) {
		t.Error("there is no bound")
	}
	k.release(closed, marks)
	if len(k.files) != 0 {
		t.Errorf("%d are left", len(k.files))
	}
}

// Errands that wait do not all begin when there is a little saved, and a disk does not
// wait for another's.
func TestEachDiskHasItsBudget(t *testing.T) {
	const ms = int64(time.Millisecond)
	all := newBudgets(DefaultShare)
	all.learn("/a", disk{8, 1})
	all.learn("/b", disk{8, 2})
	a, b := all.of("/a", 0), all.of("/b", 0)
	if a == b || all.of("/a", 0) != a || all.of("/c", 0) == a || all.of("/c", 0) != all.of("/d", 0) {
		t.Fatal("budgets are mixed up")
	}
	for i := 0; i < 12; i++ {
		a.took(5*ms, 0)
	}
	if a.may(1) || !b.may(1) {
		t.Error("one disk pays for the other")
	}
	at := 42_000 * ms // 60 ms were taken, 20 were saved
	began := 0
	for a.may(at) {
		a.begin()
		if began++; began > 10 {
			break
		}
	}
	if began != 1 {
		t.Errorf("%d began at once", began)
	}
}

// What was suspected in a program's last moments is still looked into.
func TestTheHelperOutlivesTheProgram(t *testing.T) {
	dir := t.TempDir()
	name := file(t, dir, "file")
	p, h, errand := opened(t, name)
	want(t, do(t, h, errand(event.DoSync)), event.Done, "", "")
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	p.Wait()
	want(t, do(t, h, errand(event.DoSync)), event.Unable, "", "")
	h.Outlive()
	again := errand(event.DoWrite)
	again.Again = true
	want(t, do(t, h, again), event.Done, "", "")
	if c := h.Counts(); c.Starts != 1 {
		t.Errorf("%d helpers were started", c.Starts)
	}
	only(t, dir, "file")
}
