package supervise

import (
	"context"
	"fmt"
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
	"github.com/lifesign-go/lifesign/internal/supervise"
)

// silentFile is a file of one byte, whose reads are answered when a channel is closed.
// Who waits for one cannot be killed.
type silentFile struct {
	fs.Inode
	answer chan struct{}
}

func (f *silentFile) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	return nil, fuse.FOPEN_DIRECT_IO, 0
}

func (f *silentFile) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Mode, out.Size = fuse.S_IFREG|0o644, 1
	return 0
}

func (f *silentFile) Read(context.Context, fs.FileHandle, []byte, int64) (fuse.ReadResult, syscall.Errno) {
	<-f.answer
	return fuse.ReadResultData([]byte{1}), 0
}

// silentFS mounts a file system with such a file. It is served in this process, which
// may not touch it. release has everything answered.
func silentFS(t *testing.T) (path string, release func()) {
	t.Helper()
	dir, root := t.TempDir(), new(fs.Inode)
	f := &silentFile{answer: make(chan struct{})}
	server, err := fs.Mount(dir, root, &fs.Options{
		MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "silent", Name: "silent"},
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
	var once sync.Once
	return filepath.Join(dir, "file"), func() { once.Do(func() { close(f.answer) }) }
}

// readsMode says that it is up, and reads a file.
func readsMode(args []string) int {
	appendTo(args[0], fmt.Sprintf("%d\n", os.Getpid()))
	if _, err := os.ReadFile(args[1]); err != nil {
		return 1
	}
	for {
		time.Sleep(time.Hour)
	}
}

// TestInTheKernel: what stands in the kernel survives even SIGKILL. Nothing else is
// started on its data until it is gone.
func TestInTheKernel(t *testing.T) {
	file, release := silentFS(t)
	up := filepath.Join(t.TempDir(), "up")
	r := begin(t, Config{
		Argv: program("reads", up, file),
		Policy: with(func(c *supervise.Config) {
			c.On.Stuck, c.Grace, c.QuitGrace, c.KillGrace = true, 100*time.Millisecond, 100*time.Millisecond, 100*time.Millisecond
		}),
	})
	t.Cleanup(release) // or nobody could be waited for
	until(t, "it reads", func() bool {
		return r.count() == 1 && len(lines(up)) == 1 && inRead(r.pid(0))
	})
	r.Finding(event.Finding{Verdict: event.Stuck, Class: event.Proven, What: "it stands in a read"})
	until(t, "that it cannot be ended is told", func() bool { return strings.Contains(r.text(), "it stands in the kernel") })
	time.Sleep(time.Second)
	if n := len(lines(up)); n != 1 {
		t.Fatalf("%d programs were started while the first one is there", n)
	}
	if _, err := os.Stat(fmt.Sprintf("/proc/%d", r.pid(0))); err != nil {
		t.Fatalf("it has ended after all: %v", err)
	}
	release()
	until(t, "it is started again", func() bool { return len(lines(up)) == 2 })
	if r.pid(0) == r.pid(1) {
		t.Errorf("both are process %d", r.pid(0))
	}
}

// inRead reports whether some thread of a process waits for the answer of a FUSE server.
func inRead(pid int) bool {
	names, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/wchan", pid))
	for _, name := range names {
		if data, _ := os.ReadFile(name); strings.Contains(string(data), "request_wait_answer") {
			return true
		}
	}
	return false
}
