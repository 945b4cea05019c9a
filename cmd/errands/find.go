package errands

import (
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/event"
)

// job is an errand that is being done, by one thread. What it opens it notes, and
// closes at the end.
type job struct {
	task
	s     *server
	marks *Marks
	fds   []int
	told  bool // on which file system it works
	kept  bool // the file that it was done with
}

func (j *job) close() {
	for _, fd := range j.fds {
		unix.Close(fd)
	}
}

// openat opens what close closes.
func (j *job) openat(dir int, name string, flags int, mode uint32) (fd int, err error) {
	err = again(func() error {
		fd, err = unix.Openat(dir, name, flags|unix.O_CLOEXEC, mode)
		return err
	})
	if err != nil {
		return -1, err
	}
	j.fds = append(j.fds, fd)
	return fd, nil
}

// spot is a file or a directory that was found, opened as O_PATH: nobody is told of
// that, and nothing can be read by it.
type spot struct {
	fd   int
	name string // its own, with no links in it
	stat unix.Stat_t
}

func (p spot) is(kind uint32) bool { return p.stat.Mode&unix.S_IFMT == kind }

// find opens name, which may be one relative to a directory, without touching it.
func (j *job) find(dir int, name string) (p spot, err error) {
	if p.fd, err = j.openat(dir, name, unix.O_PATH, 0); err != nil {
		return p, gone(name, err)
	}
	if err := again(func() error { return unix.Fstat(p.fd, &p.stat) }); err != nil {
		return p, during("look at "+name, err)
	}
	var buf [unix.PathMax]byte
	n, err := unix.Readlinkat(j.s.proc, "fd/"+strconv.Itoa(p.fd), buf[:])
	if err != nil {
		return p, unable("its name cannot be read: " + err.Error())
	}
	p.name = string(buf[:n])
	if strings.HasSuffix(p.name, " (deleted)") { // not by Nlink: FUSE servers like to say 0
		return p, unable(name + " was deleted")
	}
	return p, nil
}

// gone tells what is not there from what fails.
func gone(name string, err error) error {
	switch err {
	case unix.ENOENT, unix.ENOTDIR, unix.ELOOP:
		return unable("there is no " + name + " any more")
	}
	return during("look for "+name, err)
}

// tell says on which file system the errand works, once.
func (j *job) tell(p spot, name string) {
	if j.told && name == "" {
		return
	}
	j.told = true
	j.s.report(report{At: &at{
		ID: j.ID, Major: unix.Major(p.stat.Dev), Minor: unix.Minor(p.stat.Dev), Name: []byte(name),
	}})
}

// The types of file systems on which stat's device is not always that of the whole.
const (
	btrfs    = 0x9123683e
	overlay  = 0x794c7630
	bcachefs = 0xca451a4e
)

// watched says why p is to be left alone, "" if it is not.
func (j *job) watched(p spot) string {
	switch m := j.marks; {
	case m == nil:
		return "what the program watches is not known yet"
	case m.All != "":
		return m.All
	case len(m.Inodes) == 0 && len(m.Devices) == 0:
		return ""
	}
	k := mark{uint64(unix.Major(p.stat.Dev))<<20 | uint64(unix.Minor(p.stat.Dev)), p.stat.Ino}
	if !j.marks.has(k, false) {
		var st unix.Statfs_t
		if err := unix.Fstatfs(p.fd, &st); err != nil {
			return "it cannot be told whether the program watches it: " + err.Error()
		}
		if t := uint32(st.Type); t != btrfs && t != overlay && t != bcachefs || !j.marks.has(k, true) {
			return ""
		}
	}
	return "the program watches " + p.name
}

// above returns the directory above p, if that is on the same file system.
func (j *job) above(p spot) (spot, error) {
	up, err := j.find(p.fd, "..")
	if err != nil {
		return up, err
	}
	if up.stat.Ino == p.stat.Ino && up.stat.Dev == p.stat.Dev {
		return up, unable("there is no directory above " + p.name)
	}
	if up.stat.Dev != p.stat.Dev {
		return up, unable("the directory above " + p.name + " is of another file system")
	}
	return up, nil
}

