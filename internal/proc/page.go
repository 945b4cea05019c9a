package proc

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/lifesign-go/lifesign/event"
)

var (
	errNoChild   = errors.New("the child that it waits for was not found")
	errNoFault   = errors.New("the user fault descriptor is another process's")
	errKernel    = errors.New("it waits inside of a page fault, for something that the kernel does not name")
	errWhichFile = errors.New("which of the files that are mapped it waits for is not known")
)

// userFault is for a page that user space has to fill: the process's own user
// fault descriptors say how many faults nobody has settled.
func (q *inquiry) userFault(r *event.Resource) error {
	r.Kind, r.Name = event.OnPage, "a page that user space has to fill"
	d, err := os.Open(q.path("fd"))
	if err != nil {
		return err
	}
	names, _ := d.Readdirnames(maxLinks)
	d.Close()
	found := false
	for _, name := range names {
		link, err := os.Readlink(q.path("fd", name))
		if err != nil || link != "anon_inode:[userfaultfd]" {
			continue
		}
		fd, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if info, err := q.info(q.PID, fd); err == nil && info.faults {
			r.InFlight += info.waiting
			found = true
		}
	}
	if !found {
		return errNoFault
	}
	r.Holders = []event.Task{q.Task(q.PID, 0)}
	return nil
}

// mapped is a line of /proc/PID/maps (proc_pid_maps(5)).
type mapped struct {
	start, end   uint64
	major, minor uint32
	inode        uint64
	file         string
}

// parseMapped parses
//
//	00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/dbus-daemon
func parseMapped(line string) (m mapped, ok bool) {
	f := strings.Fields(line)
	if len(f) < 5 {
		return m, false
	}
	i, j := strings.IndexByte(f[0], '-'), strings.IndexByte(f[3], ':')
	if i < 0 || j < 0 {
		return m, false
	}
	var err [5]error
	var major, minor uint64
	m.start, err[0] = strconv.ParseUint(f[0][:i], 16, 64)
	m.end, err[1] = strconv.ParseUint(f[0][i+1:], 16, 64)
	major, err[2] = strconv.ParseUint(f[3][:j], 16, 12)
	minor, err[3] = strconv.ParseUint(f[3][j+1:], 16, 20)
	m.inode, err[4] = strconv.ParseUint(f[4], 10, 64)
	m.major, m.minor = uint32(major), uint32(minor)
	for _, e := range err {
		if e != nil {
			return mapped{}, false
		}
	}
	if len(f) > 5 {
		m.file = unescape(line[strings.Index(line, f[5]):])
	}
	return m, true
}

// maxMaps bounds how much is read of the list of mappings.
const maxMaps = 8 << 20

// maps calls each with the process's mappings of files until that says false.
// The kernel takes the lock of the address space for it: it is for threads that
// are given up, and for those alone that wait for a page.
// While one reading of it hangs there is no other: the rest can still be asked.
func (q *inquiry) maps(each func(mapped) bool) error {
	if q.seen != nil {
		if !atomic.CompareAndSwapInt32(q.seen.mapping, 0, 1) {
			return errHanging
		}
		defer atomic.StoreInt32(q.seen.mapping, 0)
	}
	f, err := os.Open(q.path("maps"))
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(io.LimitReader(f, maxMaps))
	for lines.Scan() {
		if m, ok := parseMapped(lines.Text()); ok && m.inode != 0 && !each(m) {
			return nil
		}
	}
	return lines.Err()
}

// onMapping is for a call on a mapping, msync say.
func (q *inquiry) onMapping(addr uint64, r *event.Resource) error {
	var found mapped
	err := q.maps(func(m mapped) bool {
		if addr >= m.start && addr < m.end {
			found = m
			return false
		}
		return true
	})
	if err != nil {
		return err
	}
	if found.inode == 0 {
		return errNothing
	}
	q.th.What = fmt.Sprintf("%s(%s)", q.call.name, found.file)
	m, err := q.mountOn(found)
	if err != nil {
		return err
	}
	return q.onMount(m, r)
}

// mountOn returns the mount of a mapped file: of those of its device the one
// that its path is below.
func (k Kernel) mountOn(file mapped) (mount, error) {
	mounts, err := k.mounts()
	if err != nil {
		return mount{}, err
	}
	var same []mount
	for _, m := range mounts {
		if m.major == file.major && m.minor == file.minor {
			same = append(same, m)
		}
	}
	if m, err := longest(same, file.file); err == nil {
		return m, nil
	}
	if len(same) > 0 {
		return same[0], nil
	}
	return mount{}, errNoMount
}

// fault is for a thread inside of a page fault. At which address the kernel does
// not tell: so what it may wait for are all files that are mapped.
func (q *inquiry) fault(r *event.Resource) error {
	q.th.What = "page fault"
	if q.freezes() {
		r.Kind, r.Name = event.OnFrozen, "a file system"
		return nil
	}
	waits := q.inside("request_wait_answer", "folio_wait_bit_common", "__folio_lock", "__folio_lock_killable", "folio_wait_bit", "migration_entry_wait_on_locked",
		"wait_on_page_bit", "wait_on_page_bit_common", "wait_on_page_bit_killable", "__lock_page", "__lock_page_killable", "__lock_page_or_retry", "io_schedule", "bit_wait_io", "swap_readpage", "swap_read_folio")
	if !waits {
		return errKernel
	}
	return q.eliminate(r, errWhichFile)
}

// eliminate finds out what a thread waits for by what it cannot wait for: of the
// file systems and devices that its process works on, those that have nothing
// to do. If not one alone is left, why says what is lacking.
func (q *inquiry) eliminate(r *event.Resource, why error) error {
	mounts, err := q.candidates()
	if err != nil {
		return err
	}
	var left *event.Resource
	for _, m := range mounts {
		fuse := q.inside("request_wait_answer")
		if fuse && !m.fuse() {
			continue
		}
		one := &event.Resource{}
		if q.onMount(m, one) != nil || one.InFlight == 0 {
			continue
		}
		if left != nil && left.Name != one.Name {
			return why
		}
		left = one
	}
	if left == nil {
		return why
	}
	*r = *left
	return nil
}

// candidates returns what a thread may wait for that waits for a file which is
// not known: the file systems of the files that are mapped and the devices that
// memory is swapped to; for a file that is being closed, all that are mounted.
func (q *inquiry) candidates() ([]mount, error) {
	mounts, err := q.mounts()
	if err != nil || q.call.by == closing {
		return mounts, err
	}
	var list []mount
	seen := map[[2]uint32]bool{}
	err = q.maps(func(file mapped) bool {
		number := [2]uint32{file.major, file.minor}
		for _, m := range mounts {
			if !seen[number] && m.major == file.major && m.minor == file.minor {
				seen[number] = true
				list = append(list, m)
			}
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(filepath.Join(q.Proc, "swaps"))
	if err != nil {
		return list, nil
	}
	for _, line := range strings.Split(string(b), "\n") {
		if f := strings.Fields(line); len(f) > 1 && f[1] == "partition" {
			list = append(list, mount{kind: "swap", source: f[0]})
		}
	}
	return list, nil
}
