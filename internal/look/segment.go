package look

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// What of <elf.h> and of the auxiliary vector is needed.
const (
	auxPhdr, auxPhent, auxPhnum = 3, 4, 5
	phdrSize, elfHeaderSize     = 56, 64
	maxPhdrs                    = 256
)

// Data returns where the process pid keeps its variables: the writable segments
// of its executable, as its own memory describes them. proc is /proc.
func Data(proc string, pid int, m Memory) ([]Range, error) {
	aux, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "auxv"))
	if err != nil {
		return nil, fmt.Errorf("find the program's data: %w", err)
	}
	v := auxiliary(aux)
	if v[auxPhdr] == 0 || v[auxPhent] != phdrSize || v[auxPhnum] == 0 || v[auxPhnum] > maxPhdrs {
		return nil, fmt.Errorf("find the program's data: the kernel has left no program headers that make sense")
	}
	headers := make([]byte, v[auxPhnum]*phdrSize)
	if err := Fill(m, v[auxPhdr], headers); err != nil {
		return nil, fmt.Errorf("find the program's data: %w", err)
	}
	return writable(headers, v[auxPhdr]), nil
}

// auxiliary parses an auxiliary vector of a 64-bit process: pairs of words.
func auxiliary(b []byte) map[uint64]uint64 {
	v := map[uint64]uint64{}
	for ; len(b) >= 16; b = b[16:] {
		v[at(b, 0)] = at(b, 8)
	}
	return v
}

// writable returns the writable segments that program headers describe, which
// lie in memory at addr.
func writable(headers []byte, addr uint64) []Range {
	var data []Range
	bias := uint64(0)
	for ; len(headers) >= phdrSize; headers = headers[phdrSize:] {
		kind, flags := binary.LittleEndian.Uint32(headers), binary.LittleEndian.Uint32(headers[4:])
		off, vaddr, size := at(headers, 8), at(headers, 16), at(headers, 40)
		switch {
		case elf.ProgType(kind) == elf.PT_PHDR:
			bias = addr - vaddr
		case elf.ProgType(kind) == elf.PT_LOAD && off == 0:
			bias = addr - elfHeaderSize - vaddr // the headers follow the file's
		}
		if elf.ProgType(kind) == elf.PT_LOAD && elf.ProgFlag(flags)&elf.PF_W != 0 {
			data = append(data, Range{vaddr, size})
		}
	}
	for i := range data {
		data[i].Addr += bias
	}
	return data
}
