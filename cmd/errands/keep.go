package errands

import (
	"bytes"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/clock"
)

// Bounds of what is kept from one errand to the next.
const (
	maxKept  = 8                // directories with a file in them
	maxAge   = time.Minute      // of one: then it is made anew, which a disk can refuse, too
	maxRest  = 30 * time.Second // for which none was used: all are closed then
	keptSize = 4096             // bytes of one: a block of nearly every disk
)

// keeper has files without a name, one a directory, that were written and made durable.
// What is written over is where it will be: making it durable again flushes the
// data, and commits no journal of the file system's, for which all that writes there
// would wait (ext4_fsync_journal: the transaction that has allocated it is long over).
type keeper struct {
	mu       sync.Mutex // guards what follows
	files    map[home]*kept
	released int // how often all were closed
}

// home is a directory, on a mount.
type home struct{ device, inode, mount uint64 }

func homeOf(p spot) home { return home{p.stat.Dev, p.stat.Ino, mountOf(p.fd)} }

// kept is a file that was used, and may be used again by one thread at a time.
type kept struct {
	fd       int
	probe    int // another one, that stays empty, or -1
	holds    []byte
	made     int64
	released int // of the keeper, when it was taken
}

func (f *kept) close() {
	unix.Close(f.fd)
	if f.probe >= 0 {
		unix.Close(f.probe)
	}
}

// take returns the file that is kept in a directory, for the caller alone, nil if
// there is none.
func (k *keeper) take(h home) *kept {
	k.mu.Lock()
	defer k.mu.Unlock()
	f := k.files[h]
	delete(k.files, h)
	if f != nil {
		f.released = k.released
	}
	return f
}

// give keeps a file, unless all have been closed since it was taken. It reports whether
// it does.
func (k *keeper) give(h home, f *kept) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if f.released != k.released || len(k.files) >= maxKept || k.files[h] != nil {
		return false
	}
	if k.files == nil {
		k.files = map[home]*kept{}
	}
	k.files[h] = f
	return true
}

// release closes what is kept. A directory's watcher would be told that a file in it was
// closed: so what is in a directory that the program watches by now is left, unless the
// program has closed its own. To close may wait for the disk.
func (k *keeper) release(why release, m *Marks) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.released++
	for h, f := range k.files {
		at := mark{uint64(unix.Major(h.device))<<20 | uint64(unix.Minor(h.device)), h.inode}
		if why == rested && m.has(at, true) {
			continue
		}
		delete(k.files, h)
		go f.close()
	}
}

// mayKeep reports whether an errand may be done with a file that is kept.
func (j *job) mayKeep() bool { return j.Keep && j.Where == event.Here }

// overwrite writes data into the file that is kept in the program's directory, reads it
// back past the page cache, and compares. Where none is kept, one is made, and kept if all
// is well; one with which anything went wrong is not used again.
func (j *job) overwrite(data []byte) (string, error) {
	dirs, note, err := j.place(true)
	if err != nil {
		return "", err
	}
	at := homeOf(dirs[0])
	f := j.s.keeper.take(at)
	if f != nil && clock.Monotonic()-f.made > int64(maxAge) {
		go f.close()
		f = nil
	}
	old := f != nil
	if !old {
		fd, err := j.create(dirs[0])
		if noneSuch(err) {
			return j.oneOff(data)
		}
		if err == unix.ENOENT {
			return "", unable(dirs[0].name + " was deleted")
		}
		if err != nil {
			return "", during("make a file in "+dirs[0].name, err)
		}
		f = &kept{fd: fd, probe: -1, made: clock.Monotonic(), released: j.s.keeper.times()}
	}
	text, err := j.use(f, data, note)
	good := err == nil
	if good && old {
		// If there is none, the file stays: to close it would make some.
		err = j.room(f, dirs[0])
	}
	if j.kept = good && j.s.keeper.give(at, f); !j.kept {
		j.fds = append(j.fds, f.fd)
		if f.probe >= 0 {
			j.fds = append(j.fds, f.probe)
		}
	}
	return text, err
}

// times returns how often all were closed.
func (k *keeper) times() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.released
}

// create makes a file without a name that outlives the errand.
func (j *job) create(dir spot) (fd int, err error) {
	err = again(func() error {
		fd, err = unix.Openat(dir.fd, ".", unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
		return err
	})
	return fd, err
}

// oneOff is for file systems without files that have no name.
func (j *job) oneOff(data []byte) (string, error) {
	fd, text, err := j.temporary()
	if err != nil {
		return "", err
	}
	return j.readBack(fd, data, text)
}

// use writes a whole block, so that nothing has to be read for it, and one that is not
// there already: what a disk does not write must not look as if it had.
func (j *job) use(f *kept, data []byte, text string) (string, error) {
	b := pattern(keptSize)
	copy(b, data)
	if bytes.Equal(b, f.holds) {
		for i := range b {
			b[i] = ^b[i]
		}
	}
	f.holds = b
	return j.readBack(f.fd, b, text)
}

// room finds out whether there is still room on the disk, which writing over what is
// there does not need. A block more is written and taken back, which with delayed
// allocation reserves it, and comes to no disk. The file is never made durable.
func (j *job) room(f *kept, dir spot) (err error) {
	if f.probe < 0 {
		if f.probe, err = j.create(dir); err != nil {
			f.probe = -1
			return during("make a file in "+dir.name, err)
		}
	}
	err = again(func() error {
		_, err := unix.Pwrite(f.probe, f.holds, 0)
		return err
	})
	if err != nil {
		return during("write a block more", err)
	}
	return during("take it back", again(func() error { return unix.Ftruncate(f.probe, 0) }))
}
