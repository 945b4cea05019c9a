package errands

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/event"
)

// sick is a directory on a FUSE file system in memory, which has no files without a
// name. Its fsync hangs while it is told to, and what is read has a bit turned over.
type sick struct {
	fs.Inode
	hangs atomic.Pointer[chan bool] // closed when it is to go on; nil if it does not hang
	turns atomic.Bool
	made  atomic.Pointer[string] // the name that was made last
	keeps chan chan bool         // where unlink says that it was called, and waits; nil if it does not
	gone  chan string            // names that were unlinked
}

var (
	_ fs.NodeCreater  = (*sick)(nil)
	_ fs.NodeUnlinker = (*sick)(nil)
)

func (d *sick) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	d.made.Store(&name)
	f := &sickFile{d: d}
	return d.NewInode(ctx, f, fs.StableAttr{Mode: fuse.S_IFREG}), nil, 0, 0
}

// Unlink unlinks, or, the first time that it is to wait, fails.
func (d *sick) Unlink(ctx context.Context, name string) syscall.Errno {
	if d.keeps != nil {
		wait := make(chan bool)
		select {
		case d.keeps <- wait:
			<-wait
			return syscall.EIO
		default:
		}
	}
	if d.gone != nil {
		d.gone <- name
	}
	return 0
}

type sickFile struct {
	fs.MemRegularFile
	d     *sick
	bytes sync.Mutex // guards what a read has in its hands: go-fuse answers with the file's own memory
}

func (f *sickFile) Write(ctx context.Context, h fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	f.bytes.Lock()
	defer f.bytes.Unlock()
	return f.MemRegularFile.Write(ctx, h, data, off)
}

func (f *sickFile) Fsync(ctx context.Context, h fs.FileHandle, flags uint32) syscall.Errno {
	return f.d.Fsync(ctx, h, flags)
}

// Fsync is that of the directory, and of the files in it.
func (d *sick) Fsync(ctx context.Context, h fs.FileHandle, flags uint32) syscall.Errno {
	if c := d.hangs.Load(); c != nil {
		select {
		case <-*c:
		case <-time.After(time.Minute): // a process that waits here cannot even be killed
		}
	}
	return 0
}

func (f *sickFile) Read(ctx context.Context, h fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	f.bytes.Lock()
	defer f.bytes.Unlock()
	r, errno := f.MemRegularFile.Read(ctx, h, dest, off)
	if errno != 0 {
		return r, errno
	}
	b, _ := r.Bytes(nil)
	b = append([]byte(nil), b...)
	if f.d.turns.Load() && off == 0 && len(b) > 7 {
		b[7] ^= 1
	}
	return fuse.ReadResultData(b), 0
}

// sickFS mounts one and returns the path of a file in it. It is served in this process:
// nothing here may touch it while it hangs.
func sickFS(t *testing.T) (*sick, string) {
	t.Helper()
	dir := t.TempDir()
	d := &sick{}
	server, err := fs.Mount(dir, d, &fs.Options{
		MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "sick", Name: "sick"},
		OnAdd: func(ctx context.Context) {
			d.AddChild("file", d.NewPersistentInode(ctx, &sickFile{d: d}, fs.StableAttr{}), false)
		},
	})
	if err != nil {
		t.Fatalf("mount a FUSE file system (this takes root and /dev/fuse): %v", err)
	}
	t.Cleanup(func() {
		var err error
		for i := 0; i < 600; i++ { // until the last helper is gone
			if err = server.Unmount(); err == nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Error(err)
	})
	return d, filepath.Join(dir, "file")
}

// release has hanging calls go on, at the end of the test too.
func (d *sick) hang(t *testing.T) (release func()) {
	c := make(chan bool)
	d.hangs.Store(&c)
	release = func() {
		if d.hangs.CompareAndSwap(&c, nil) {
			close(c)
		}
	}
	t.Cleanup(release)
	return release
}

