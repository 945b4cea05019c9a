package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

const (
	slower = 10                    // times as long as it took
	least  = 20 * time.Millisecond // that an answer is late by: tenfold of what memory answers is nothing
)

// refusals are the errors that writes can be refused with.
var refusals = map[string]syscall.Errno{"ENOSPC": syscall.ENOSPC, "EIO": syscall.EIO, "EROFS": syscall.EROFS}

// disk is the file system as the kernel asks it: what is wrong with it comes
// between the kernel and the file system that would answer.
type disk struct {
	fuse.RawFileSystem
	tell func(word string)

	fsync, write, read *gate
	wrong              atomic.Pointer[trouble] // never nil
	setting            sync.Mutex              // of wrong: held by who replaces it
}

// trouble is what is wrong apart from gates that are held. Each kind has a
// function, nil if there is none of it, that notes that it has been met.
type trouble struct {
	slow, flip, fail func()
	errno            syscall.Errno
}

func newDisk(tell func(word string)) *disk {
	d := &disk{tell: tell, read: newGate(func() {})}
	d.fsync = newGate(func() { tell("held") })
	d.write = newGate(func() { tell("held") })
	d.wrong.Store(&trouble{})
	return d
}

// once tells the word the first time that it is called.
func (d *disk) once(word string) func() { return sync.OnceFunc(func() { d.tell(word) }) }

func (d *disk) trouble(change func(*trouble)) {
	d.setting.Lock()
	defer d.setting.Unlock()
	t := *d.wrong.Load()
	change(&t)
	d.wrong.Store(&t)
}

// mute keeps what is named from ever being answered. Nobody waits to be told of it.
func (d *disk) mute(names string) error {
	for _, name := range strings.FieldsFunc(names, func(r rune) bool { return r == ',' }) {
		g := map[string]**gate{"fsync": &d.fsync, "read": &d.read, "write": &d.write}[name]
		if g == nil {
			return fmt.Errorf("-mute %s: fsync, read or write", name)
		}
		if name != "fsync" {
			*g = newGate(func() {})
		}
		(*g).hold()
	}
	return nil
}

// release makes all well.
func (d *disk) release() {
	d.trouble(func(t *trouble) { *t = trouble{} })
	for _, g := range []*gate{d.fsync, d.write, d.read} {
		g.release()
	}
}

// late is to be deferred by what answers a request, with the time at which it came.
func (d *disk) late(came time.Time) {
	t := d.wrong.Load()
	if t.slow == nil {
		return
	}
	t.slow()
	time.Sleep(max(least, (slower-1)*time.Since(came)))
}

// refused returns the error with which writing is refused, or OK.
func (d *disk) refused() fuse.Status {
	t := d.wrong.Load()
	if t.fail == nil {
		return fuse.OK
	}
	t.fail()
	return fuse.Status(t.errno)
}

// readOnly returns EROFS if nothing is to be changed at all, or OK.
func (d *disk) readOnly() fuse.Status {
	if t := d.wrong.Load(); t.errno != syscall.EROFS {
		return fuse.OK
	}
	return d.refused()
}

// flipped returns what is stored of data.
func (d *disk) flipped(data []byte) []byte {
	t := d.wrong.Load()
	if t.flip == nil || len(data) == 0 {
		return data
	}
	t.flip()
	data = slices.Clone(data)
	data[len(data)/2] ^= 1
	return data
}

// Read passes its gate.
func (d *disk) Read(cancel <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	defer d.late(time.Now())
	d.read.pass()
	return d.RawFileSystem.Read(cancel, in, buf)
}

// Write passes its gate, may be refused, and may store something else.
func (d *disk) Write(cancel <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	defer d.late(time.Now())
	d.write.pass()
	if s := d.refused(); s != fuse.OK {
		return 0, s
	}
	return d.RawFileSystem.Write(cancel, in, d.flipped(data))
}

