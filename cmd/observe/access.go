package observe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/lifesign-go/lifesign/internal/proc"
)

// part is something that the kernel tells of a process to some and not to all.
type part struct {
	file string // below /proc/PID
	what string // is not known without it
	need string // what it takes
}

const traceRight = "the right to trace it: its own user, with /proc/sys/kernel/yama/ptrace_scope at 0, or root with CAP_SYS_PTRACE"

var parts = []part{
	{"syscall", "the system calls its threads are in, and what these work on", traceRight},
	{"stack", "where in the kernel its threads are", "root with CAP_SYS_ADMIN, and the right to trace it"},
	{"io", "whether its threads read and write", "its own user, or root with CAP_SYS_PTRACE"},
	{"fd", "its open files, pipes and sockets", "its own user, or root with CAP_SYS_PTRACE"},
	{"auxv", "the kernel functions its threads sleep in", "its own user, or root with CAP_SYS_PTRACE"}, // wchan just says 0 to others
}

// accessPatience is how long all questions of Unseen may take. They take a
// millisecond; for a process in the middle of an exec some may hang.
const accessPatience = 200 * time.Millisecond

// Unseen says what cannot be seen of the process, and why: an item each, none if
// all can be.
func (p *Process) Unseen() []string {
	var list []string
	if !proc.Ask(func() { list = p.unseen() }).Wait(accessPatience) {
		return []string{fmt.Sprintf("what may be seen of it: the kernel has not told in %v", accessPatience)}
	}
	return list
}

func (p *Process) unseen() []string {
	var list []string
	for _, part := range parts {
		err := probe(filepath.Join(p.kernel.Proc, strconv.Itoa(p.PID), part.file))
		switch {
		case errors.Is(err, fs.ErrPermission):
			list = append(list, fmt.Sprintf("%s: this needs %s", part.what, part.need))
		case errors.Is(err, fs.ErrNotExist):
			list = append(list, fmt.Sprintf("%s: this kernel has no /proc/PID/%s", part.what, part.file))
		case err != nil:
			list = append(list, fmt.Sprintf("%s: %v", part.what, err))
		}
	}
	if at := vdso(p.kernel); at != 0 {
		if err := p.kernel.Read(at, make([]byte, 8)); err != nil {
			list = append(list, fmt.Sprintf("its memory, and so who holds the locks its threads wait for: %v; this needs %s", err, traceRight))
		}
	}
	return list
}

// probe reads a little of a file, or of a directory.
func probe(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() { // of /proc, which does not hang
		_, err = f.Readdirnames(1)
		return eofIsFine(err)
	}
	_, err = f.Read(make([]byte, 64))
	return eofIsFine(err)
}

func eofIsFine(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// vdso returns an address in the process's memory that is always there, 0 if
// none is known: that of the code that the kernel puts into every process.
func vdso(k proc.Kernel) uint64 {
	b := auxv(k)
	const sysinfoEhdr = 33 // AT_SYSINFO_EHDR, uapi/linux/auxvec.h
	for ; len(b) >= 16; b = b[16:] {
		if binary.NativeEndian.Uint64(b) == sysinfoEhdr {
			return binary.NativeEndian.Uint64(b[8:])
		}
	}
	return 0
}

// wordSize is 4 for a program of 32 bits and 8 for others, and if it is not
// known. The first word of the auxiliary vector is a small number; what a program
// of 32 bits has in its place are two.
func wordSize(k proc.Kernel) int {
	if b := auxv(k); len(b) >= 8 && binary.NativeEndian.Uint64(b)>>32 != 0 {
		return 4
	}
	return 8
}

// auxv reads the auxiliary vector, which the kernel keeps beside the program's
// memory; nil if it may not be read, or not in time.
func auxv(k proc.Kernel) []byte {
	var b []byte
	h := proc.Ask(func() {
		text, err := os.ReadFile(filepath.Join(k.Proc, strconv.Itoa(k.PID), "auxv"))
		if err == nil {
			b = text
		}
	})
	if !h.Wait(accessPatience) {
		return nil
	}
	return b
}
