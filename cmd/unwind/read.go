package unwind

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sort"

	"github.com/lifesign-go/lifesign/internal/look"
)

// readUpTo reads a file of /proc, and no more of it than limit.
func readUpTo(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}

// maxVDSO is how large the kernel's own code in a process may be. It has two
// pages.
const maxVDSO = 1 << 20

// readVDSO reads the code that the kernel puts into every process, which has no
// file.
func readVDSO(mem look.Memory, m mapping) (*image, error) {
	if m.end-m.start > maxVDSO {
		return nil, fmt.Errorf("it has %d bytes", m.end-m.start)
	}
	b := make([]byte, m.end-m.start)
	if err := look.Fill(mem, m.start, b); err != nil {
		return nil, err
	}
	return readImage(bytes.NewReader(b), m.path, nil)
}

// at returns the mapping that begins at an address.
func at(maps []mapping, start uint64) (mapping, bool) {
	i := sort.Search(len(maps), func(i int) bool { return maps[i].start >= start })
	if i == len(maps) || maps[i].start != start {
		return mapping{}, false
	}
	return maps[i], true
}
