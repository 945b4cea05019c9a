package observe

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lifesign-go/lifesign/internal/clock"
	"github.com/lifesign-go/lifesign/internal/page"
)

// lowestFD is the first descriptor number the page may get in the program: 3
// and the next few are what service managers hand sockets over by.
const lowestFD = 64

// Page is a vitals page that the agent has made.
type Page struct {
	mem  []byte
	view *page.View
	file *os.File
}

// NewPage makes a page in a memory file that nobody can shrink, so that no
// reader of it can be made to fault. Its clock will be written every grain.
func NewPage(grain time.Duration) (*Page, error) {
	fd, err := unix.MemfdCreate("lifesign", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("make the vitals page: memfd_create: %w", err)
	}
	p := &Page{file: os.NewFile(uintptr(fd), "lifesign vitals page")}
	if err := p.prepare(fd, grain); err != nil {
		p.Close()
		return nil, fmt.Errorf("make the vitals page: %w", err)
	}
	return p, nil
}

func (p *Page) prepare(fd int, grain time.Duration) error {
	if err := unix.Ftruncate(fd, int64(page.Size)); err != nil {
		return fmt.Errorf("set its size: %w", err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW); err != nil {
		return fmt.Errorf("seal it: %w", err)
	}
	mem, err := unix.Mmap(fd, 0, page.Size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map it: %w", err)
	}
	p.mem = mem
	if err := page.Format(mem, uint64(grain)); err != nil {
		return err
	}
	p.view, err = page.Open(mem)
	return err
}

// AdoptPage returns the page of a process that runs already, which an agent before
// this one has made. It takes CAP_SYS_ADMIN, or CAP_CHECKPOINT_RESTORE in the first user
// namespace.
func AdoptPage(pid int) (*Page, error) {
	name, err := findPage(pid)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Open(name, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open the vitals page of process %d: %w", pid, err)
	}
	p := &Page{file: os.NewFile(uintptr(fd), "lifesign vitals page")}
	if err := p.adopt(fd); err != nil {
		p.Close()
		return nil, fmt.Errorf("open the vitals page of process %d: %w", pid, err)
	}
	return p, nil
}

// findPage returns the kernel's link to a process's page, by where it is mapped: the
// program has no descriptor of it.
func findPage(pid int) (string, error) {
	dir := fmt.Sprintf("/proc/%d/map_files", pid)
	list, err := os.ReadDir(dir)
	if err != nil {
		return "", fmt.Errorf("find the vitals page of process %d: %w", pid, err)
	}
	for _, e := range list {
		name := dir + "/" + e.Name()
		if link, err := os.Readlink(name); err == nil && link == "/memfd:lifesign (deleted)" {
			return name, nil
		}
	}
	return "", fmt.Errorf("find the vitals page of process %d: there is none, or lifesign may not look (it has to be root)", pid)
}

func (p *Page) adopt(fd int) error {
	seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	if err != nil || seals&unix.F_SEAL_SHRINK == 0 {
		return fmt.Errorf("it can be shrunk (%v)", err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("its size: %w", err)
	}
	if st.Size < int64(page.Size) {
		return fmt.Errorf("it has %d bytes, want %d: it is another lifesign's", st.Size, page.Size)
	}
	mem, err := unix.Mmap(fd, 0, page.Size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map it: %w", err)
	}
	p.mem = mem
	p.view, err = page.Open(mem)
	return err
}

// Close gives the agent's half back. The program keeps its own.
func (p *Page) Close() error {
	if p.mem != nil {
		unix.Munmap(p.mem)
		p.mem = nil
	}
	return p.file.Close()
}

// Inherit makes a descriptor of the page that a program started next inherits,
// and returns the environment variable that names it to the program. release
// must be called as soon as the program has been started.
func (p *Page) Inherit() (env string, release func(), err error) {
	fd, err := unix.FcntlInt(p.file.Fd(), unix.F_DUPFD, lowestFD)
	if err == unix.EINVAL || err == unix.EMFILE {
		// The limit of open files lies below: take what there is above the streams.
		fd, err = unix.FcntlInt(p.file.Fd(), unix.F_DUPFD, 4)
	}
	if err != nil {
		return "", nil, fmt.Errorf("hand the vitals page on: %w (raise the limit of open files, ulimit -n)", err)
	}
	return page.EnvVar + "=" + strconv.Itoa(fd), func() { unix.Close(fd) }, nil
}

// Tick writes the page's coarse clock. How often it is called is the error of
// every "since" in the page.
func (p *Page) Tick() { p.view.SetClock(clock.Monotonic()) }

// SetVerdict writes what the program can read of the watcher's verdict.
func (p *Page) SetVerdict(v page.Verdict) { p.view.SetVerdict(v) }

// WantMimics has the program's mimic checkers run, or not. A program looks when it is
// started.
func (p *Page) WantMimics(wanted bool) { p.view.WantMimics(wanted) }

// Report tells a worker that the work it has, its seq-th, is taken for dead.
func (p *Page) Report(index int, seq uint64) { p.view.Report(index, seq) }

// Packages returns how many woven packages are in the program, and how many it
// ought to have, 0 if it has not said so yet.
func (p *Page) Packages() (there, expected uint64) { return p.view.Packages() }

// PID returns the process that has claimed the page, 0 if none has yet.
func (p *Page) PID() int { return p.view.PID() }