func TestFsyncHangs(t *testing.T) {
	d, name := sickFS(t)
	h := helperOf(t, start(t, "idle").Process.Pid)
	o := do(t, h, errand(event.DoWrite, name))
	want(t, o, event.Done, "", "")
	if made := d.made.Load(); made == nil || !strings.HasPrefix(*made, prefix) {
		t.Error("no file with a name was made where there are none without")
	}
	only(t, filepath.Dir(name), "file")
	release := d.hang(t)
	e := errand(event.DoSync, name)
	o = hang(t, h, e)
	if o.Thread.Call != "fdatasync" || o.Thread.Wchan != "request_wait_answer" || o.Thread.Resource == nil || o.Thread.Resource.Kind != event.OnFUSE {
		t.Errorf("%+v, resource %+v", o.Thread, o.Thread.Resource)
	}
	if !strings.HasPrefix(o.Device, "fuse ") || !strings.HasSuffix(o.Device, " (sick)") {
		t.Errorf("it hangs on %q", o.Device)
	}
	// A directory whose server hangs is not made durable: it would be locked meanwhile.
	want(t, do(t, h, errand(event.DoDirectory, name)), event.Done, "", "")
	if f, err := os.Create(filepath.Join(filepath.Dir(name), "made meanwhile")); err != nil {
		t.Error(err)
	} else {
		f.Close()
	}
	// Another one of the same operation is not begun, elsewhere all is well.
	same := e
	lastID++
	same.ID = lastID
	want(t, do(t, h, same), event.Unable, "", "the one before hangs still")
	same.Where = event.Memory
	lastID++
	same.ID = lastID
	want(t, do(t, h, same), event.Done, "", "")
	same.Where = event.Nearby
	lastID++
	same.ID = lastID
	want(t, do(t, h, same), event.Unable, "", "there is no other directory")
	if c := h.Counts(); c.Hanging != 1 || c.Hung != 1 {
		t.Errorf("%+v", c)
	}
	release()
	o = await(t, h, e.ID)
	want(t, o, event.Done, "", "")
	if o.Took < int64(hangAfter) {
		t.Errorf("it took %v", time.Duration(o.Took))
	}
}

// Sixteen may hang, the next one is not begun; when they go on, it may.
func TestManyHang(t *testing.T) {
	d, name := sickFS(t)
	h := helperOf(t, start(t, "idle").Process.Pid)
	release := d.hang(t)
	var list []event.Errand
	for i := 0; i < maxHanging; i++ {
		list = append(list, errand(event.DoSync, name))
		h.Do(list[i])
	}
	for end := time.Now().Add(time.Minute); h.Counts().Hanging < maxHanging; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%+v", h.Counts())
		}
	}
	want(t, do(t, h, errand(event.DoSync, name)), event.Unable, "", "16 errands hang already")
	h.Abandon(list[0].ID)
	release()
	for end := time.Now().Add(time.Minute); h.Counts().Hanging > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%+v", h.Counts())
		}
	}
	done := 0
	for _, o := range h.Outcomes(nil) {
		if o.End == event.Done {
			done++
		}
		if o.ID == list[0].ID && o.End != event.Hangs {
			t.Errorf("what was abandoned is told: %+v", o)
		}
	}
	if done != maxHanging-1 {
		t.Errorf("%d of them are done", done)
	}
	want(t, do(t, h, errand(event.DoSync, name)), event.Done, "", "")
}

func TestBitIsTurned(t *testing.T) {
	d, name := sickFS(t)
	h := helperOf(t, start(t, "idle").Process.Pid)
	e := errand(event.DoWrite, name)
	e.Mimic.Data = []byte("the program's own bytes")
	want(t, do(t, h, e), event.Done, "", "")
	d.turns.Store(true)
	e = errand(event.DoWrite, name)
	e.Mimic.Data = []byte("the program's own bytes")
	want(t, do(t, h, e), event.Differ, "", "byte 7 of 23: 0x67 was written, 0x66 is read")
}

