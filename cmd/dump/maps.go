package dump

import (
	"bytes"
	"sort"
	"strconv"

	"github.com/lifesign-go/lifesign/internal/dump"
)

// mapping is a line of /proc/PID/maps.
type mapping struct {
	start, end, offset uint64
	read, write        bool
	inode              uint64
	name               string
}

// parseMaps parses /proc/PID/maps. What makes no sense is left out.
func parseMaps(b []byte) (maps []mapping) {
	for _, line := range bytes.Split(b, []byte("\n")) {
		f := bytes.Fields(line)
		if len(f) < 5 || len(f[1]) < 4 {
			continue
		}
		from, to, _ := bytes.Cut(f[0], []byte("-"))
		start, err := strconv.ParseUint(string(from), 16, 64)
		end, err2 := strconv.ParseUint(string(to), 16, 64)
		offset, err3 := strconv.ParseUint(string(f[2]), 16, 64)
		inode, err4 := strconv.ParseUint(string(f[4]), 10, 64)
		if err != nil || err2 != nil || err3 != nil || err4 != nil || start >= end {
			continue
		}
		m := mapping{start: start, end: end, offset: offset, read: f[1][0] == 'r', write: f[1][1] == 'w', inode: inode}
		if len(f) > 5 {
			m.name = string(line[bytes.Index(line, f[5]):]) // it may have blanks
		}
		maps = append(maps, m)
	}
	sort.SliceStable(maps, func(i, j int) bool { return maps[i].start < maps[j].start })
	return maps
}

// readMaps reads what the process has mapped. It may hang: it takes the lock of the
// address space.
func (t *taker) readMaps() {
	b, err := t.file("maps")
	if err != nil {
		t.miss("what it has mapped, and so memory around registers", err)
		return
	}
	t.maps = parseMaps(b)
	for _, m := range t.maps {
		if m.inode != 0 && len(m.name) > 0 && m.name[0] == '/' {
			t.d.Mappings = append(t.d.Mappings, dump.Mapping{Start: m.start, End: m.end, Offset: m.offset, File: m.name})
		}
	}
}

// after is where the first mapping is that ends beyond an address.
func (t *taker) after(addr uint64) int {
	return sort.Search(len(t.maps), func(i int) bool { return t.maps[i].end > addr })
}