// CopyFileRange does not exist, so that the kernel reads and writes instead.
func (d *disk) CopyFileRange(<-chan struct{}, *fuse.CopyFileRangeIn) (uint32, fuse.Status) {
	return 0, fuse.ENOSYS
}

// Fallocate may be refused.
func (d *disk) Fallocate(cancel <-chan struct{}, in *fuse.FallocateIn) fuse.Status {
	defer d.late(time.Now())
	if s := d.refused(); s != fuse.OK {
		return s
	}
	return d.RawFileSystem.Fallocate(cancel, in)
}

// Fsync passes its gate and may be refused.
func (d *disk) Fsync(cancel <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	return d.synced(func() fuse.Status { return d.RawFileSystem.Fsync(cancel, in) })
}

// FsyncDir passes the same gate.
func (d *disk) FsyncDir(cancel <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	return d.synced(func() fuse.Status { return d.RawFileSystem.FsyncDir(cancel, in) })
}

func (d *disk) synced(sync func() fuse.Status) fuse.Status {
	defer d.late(time.Now())
	d.fsync.pass()
	if s := d.refused(); s != fuse.OK {
		return s
	}
	return sync()
}

// Lookup may be late.
func (d *disk) Lookup(cancel <-chan struct{}, h *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	defer d.late(time.Now())
	return d.RawFileSystem.Lookup(cancel, h, name, out)
}

// GetAttr may be late.
func (d *disk) GetAttr(cancel <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	defer d.late(time.Now())
	return d.RawFileSystem.GetAttr(cancel, in, out)
}

// SetAttr changes something.
func (d *disk) SetAttr(cancel <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	return d.changed(func() fuse.Status { return d.RawFileSystem.SetAttr(cancel, in, out) })
}

// Open for writing changes something.
func (d *disk) Open(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	open := func() fuse.Status { return d.RawFileSystem.Open(cancel, in, out) }
	if in.Flags&syscall.O_ACCMODE != syscall.O_RDONLY {
		return d.changed(open)
	}
	defer d.late(time.Now())
	return open()
}

// Create changes something.
func (d *disk) Create(cancel <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	return d.changed(func() fuse.Status { return d.RawFileSystem.Create(cancel, in, name, out) })
}

// Mkdir changes something.
func (d *disk) Mkdir(cancel <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	return d.changed(func() fuse.Status { return d.RawFileSystem.Mkdir(cancel, in, name, out) })
}

// Unlink changes something.
func (d *disk) Unlink(cancel <-chan struct{}, h *fuse.InHeader, name string) fuse.Status {
	return d.changed(func() fuse.Status { return d.RawFileSystem.Unlink(cancel, h, name) })
}

// Rmdir changes something.
func (d *disk) Rmdir(cancel <-chan struct{}, h *fuse.InHeader, name string) fuse.Status {
	return d.changed(func() fuse.Status { return d.RawFileSystem.Rmdir(cancel, h, name) })
}

// Rename changes something.
func (d *disk) Rename(cancel <-chan struct{}, in *fuse.RenameIn, from, to string) fuse.Status {
	return d.changed(func() fuse.Status { return d.RawFileSystem.Rename(cancel, in, from, to) })
}

// Link changes something.
func (d *disk) Link(cancel <-chan struct{}, in *fuse.LinkIn, name string, out *fuse.EntryOut) fuse.Status {
	return d.changed(func() fuse.Status { return d.RawFileSystem.Link(cancel, in, name, out) })
}

// Symlink changes something.
func (d *disk) Symlink(cancel <-chan struct{}, h *fuse.InHeader, to, name string, out *fuse.EntryOut) fuse.Status {
	return d.changed(func() fuse.Status { return d.RawFileSystem.Symlink(cancel, h, to, name, out) })
}

// changed makes a change unless nothing may be changed.
func (d *disk) changed(change func() fuse.Status) fuse.Status {
	defer d.late(time.Now())
	if s := d.readOnly(); s != fuse.OK {
		return s
	}
	return change()
}
