package errands

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/event"
)

// Bounds of what is written and read.
const (
	block    = 512      // what is written where only its being made durable counts
	maxWrite = 4096     // as much as a mimic copies
	maxRead  = 64 << 10 //
	maxSize  = 1 << 20  // of a file that is truncated
)

// temporary makes a file for the time of an errand, at one of the directories that
// there are for it. text says which, where that is not the obvious one.
func (j *job) temporary() (fd int, text string, err error) {
	if j.Where == event.Memory {
		err := again(func() error {
			fd, err = unix.MemfdCreate("lifesign", unix.MFD_CLOEXEC)
			return err
		})
		if err != nil {
			return -1, "", unable("there is no file in memory: " + err.Error())
		}
		j.fds = append(j.fds, fd)
		return fd, "", nil
	}
	dirs, note, err := j.place(true)
	if err != nil {
		return -1, "", err
	}
	for i, dir := range dirs {
		fd, err = j.nameless(dir)
		if err == unix.ENOENT { // between two steps of ours
			return -1, "", unable(dir.name + " was deleted")
		}
		denied := err == unix.EACCES || err == unix.EPERM
		if !denied || i == len(dirs)-1 {
			return fd, note, during("make a file in "+dir.name, err)
		}
	}
	return -1, "", unable("there is no directory for it")
}

// nameless makes a file without a name, or one that loses it at once.
func (j *job) nameless(dir spot) (int, error) {
	fd, err := j.openat(dir.fd, ".", unix.O_TMPFILE|unix.O_RDWR, 0o600)
	if noneSuch(err) {
		return j.named(dir)
	}
	return fd, err
}

// noneSuch reports whether a file system has no files without a name, as open(2) has it
// of O_TMPFILE.
func noneSuch(err error) bool {
	return err == unix.EOPNOTSUPP || err == unix.EISDIR || err == unix.EINVAL || err == unix.ENOSYS
}

// named makes a file whose name is there for the time between two system calls. The
// agent is told before, so that the next helper can take away what a killed one leaves.
func (j *job) named(dir spot) (int, error) {
	name := prefix + strconv.Itoa(unix.Getpid()) + "-" + strconv.FormatUint(j.ID, 10)
	j.tell(dir, path.Join(dir.name, name))
	j.s.names.Add(1)
	defer j.s.names.Done()
	fd, err := j.openat(dir.fd, name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return fd, err
	}
	return fd, again(func() error { return unix.Unlinkat(dir.fd, name, 0) })
}

// prefix is what the names of files begin with that lose them at once.
const prefix = ".lifesign-"

// clean takes away a name that a helper before has left, if it looks like one.
func (j *job) clean() error {
	if name := string(j.Path); strings.HasPrefix(path.Base(name), prefix) {
		_ = again(func() error { return unix.Unlink(name) })
	}
	return nil
}

// fill writes all of data at the file's beginning, and makes it durable as the program
// would.
func fill(fd int, data []byte) error {
	for off := 0; off < len(data); {
		n := 0
		err := again(func() (err error) {
			n, err = unix.Pwrite(fd, data[off:], int64(off))
			return err
		})
		if err == nil && n == 0 {
			err = unix.ENOSPC
		}
		if err != nil {
			return during(fmt.Sprintf("write %d bytes", len(data)), err)
		}
		off += n
	}
	return during("fdatasync", again(func() error { return unix.Fdatasync(fd) }))
}

// sync writes a block and makes it durable, and reads it back: what a program syncs it
// has often written by ways that no checker can follow.
func (j *job) sync() (string, error) {
	if j.mayKeep() {
		return j.overwrite(pattern(block))
	}
	fd, text, err := j.temporary()
	if err != nil {
		return "", err
	}
	return j.readBack(fd, pattern(block), text)
}

// write writes what the program has written, reads it back, and compares.
func (j *job) write() (string, error) {
	data := j.Data
	if len(data) > maxWrite {
		data = data[:maxWrite]
	}
	if len(data) == 0 {
		data = pattern(j.Size)
	}
	if j.mayKeep() {
		return j.overwrite(data)
	}
	fd, text, err := j.temporary()
	if err != nil {
		return "", err
	}
	return j.readBack(fd, data, text)
}

// pattern is what is written if the program's bytes are not known.
func pattern(size int64) []byte {
	if size <= 0 || size > maxWrite {
		size = maxWrite
	}
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

func (j *job) readBack(fd int, data []byte, text string) (string, error) {
	if err := fill(fd, data); err != nil {
		return "", err
	}
	got, cached, err := past(fd, len(data))
	if err != nil {
		return "", during("read back what was written", err)
	}
	if d := difference(data, got); d != "" {
		return "", differs(d)
	}
	if cached {
		text = strings.TrimPrefix(text+"; what was read back may be from the page cache, which this file system does not go past", "; ")
	}
	return text, nil
}

// difference says how got differs from what was written, "" if it does not.
func difference(wrote, got []byte) string {
	for i := range wrote {
		if i == len(got) {
			return fmt.Sprintf("%d of %d bytes are read", len(got), len(wrote))
		}
		if wrote[i] != got[i] {
			return fmt.Sprintf("byte %d of %d: %#02x was written, %#02x is read", i, len(wrote), wrote[i], got[i])
		}
	}
	return ""
}

// past reads the first n bytes of a file from where they are kept, not from the page
// cache. cached says that this cannot be vouched for.
func past(fd, n int) (got []byte, cached bool, err error) {
	_ = unix.Fadvise(fd, 0, 0, unix.FADV_DONTNEED)
	cached = resident(fd, n)
	buf := aligned((n + 4095) &^ 4095)
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err == nil {
		if _, err = unix.FcntlInt(uintptr(fd), unix.F_SETFL, flags|unix.O_DIRECT); err == nil {
			got, err = pread(fd, buf, 0)
			_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETFL, flags)
			if err != unix.EINVAL {
				// Some take the flag and read from the cache all the same (tmpfs since 6.6).
				return cut(got, n), cached, err
			}
		}
	}
	got, err = pread(fd, buf[:n], 0)
	return cut(got, n), cached, err
}

