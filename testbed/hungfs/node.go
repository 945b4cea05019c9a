package main

import (
	"context"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// node is a file or directory of the one below. keep is what the kernel is told of
// the pages that it has of a file when that is opened.
type node struct {
	*fs.LoopbackNode
	keep uint32
}

var (
	_ fs.NodeWrapChilder = (*node)(nil)
	_ fs.NodeFsyncer     = (*node)(nil)
	_ fs.NodeOpener      = (*node)(nil)
	_ fs.NodeCreater     = (*node)(nil)
)

// WrapChild makes what is found below a node one of the same kind.
func (n *node) WrapChild(_ context.Context, ops fs.InodeEmbedder) fs.InodeEmbedder {
	return &node{LoopbackNode: ops.(*fs.LoopbackNode), keep: n.keep}
}

// file is a file whose mapping is this file system's too. Left to itself the
// library hands the file below to the kernel, and msync goes there.
type file struct{ *fs.LoopbackFile }

func (file) PassthroughFd() (fd int, ok bool) { return -1, false }

func own(h fs.FileHandle) fs.FileHandle {
	if f, ok := h.(*fs.LoopbackFile); ok {
		return file{f}
	}
	return h
}

// pages is what the kernel is to be told of a file opened with these flags.
func (n *node) pages(flags uint32) uint32 {
	if flags&syscall.O_DIRECT != 0 {
		return fuse.FOPEN_DIRECT_IO
	}
	return n.keep
}

// Open opens the file below. Direct I/O is between the program and this file
// system: what is below may want other alignments.
func (n *node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	h, fuseFlags, errno := n.LoopbackNode.Open(ctx, flags&^syscall.O_DIRECT)
	return own(h), fuseFlags | n.pages(flags), errno
}

// Create makes the file below.
func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	inode, h, fuseFlags, errno := n.LoopbackNode.Create(ctx, name, flags&^syscall.O_DIRECT, mode, out)
	return inode, own(h), fuseFlags | n.pages(flags), errno
}

// Fsync of a directory does nothing: the library knows none.
func (n *node) Fsync(ctx context.Context, f fs.FileHandle, flags uint32) syscall.Errno {
	if file, ok := f.(fs.FileFsyncer); ok {
		return file.Fsync(ctx, flags)
	}
	return 0
}