// A helper that hangs in the kernel is killed and left when the agent ends, which does
// not wait for it.
func TestHelperThatHangsIsLeft(t *testing.T) {
	d, name := sickFS(t)
	h := helperOf(t, start(t, "idle").Process.Pid)
	release := d.hang(t)
	hang(t, h, errand(event.DoSync, name))
	// A new helper, as if the program had changed its user: three times, then no more.
	for i := 1; i <= maxLeft; i++ {
		h.post(func() { h.loop.retire("a test"); h.loop.looked = 0 })
		for end := time.Now().Add(time.Minute); h.Counts().Left < i; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%+v", h.Counts())
			}
			h.stir()
		}
		if i < maxLeft {
			hang(t, h, errand(event.DoSync, name))
		}
	}
	want(t, do(t, h, errand(event.DoSync, name)), event.Unable, "", "3 helpers hang in the kernel")
	began := time.Now()
	h.Close()
	if d := time.Since(began); d > 30*time.Second {
		t.Errorf("Close took %v", d)
	}
	release()
}

// A name that a helper leaves which is killed at the wrong moment, the next one takes
// away.
func TestNamesAreTakenAway(t *testing.T) {
	d, name := sickFS(t)
	d.keeps, d.gone = make(chan chan bool), make(chan string, 10)
	h := helperOf(t, start(t, "idle").Process.Pid)
	e := errand(event.DoSync, name)
	h.Do(e)
	wait := <-d.keeps
	if err := unix.Kill(helperPID(t, h), unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	close(wait)
	want(t, await(t, h, e.ID), event.Unable, "", "the helper has ended")
	left := *d.made.Load()
	want(t, do(t, h, errand(event.DoRead, name)), event.Done, "", "")
	for late := time.After(time.Minute); ; {
		select {
		case got := <-d.gone:
			if got == left {
				return
			}
		case <-late:
			t.Fatalf("%s is still there", left)
		}
	}
}

// A frozen disk is a hang; a frozen helper is none.
func TestFrozen(t *testing.T) {
	image := filepath.Join(t.TempDir(), "disk")
	if out, err := exec.Command("mkfs.ext4", "-q", image, "8m").CombinedOutput(); err != nil {
		t.Fatalf("mkfs.ext4: %v\n%s", err, out)
	}
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-o", "loop", image, dir).CombinedOutput(); err != nil {
		t.Fatalf("mount a loop device (this takes root): %v\n%s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v\n%s", err, out)
		}
	})
	name := file(t, dir, "file")
	p := start(t, "idle")
	h := helperOf(t, p.Process.Pid)
	want(t, do(t, h, errand(event.DoWrite, name)), event.Done, "", "")
	only(t, dir, "file", "lost+found")

	// A helper that is stopped: an errand that it has begun does not count as hanging.
	// It cannot be begun by one that is stopped, so it is stopped while one hangs.
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const fifreeze, fithaw = 0xc0045877, 0xc0045878 // linux/fs.h
	if err := unix.IoctlSetInt(int(f.Fd()), fifreeze, 0); err != nil {
		t.Fatalf("freeze a file system: %v", err)
	}
	thawed := false
	thaw := func() {
		if !thawed {
			thawed = true
			unix.IoctlSetInt(int(f.Fd()), fithaw, 0)
		}
	}
	defer thaw()
	e := errand(event.DoWrite, name)
	o := hang(t, h, e)
	if o.Thread.State != "D" || o.Thread.Resource == nil || o.Thread.Resource.Kind != event.OnFrozen {
		t.Errorf("%+v, resource %+v", o.Thread, o.Thread.Resource)
	}
	pid := helperPID(t, h)
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for !strings.HasPrefix(statusOf(t, pid, "State"), "T") {
		time.Sleep(time.Millisecond)
	}
	for end := time.Now().Add(time.Minute); ; { // a turn may have been under way
		h.Outcomes(nil)
		time.Sleep(4 * hangAfter)
		list := h.Outcomes(nil)
		if len(list) == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("of a helper that is stopped: %+v", list)
		}
	}
	if err := unix.Kill(pid, unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	thaw()
	want(t, await(t, h, e.ID), event.Done, "", "")
}
