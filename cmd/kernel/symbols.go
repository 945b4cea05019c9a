package kernel

import (
	"bufio"
	"io"
	"os"
	"sort"
	"strconv"
	"strings"
)

// symbols are the names of the kernel's functions; what modules bring later has
// none. Once they are loaded they may be used concurrently.
type symbols struct {
	address []uint64 // ascending
	names   []string
}

// load takes some 100 ms of CPU time.
func (s *symbols) load() {
	f, err := os.Open("/proc/kallsyms")
	if err != nil {
		return // addresses will do
	}
	defer f.Close()
	s.read(f)
}

// name returns the function at an address, or the address.
func (s *symbols) name(address uint64) string {
	// A return address is behind the call, which may be the function's last.
	i := sort.Search(len(s.address), func(i int) bool { return s.address[i] >= address }) - 1
	if i < 0 || address-s.address[i] > maxFunction {
		return "0x" + strconv.FormatUint(address, 16)
	}
	return s.names[i]
}

// maxFunction is more than a function of the kernel has bytes.
const maxFunction = 1 << 17

// read takes lines of "address type name [module]". Where addresses are hidden
// (kernel.kptr_restrict) they are all 0, and nothing has a name.
func (s *symbols) read(r io.Reader) {
	type symbol struct {
		address uint64
		name    string
	}
	var list []symbol
	in := bufio.NewScanner(r)
	for in.Scan() {
		f := strings.Fields(in.Text())
		if len(f) < 3 || !strings.Contains("tTwW", f[1]) {
			continue
		}
		if address, err := strconv.ParseUint(f[0], 16, 64); err == nil && address != 0 {
			list = append(list, symbol{address, strings.Clone(f[2])})
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].address < list[j].address })
	for _, one := range list {
		s.address, s.names = append(s.address, one.address), append(s.names, one.name)
	}
}
