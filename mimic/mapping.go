package mimic

import (
	"bytes"
	"io"
	"os"
	"strconv"
	"strings"
)

// maxMaps bounds what is read to find the file of a mapping: some ten thousand of them.
const maxMaps = 1 << 20

// mappedAt returns the name of the file that is mapped into the program's memory at an
// address, "" if none is or it was deleted. Who has unmapped it and mapped another one
// there gets the name of that.
func mappedAt(addr uintptr) string {
	f, err := os.Open("/proc/self/maps")
	if err != nil {
		return ""
	}
	defer f.Close()
	return mappingIn(io.LimitReader(f, maxMaps), uint64(addr))
}

// mappingIn finds it in a list like (proc_pid_maps(5)):
//
//	7f6c0d400000-7f6c0d600000 rw-s 00000000 fe:00 1184     /data/000001.mem
//
// In names a newline is \012.
func mappingIn(maps io.Reader, addr uint64) string {
	list, _ := io.ReadAll(maps) // of what cannot be read as far as it was
	for len(list) > 0 {
		line := string(list)
		if end := bytes.IndexByte(list, '\n'); end >= 0 {
			line, list = string(list[:end]), list[end+1:]
		} else {
			list = nil
		}
		dash := strings.IndexByte(line, '-')
		blank := strings.IndexByte(line, ' ')
		if dash < 0 || blank < dash {
			continue
		}
		from, err1 := strconv.ParseUint(line[:dash], 16, 64)
		to, err2 := strconv.ParseUint(line[dash+1:blank], 16, 64)
		if err1 != nil || err2 != nil || addr < from || addr >= to {
			continue
		}
		slash := strings.IndexByte(line, '/')
		if slash < 0 || strings.HasSuffix(line, " (deleted)") {
			return ""
		}
		return strings.Replace(line[slash:], "\\012", "\n", -1)
	}
	return ""
}
