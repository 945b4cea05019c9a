//go:build aix || darwin || dragonfly || freebsd || linux || netbsd || openbsd || solaris

package hook

import (
	"syscall"

	"github.com/lifesign-go/lifesign/internal/page"
)

func unmap(mem []byte) { syscall.Munmap(mem) }

func closePage(fd int) { syscall.Close(fd) }

// mapPage maps the page in descriptor fd, nil if there is none in it. What is
// not a page is left alone: the descriptor may be the program's own.
func mapPage(fd int) []byte {
	var magic [len(page.Magic)]byte
	if n, err := syscall.Pread(fd, magic[:], 0); err != nil || n != len(magic) || string(magic[:]) != page.Magic {
		return nil
	}
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil || st.Size < int64(page.Size) || st.Size > 1<<30 {
		return nil
	}
	mem, err := syscall.Mmap(fd, 0, int(st.Size), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return nil
	}
	return mem
}

// ownMemory returns zeroed memory that costs nothing until it is touched.
func ownMemory(size int) []byte {
	mem, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil
	}
	return mem
}
