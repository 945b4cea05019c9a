package unwind

import (
	"bytes"
	"sort"
	"strconv"
	"strings"
)

// mapping is a stretch of a process's memory, as /proc/PID/maps tells it. It is
// comparable: equal ones are the same file at the same place.
type mapping struct {
	start, end uint64
	offset     uint64 // in the file
	exec       bool
	device     string
	inode      uint64
	path       string // of the file, or a name in brackets, or ""; newlines as the kernel escapes them
}

// maxMappings is the most that the kernel allows by default
// (vm.max_map_count), twice.
const maxMappings = 2 * 65530

// parseMaps returns the mappings that matter for code: executable ones, and
// beginnings of files. They are in the order of their addresses. Lines that make
// no sense are left out.
func parseMaps(b []byte) []mapping {
	var maps []mapping
	for len(b) > 0 && len(maps) < maxMappings {
		line, rest, _ := bytes.Cut(b, []byte{'\n'})
		b = rest
		if m, ok := parseMapping(string(line)); ok && (m.exec || m.offset == 0 && m.inode != 0) {
			maps = append(maps, m)
		}
	}
	sort.Slice(maps, func(i, j int) bool { return maps[i].start < maps[j].start })
	return maps
}

func parseMapping(line string) (m mapping, ok bool) {
	var f [5]string
	for i := range f {
		if f[i], line, ok = strings.Cut(line, " "); !ok && i < len(f)-1 {
			return m, false
		}
	}
	from, to, _ := strings.Cut(f[0], "-")
	var errs [4]error
	m.start, errs[0] = strconv.ParseUint(from, 16, 64)
	m.end, errs[1] = strconv.ParseUint(to, 16, 64)
	m.offset, errs[2] = strconv.ParseUint(f[2], 16, 64)
	m.inode, errs[3] = strconv.ParseUint(f[4], 10, 64)
	for _, err := range errs {
		if err != nil {
			return m, false
		}
	}
	m.exec = len(f[1]) > 2 && f[1][2] == 'x'
	m.device = f[3]
	m.path = strings.TrimLeft(line, " ")
	return m, m.start < m.end
}

// mappingOf returns the executable mapping that has addr.
func mappingOf(maps []mapping, addr uint64) (mapping, bool) {
	i := sort.Search(len(maps), func(i int) bool { return maps[i].end > addr })
	if i == len(maps) || addr < maps[i].start || !maps[i].exec {
		return mapping{}, false
	}
	return maps[i], true
}

// beginning returns where the file of m begins in memory: the mapping of its
// first page that is next below m, or m itself.
func beginning(maps []mapping, m mapping) (addr uint64, ok bool) {
	for i := sort.Search(len(maps), func(i int) bool { return maps[i].start > m.start }) - 1; i >= 0; i-- {
		if c := maps[i]; c.offset == 0 && c.inode == m.inode && c.device == m.device && c.path == m.path {
			return c.start, true
		}
	}
	return 0, false
}

// name returns the path as the file system has it.
func (m mapping) name() string {
	return strings.ReplaceAll(strings.TrimSuffix(m.path, " (deleted)"), `\012`, "\n")
}
