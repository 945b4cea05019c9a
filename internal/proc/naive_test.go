package proc

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The naive twins of the parsers: what one would write at first.

func naiveSchedstat(text string) (s schedstatText, err error) {
	f := strings.Fields(text)
	if len(f) < 3 {
		return s, fmt.Errorf("%d fields", len(f))
	}
	ran, err1 := strconv.ParseInt(f[0], 10, 64)
	waited, err2 := strconv.ParseInt(f[1], 10, 64)
	slices, err3 := strconv.ParseUint(f[2], 10, 64)
	if err1 != nil || err2 != nil || err3 != nil {
		return s, fmt.Errorf("no figures")
	}
	return schedstatText{ran, waited, slices}, nil
}

func naiveStat(text string) (s statText, err error) {
	i, j := strings.Index(text, "("), strings.LastIndex(text, ")")
	if i < 0 || j < i {
		return s, fmt.Errorf("no name")
	}
	f := strings.Fields(text[j+1:])
	field := func(n int) int64 {
		if n-3 >= len(f) {
			return 0
		}
		v, e := strconv.ParseInt(f[n-3], 10, 64)
		if e != nil {
			err = e
		}
		return v
	}
	if len(f) < 13 || len(f[0]) != 1 {
		return s, fmt.Errorf("%d fields", len(f))
	}
	s = statText{
		comm: []byte(text[i+1 : j]), state: f[0][0], parent: int(field(4)), group: int(field(5)), flags: uint64(field(9)), faults: uint64(field(12)),
		user: uint64(field(14)), system: uint64(field(15)), nice: int(field(19)), threads: int(field(20)), policy: int(field(41)), exit: int(field(52)),
	}
	return s, err
}

func naiveStatus(text string) (s statusText, err error) {
	value := map[string]string{}
	for _, line := range strings.Split(text, "\n") {
		if name, v, ok := strings.Cut(line, ":"); ok {
			value[name] = strings.TrimSpace(v)
		}
	}
	num := func(name string) uint64 {
		v, e := strconv.ParseUint(value[name], 10, 64)
		if e != nil {
			err = e
		}
		return v
	}
	s.own, s.forced = num("voluntary_ctxt_switches"), num("nonvoluntary_ctxt_switches")
	if _, ok := value["Tgid"]; ok {
		s.process = int(num("Tgid"))
	}
	if _, ok := value["PPid"]; ok {
		s.parent = int(num("PPid"))
	}
	if ids := strings.Fields(value["NSpid"]); len(ids) > 0 {
		s.nested = len(ids) > 1
		s.inner, _ = strconv.Atoi(ids[len(ids)-1])
	}
	for _, line := range strings.Split(text, "\n") {
		name, v, _ := strings.Cut(line, ":")
		mask, e := strconv.ParseUint(strings.TrimPrefix(strings.TrimSpace(v), "0x"), 16, 64)
		if (name == "SigPnd" || name == "ShdPnd") && e == nil && mask&0x100 != 0 {
			s.killed = true
		}
	}
	return s, err
}

func naiveSyscall(text string) (c systemCall, err error) {
	f := strings.Fields(text)
	c.number = -1
	if len(f) > 0 && f[0] == "running" {
		c.runs = true
		return c, nil
	}
	if len(f) != 3 && len(f) != 9 {
		return c, fmt.Errorf("%d fields", len(f))
	}
	if c.number, err = strconv.ParseInt(f[0], 10, 64); err != nil {
		return c, err
	}
	for i, s := range f[1:] {
		n, err := strconv.ParseUint(strings.TrimPrefix(s, "0x"), 16, 64)
		if err != nil {
			return c, err
		}
		if i < 6 && len(f) == 9 {
			c.args[i] = n
		}
		c.pc = n
	}
	return c, nil
}

func naiveIO(text string) (read, wrote uint64, err error) {
	found := map[string]uint64{}
	for _, line := range strings.Split(text, "\n") {
		name, v, _ := strings.Cut(line, ":")
		if n, e := strconv.ParseUint(strings.TrimSpace(v), 10, 64); e == nil {
			found[name] = n
		}
	}
	read, ok1 := found["read_bytes"]
	wrote, ok2 := found["write_bytes"]
	if !ok1 || !ok2 {
		err = fmt.Errorf("lacks a line")
	}
	return read, wrote, err
}

func naiveStack(text string) (names []string) {
	for _, line := range strings.Split(text, "\n") {
		if f := strings.Fields(line); len(f) > 1 && strings.HasPrefix(line, "[") && strings.Contains(f[1], "+") {
			names = append(names, strings.SplitN(f[1], "+", 2)[0])
		}
	}
	return names
}

