package observe

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/lifesign-go/lifesign/event"
)

// slowFile is a file in memory that answers when there is something in a
// channel, and hangs for a minute at most: a process that waits here cannot even
// be killed.
type slowFile struct {
	fs.MemRegularFile
	fsync, write chan bool
	bytes        sync.Mutex // guards what a read has in its hands: go-fuse answers with the file's own memory
}

func answered(by chan bool) {
	select {
	case <-by:
	case <-time.After(time.Minute):
	}
}

func (f *slowFile) Fsync(ctx context.Context, h fs.FileHandle, flags uint32) syscall.Errno {
	answered(f.fsync)
	return 0
}

func (f *slowFile) Write(ctx context.Context, h fs.FileHandle, data []byte, off int64) (uint32, syscall.Errno) {
	answered(f.write)
	f.bytes.Lock()
	defer f.bytes.Unlock()
	return f.MemRegularFile.Write(ctx, h, data, off)
}

func (f *slowFile) Read(ctx context.Context, h fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	f.bytes.Lock()
	defer f.bytes.Unlock()
	r, errno := f.MemRegularFile.Read(ctx, h, dest, off)
	if errno != 0 {
		return r, errno
	}
	b, _ := r.Bytes(nil)
	return fuse.ReadResultData(append([]byte(nil), b...)), 0
}

// slowFS mounts a file system with f in it and returns the file's path. It is
// served in this process: nothing here may touch it while it hangs.
func slowFS(t *testing.T, f *slowFile) string {
	t.Helper()
	dir := t.TempDir()
	root := new(fs.Inode)
	server, err := fs.Mount(dir, root, &fs.Options{
		MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "slow", Name: "slow"},
		OnAdd: func(ctx context.Context) {
			root.AddChild("file", root.NewPersistentInode(ctx, f, fs.StableAttr{}), false)
		},
	})
	if err != nil {
		t.Fatalf("mount a FUSE file system (this takes root and /dev/fuse): %v", err)
	}
	t.Cleanup(func() {
		if err := server.Unmount(); err != nil {
			t.Error(err)
		}
	})
	return filepath.Join(dir, "file")
}

// open returns a channel by which everything is answered at once.
func open() chan bool {
	c := make(chan bool)
	close(c)
	return c
}

// fuseControl mounts the control file system below a /sys of the test's own.
func fuseControl(t *testing.T) (sys string) {
	t.Helper()
	sys = t.TempDir()
	dir := filepath.Join(sys, "fs", "fuse", "connections")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("fusectl", dir, "fusectl", 0, ""); err != nil {
		t.Fatalf("mount the FUSE control file system (this takes root): %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return sys
}

func TestFsyncThatHangs(t *testing.T) {
	answer := make(chan bool, 1<<10)
	file := slowFS(t, &slowFile{fsync: answer, write: open()})
	answer <- true // it is alive: the first one returns
	s, _ := hooked(t, "FSYNC="+file)
	t.Cleanup(func() { close(answer) }) // so that it can end
	s.Kernel.Sys = fuseControl(t)
	g, look := lookAt(t, s, hookedSites[10])
	var last *event.Thread
	for i, end := 0, time.Now().Add(time.Minute); i < 20; i++ {
		look = take(t, s, Wanted{Look: []uint64{g.ID}}).Looks[g.ID]
		th := look.Thread
		if th != nil && strings.Contains(th.Err, "has not told") && time.Now().Before(end) {
			i-- // the machine has no processor for the question
			continue
		}
		if look.Status != event.Syscall || th == nil || th.Err != "" || th.Resource == nil {
			t.Fatalf("%+v, thread %+v", look, th)
		}
		if th.Call == "fsync" && last != nil && last.Call == "fsync" && (th.Switches != last.Switches || th.RanNS != last.RanNS) {
			t.Errorf("%+v moved from %+v", th, last)
		}
		last = th
		time.Sleep(10 * time.Millisecond)
	}
	r := *last.Resource
	if last.State != "S" || last.Call != "fsync" || last.Wchan != "request_wait_answer" {
		t.Errorf("%+v", last)
	}
	if !strings.HasPrefix(r.Name, "FUSE connection ") || !strings.HasSuffix(r.Name, " at "+filepath.Dir(file)) || r.InFlight != 1 || r.Completed != 0 || r.Err != "" {
		t.Errorf("%+v", r)
	}
	if !onStack(look, "os.(*File).Sync") || !onStack(look, "main.fsync") {
		t.Errorf("%+v", look.Stack)
	}
	// It recovers, and hangs again in the next one.
	answer <- true
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		look = take(t, s, Wanted{Look: []uint64{g.ID}}).Looks[g.ID]
		if look.Thread != nil && look.Thread.Switches > last.Switches {
			return
		}
		if time.Now().After(end) {
			t.Fatal("its thread has not moved in 30 s after the answer")
		}
	}
}

func onStack(look event.Look, fn string) bool {
	for _, f := range look.Stack {
		if f.Func == fn {
			return true
		}
	}
	return false
}
