package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// node is a file or directory whose fsync passes the gate.
type node struct {
	*fs.LoopbackNode
	gate   *gate
	silent silent
}

// silent has the gates of what is never answered; nil where it is.
type silent struct{ read, write *gate }

// silence closes the gates of what mute names. fsync's is g.
func silence(g *gate, mute string) (silent, error) {
	var s silent
	for _, name := range strings.FieldsFunc(mute, func(r rune) bool { return r == ',' }) {
		closed := newGate(func() {})
		closed.hold()
		switch name {
		case "fsync":
			g.hold()
		case "read":
			s.read = closed
		case "write":
			s.write = closed
		default:
			return s, fmt.Errorf("-mute %s: fsync, read or write", name)
		}
	}
	return s, nil
}

func (s silent) release() {
	for _, g := range []*gate{s.read, s.write} {
		if g != nil {
			g.release()
		}
	}
}

var (
	_ fs.NodeWrapChilder = (*node)(nil)
	_ fs.NodeFsyncer     = (*node)(nil)
	_ fs.NodeOpener      = (*node)(nil)
	_ fs.NodeCreater     = (*node)(nil)
)

// WrapChild makes what is found below a node one of the same kind.
func (n *node) WrapChild(_ context.Context, ops fs.InodeEmbedder) fs.InodeEmbedder {
	return &node{LoopbackNode: ops.(*fs.LoopbackNode), gate: n.gate, silent: n.silent}
}

// file is a file whose mapping is this file system's too. Left to itself the
// library hands the file below to the kernel, and msync goes there.
type file struct {
	*fs.LoopbackFile
	silent silent
}

func (file) PassthroughFd() (fd int, ok bool) { return -1, false }

// Read passes its gate, where it has one.
func (f file) Read(ctx context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	if f.silent.read != nil {
		f.silent.read.pass()
	}
	return f.LoopbackFile.Read(ctx, dest, off)
}

// Write passes its gate, where it has one.
func (f file) Write(ctx context.Context, data []byte, off int64) (uint32, syscall.Errno) {
	if f.silent.write != nil {
		f.silent.write.pass()
	}
	return f.LoopbackFile.Write(ctx, data, off)
}

func (n *node) own(h fs.FileHandle) fs.FileHandle {
	if f, ok := h.(*fs.LoopbackFile); ok {
		return file{f, n.silent}
	}
	return h
}

// Open opens the file below. Direct I/O is between the program and this file
// system: what is below may want other alignments.
func (n *node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	h, fuseFlags, errno := n.LoopbackNode.Open(ctx, flags&^syscall.O_DIRECT)
	if flags&syscall.O_DIRECT != 0 {
		fuseFlags |= fuse.FOPEN_DIRECT_IO
	}
	return n.own(h), fuseFlags, errno
}

// Create makes the file below.
func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	inode, h, fuseFlags, errno := n.LoopbackNode.Create(ctx, name, flags, mode, out)
	return inode, n.own(h), fuseFlags, errno
}

// Fsync ignores that the caller may have been interrupted: the kernel waits for
// an answer all the same.
func (n *node) Fsync(ctx context.Context, f fs.FileHandle, flags uint32) syscall.Errno {
	n.gate.pass()
	if file, ok := f.(fs.FileFsyncer); ok {
		return file.Fsync(ctx, flags)
	}
	return 0 // a directory
}

// gate lets everybody pass until it is held.
type gate struct {
	first func() // called when the first comes to a held gate

	mu   sync.Mutex // guards what follows
	open chan struct{}
	held bool // somebody has come since the gate was held
}

func newGate(first func()) *gate {
	g := &gate{first: first, open: make(chan struct{})}
	close(g.open)
	return g
}

func (g *gate) hold() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.isOpen() {
		g.open, g.held = make(chan struct{}), false
	}
}

func (g *gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.isOpen() {
		close(g.open)
	}
}

func (g *gate) isOpen() bool {
	select {
	case <-g.open:
		return true
	default:
		return false
	}
}

func (g *gate) pass() {
	g.mu.Lock()
	open := g.open
	first := !g.isOpen() && !g.held
	g.held = g.held || first
	g.mu.Unlock()
	if first {
		g.first()
	}
	<-open
}