// twins checks a file's text with both parsers. What the fast one takes, the
// naive one takes too, and finds the same.
func twins(t *testing.T, f file, text string) (taken bool) {
	t.Helper()
	same := func(fast, naive interface{}, err, nerr error) bool {
		if err == nil && (nerr != nil || fmt.Sprintf("%+v", fast) != fmt.Sprintf("%+v", naive)) {
			t.Errorf("%s %q:\n%+v, %v\n%+v, %v", fileNames[f], text, fast, err, naive, nerr)
		}
		return err == nil
	}
	b := []byte(text)
	switch f {
	case fileSchedstat:
		x, err := parseSchedstat(b)
		y, nerr := naiveSchedstat(text)
		return same(x, y, err, nerr)
	case fileStat:
		x, err := parseStat(b)
		y, nerr := naiveStat(text)
		return same(x, y, err, nerr)
	case fileStatus:
		x, err := parseStatus(b)
		y, nerr := naiveStatus(text)
		return same(x, y, err, nerr)
	case fileSyscall:
		x, err := parseSyscall(b)
		y, nerr := naiveSyscall(text)
		return same(x, y, err, nerr)
	case fileIO:
		r, w, err := parseIO(b)
		nr, nw, nerr := naiveIO(text)
		return same([]uint64{r, w}, []uint64{nr, nw}, err, nerr)
	case fileStack:
		var names []string
		for _, line := range bytes.Split(b, []byte("\n")) {
			if name := parseStackLine(line); name != nil {
				names = append(names, string(name))
			}
		}
		return same(names, naiveStack(text), nil, nil)
	}
	return true
}

func TestTwinsAgreeOnEveryKernel(t *testing.T) {
	for _, f := range []file{fileSchedstat, fileStat, fileStatus, fileSyscall, fileIO, fileStack} {
		names, err := filepath.Glob("testdata/*/7/task/8/" + fileNames[f])
		if err != nil || len(names) < 5 {
			t.Fatalf("%v: %v", names, err)
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if !twins(t, f, string(b)) {
				t.Errorf("%s is not understood", name)
			}
		}
	}
}

// What the kernel writes now, of everything that runs here.
func TestTwinsAgreeOnWhatRuns(t *testing.T) {
	taken := map[file]int{}
	for _, f := range []file{fileSchedstat, fileStat, fileStatus, fileSyscall, fileIO, fileStack} {
		names, _ := filepath.Glob("/proc/[0-9]*/task/[0-9]*/" + fileNames[f])
		for _, name := range names {
			if b, err := os.ReadFile(name); err == nil && len(b) > 0 {
				if !twins(t, f, string(b)) {
					t.Errorf("%s is not understood: %q", name, b)
				}
				taken[f]++
			}
		}
		if taken[f] == 0 {
			t.Errorf("no %s was read", fileNames[f])
		}
	}
}

func fuzz(f *testing.F, which file) {
	names, _ := filepath.Glob("testdata/*/7/task/8/" + fileNames[which])
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, c := range text {
			if c > 126 || c < 32 && c != '\n' && c != '\t' { // package strings knows more white space
				return
			}
		}
		twins(t, which, text)
	})
}

func FuzzSchedstat(f *testing.F) { fuzz(f, fileSchedstat) }
func FuzzStat(f *testing.F)      { fuzz(f, fileStat) }
func FuzzStatus(f *testing.F)    { fuzz(f, fileStatus) }
func FuzzSyscall(f *testing.F)   { fuzz(f, fileSyscall) }
func FuzzIO(f *testing.F)        { fuzz(f, fileIO) }
func FuzzStack(f *testing.F)     { fuzz(f, fileStack) }

// Parsers of what is read at every look allocate nothing, errors included.
func TestParsersAllocateNothing(t *testing.T) {
	for _, kernel := range []string{"3.10", "4.15", "5.10", "6.1", "6.18"} {
		for _, f := range []file{fileSchedstat, fileStat, fileStatus, fileSyscall, fileIO, fileStack} {
			b, err := os.ReadFile(filepath.Join("testdata", kernel, "7/task/8", fileNames[f]))
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range [][]byte{b, b[:len(b)/2], nil} {
				text := text
				if n := testing.AllocsPerRun(10, func() {
					switch f {
					case fileSchedstat:
						parseSchedstat(text)
					case fileStat:
						parseStat(text)
					case fileStatus:
						parseStatus(text)
					case fileSyscall:
						parseSyscall(text)
					case fileIO:
						parseIO(text)
					case fileStack:
						for rest := text; len(rest) > 0; {
							var line []byte
							line, rest = nextLine(rest)
							parseStackLine(line)
						}
					}
				}); n != 0 {
					t.Errorf("%s of %s, %d bytes: %v allocations", fileNames[f], kernel, len(text), n)
				}
			}
		}
	}
}