// home returns the directory of Path, through links. kept says that the file itself
// must still be there.
func (j *job) home(kept bool) (spot, error) {
	name := string(j.Path)
	if !path.IsAbs(name) {
		return spot{}, unable("where its file is is not known")
	}
	var mount uint64
	if kept {
		file, err := j.same(name)
		if err != nil {
			return file, err
		}
		mount = mountOf(file.fd)
		if !file.is(unix.S_IFREG) {
			return file, unable(name + " is not a regular file")
		}
		name = file.name
	}
	dir, err := j.find(unix.AT_FDCWD, path.Dir(name))
	if err == nil && !dir.is(unix.S_IFDIR) {
		err = unable(dir.name + " is not a directory")
	}
	if on := mountOf(dir.fd); err == nil && mount != 0 && on != mount {
		// As containers have it with single files: the directory is of another disk.
		err = unable(name + " is mounted into " + dir.name + " by itself")
	}
	if err == nil {
		j.tell(dir, "")
	}
	return dir, err
}

// mountOf returns the number of the mount that a file is on, 0 if it is not known: before
// Linux 5.8. Its device would not do: on an overlay a file can have another than its
// directory.
func mountOf(fd int) uint64 {
	var st unix.Statx_t
	if fd < 0 || unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_MNT_ID, &st) != nil || st.Mask&unix.STATX_MNT_ID == 0 {
		return 0
	}
	return st.Mnt_id
}

// same finds the program's file, if it is still the one that the program has open.
func (j *job) same(name string) (spot, error) {
	file, err := j.find(unix.AT_FDCWD, name)
	if err != nil {
		return file, err
	}
	j.tell(file, "")
	if len(j.Link) == 0 {
		return file, nil
	}
	open, err := j.find(unix.AT_FDCWD, string(j.Link))
	if err == nil && (open.stat.Dev != file.stat.Dev || open.stat.Ino != file.stat.Ino) {
		err = unable(name + " was replaced: the program has " + open.name + " open")
	}
	return file, err
}

// maxUp bounds the directories above a file that are looked at.
const maxUp = 64

// place returns the directories in which an errand may be done, the best first. note
// says, of Here, why it is another one. If there is none, the file system is asked for
// what it says of itself (statfs), which may fail or hang as well as anything.
func (j *job) place(kept bool) (list []spot, note string, err error) {
	dir, err := j.home(kept)
	if err != nil {
		return nil, "", err
	}
	switch j.Where {
	case event.Here:
		why := j.watched(dir)
		if why == "" {
			return []spot{dir}, "", nil
		}
		if up, err := j.above(dir); err == nil && j.watched(up) == "" {
			return []spot{up}, why + ": done in " + up.name, nil
		}
		return nil, "", j.aloof(dir, why)
	case event.Beside:
		up, err := j.above(dir)
		if err != nil {
			return nil, "", err
		}
		if why := j.watched(up); why != "" {
			return nil, "", j.aloof(up, why)
		}
		return []spot{up}, "", nil
	case event.Nearby:
		return j.nearby(dir)
	}
	return nil, "", unable("this is not done at " + string(j.Where))
}

// aloof asks the file system for what it says of itself.
func (j *job) aloof(p spot, why string) error {
	var st unix.Statfs_t
	if err := again(func() error { return unix.Fstatfs(p.fd, &st) }); err != nil {
		return during("ask the file system of "+p.name+" about itself", err)
	}
	return unable(why + ": the file system was asked about itself alone, and answers")
}

// nearby lists directories on the same device as dir, and outside of it: those above
// it from the topmost down, then what is usually open to all.
func (j *job) nearby(dir spot) (list []spot, note string, err error) {
	var ups []spot
	for p := dir; len(ups) < maxUp; {
		up, err := j.above(p)
		if err != nil {
			break
		}
		ups, p = append(ups, up), up
	}
	for i := len(ups) - 1; i >= 0; i-- {
		list = append(list, ups[i])
	}
	for _, name := range []string{"/tmp", "/var/tmp", "/dev/shm", "/run"} {
		p, err := j.find(unix.AT_FDCWD, name)
		if err == nil && p.stat.Dev == dir.stat.Dev && p.stat.Ino != dir.stat.Ino && !strings.HasPrefix(p.name+"/", dir.name+"/") {
			list = append(list, p)
		}
	}
	free := list[:0]
	for _, p := range list {
		if j.watched(p) == "" {
			free = append(free, p)
		}
	}
	if len(free) == 0 {
		return nil, "", unable("there is no other directory on the file system of " + dir.name + " that is not watched")
	}
	return free, "", nil
}