func cut(b []byte, n int) []byte {
	if len(b) > n {
		return b[:n]
	}
	return b
}

// resident reports whether the first pages of a file are in memory, or may be.
func resident(fd, n int) bool {
	m, err := unix.Mmap(fd, 0, n, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return true
	}
	defer unix.Munmap(m)
	pages := make([]byte, (n+4095)/4096)
	_, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&m[0])), uintptr(n), uintptr(unsafe.Pointer(&pages[0])))
	if errno != 0 {
		return true
	}
	for _, p := range pages {
		if p&1 != 0 {
			return true
		}
	}
	return false
}

// pread reads as much as there is, up to len(buf).
func pread(fd int, buf []byte, off int64) ([]byte, error) {
	n := 0
	err := again(func() (err error) {
		n, err = unix.Pread(fd, buf, off)
		return err
	})
	if err != nil {
		return nil, err
	}
	return buf[:n], nil
}

// truncate gives a file a size.
func (j *job) truncate() (string, error) {
	size := j.Size
	if size < 0 {
		size = 0
	}
	if size > maxSize {
		size = maxSize
	}
	fd, text, err := j.temporary()
	if err != nil {
		return "", err
	}
	return text, during(fmt.Sprintf("truncate to %d bytes", size), again(func() error { return unix.Ftruncate(fd, size) }))
}

// reopen opens what was found for reading, without changing when it was read last, if
// that is permitted.
func (j *job) reopen(p spot) (int, error) {
	name := "fd/" + strconv.Itoa(p.fd)
	fd, err := j.openat(j.s.proc, name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_NOATIME, 0)
	if err == unix.EPERM {
		fd, err = j.openat(j.s.proc, name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	}
	return fd, during("open "+p.name, err)
}

// theirs finds the program's own file, if it may be opened.
func (j *job) theirs() (spot, error) {
	name := string(j.Path)
	if !path.IsAbs(name) {
		return spot{}, unable("where its file is is not known")
	}
	p, err := j.same(name)
	if err != nil {
		return p, err
	}
	if !p.is(unix.S_IFREG) && !p.is(unix.S_IFDIR) {
		return p, unable(name + " is neither a regular file nor a directory")
	}
	dir, err := j.find(unix.AT_FDCWD, path.Dir(p.name))
	if err != nil {
		return p, err
	}
	for _, one := range []spot{p, dir} {
		if why := j.watched(one); why != "" {
			return p, j.aloof(p, why)
		}
	}
	return p, nil
}

// read reads where the program has read; elsewhere, a block that it has written itself:
// nobody's file but the program's is opened.
func (j *job) read() (string, error) {
	if j.Where != event.Here {
		return j.other()
	}
	p, err := j.theirs()
	if err == nil && !p.is(unix.S_IFREG) {
		err = unable(p.name + " is not a regular file")
	}
	if err != nil {
		return "", err
	}
	fd, err := j.reopen(p)
	if err != nil {
		return "", err
	}
	n, off := j.Size, j.Offset
	if n <= 0 || n > maxRead {
		n = maxRead
	}
	if off < 0 {
		off = 0
	}
	_, err = pread(fd, make([]byte, n), off)
	return "", during(fmt.Sprintf("read %d bytes at %d of %s", n, off, p.name), err)
}

// other writes a block, past the cache, and reads it back.
func (j *job) other() (string, error) {
	fd, text, err := j.temporary()
	if err != nil {
		return "", err
	}
	return j.readBack(fd, pattern(maxWrite), text)
}

// open opens what the program has opened.
func (j *job) open() (string, error) {
	if j.Where != event.Here {
		return j.other()
	}
	p, err := j.theirs()
	if err != nil {
		return "", err
	}
	_, err = j.reopen(p)
	return "", err
}

// directory makes the directory of Path durable. One of FUSE is only asked for its
// file system's state: the kernel holds a directory's lock while a FUSE server makes
// it durable (fuse_dir_fsync), and if the server hung, so would all that the program
// makes in that directory, for our sake.
func (j *job) directory() (string, error) {
	if j.Where == event.Memory {
		return j.other()
	}
	dirs, text, err := j.place(false)
	if err != nil {
		return "", err
	}
	last := error(unable("there is no directory for it"))
	for _, dir := range dirs {
		fd, err := j.reopen(dir)
		if err == nil {
			return text, j.durable(fd, dir.name)
		}
		if last = err; !errors.Is(err, unix.EACCES) && !errors.Is(err, unix.EPERM) {
			return "", err
		}
	}
	return "", last
}

// durable makes the directory name, open at fd, durable, where that holds up nobody.
func (j *job) durable(fd int, name string) error {
	var fs unix.Statfs_t
	if err := again(func() error { return unix.Fstatfs(fd, &fs) }); err != nil {
		return during("statfs of "+name, err)
	}
	if fs.Type == unix.FUSE_SUPER_MAGIC {
		return nil
	}
	return during("fsync of "+name, again(func() error { return unix.Fsync(fd) }))
}
