package proc

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/lifesign-go/lifesign/event"
)

// inGroups is a process 7 in control groups of both versions.
func inGroups(t *testing.T, files map[string]string) Kernel {
	all := map[string]string{
		"proc/7/stat":   "7 (a) S 1 2 3 4 5 64 7 8 9 10 150 25 0",
		"proc/7/cgroup": "4:blkio:/b\n3:cpu,cpuacct:/c/d\n2:freezer:/f\n1:name=systemd:/s\n0::/u/v\n",
	}
	for name, text := range files {
		all[name] = text
	}
	root := tree(t, all)
	return Kernel{Proc: root + "/proc", Sys: root + "/sys", PID: 7, Arch: "amd64"}
}

func TestProcessInItsGroups(t *testing.T) {
	const cg = "sys/fs/cgroup/"
	for name, test := range map[string]struct {
		files map[string]string
		want  event.Process
	}{
		"none":                        {nil, event.Process{}},
		"frozen, version 1":           {map[string]string{cg + "freezer/f/freezer.state": "FROZEN\n"}, event.Process{Paused: "frozen by its control group"}},
		"thawed, version 1":           {map[string]string{cg + "freezer/f/freezer.state": "THAWED\n"}, event.Process{}},
		"frozen, version 2":           {map[string]string{cg + "u/v/cgroup.events": "populated 1\nfrozen 1\n"}, event.Process{Paused: "frozen by its control group"}},
		"frozen, hybrid":              {map[string]string{cg + "unified/u/v/cgroup.events": "populated 1\nfrozen 1\n"}, event.Process{Paused: "frozen by its control group"}},
		"a quota, version 1":          {map[string]string{cg + "cpu,cpuacct/c/d/cpu.cfs_quota_us": "5000\n", cg + "cpu,cpuacct/c/d/cpu.stat": "nr_periods 9\nnr_throttled 4\nthrottled_time 5\n"}, event.Process{Throttled: 4}},
		"a quota above, version 1":    {map[string]string{cg + "cpu/c/cpu.cfs_quota_us": "5000\n", cg + "cpu/c/cpu.stat": "nr_throttled 5\n", cg + "cpu/c/d/cpu.cfs_quota_us": "-1\n", cg + "cpu/c/d/cpu.stat": "nr_throttled 77\n"}, event.Process{Throttled: 5}},
		"a quota, version 2":          {map[string]string{cg + "u/cpu.max": "5000 100000\n", cg + "u/v/cpu.max": "max 100000\n", cg + "u/cpu.stat": "usage_usec 1\nnr_periods 8\nnr_throttled 6\nthrottled_usec 7\n"}, event.Process{Throttled: 6}},
		"no quota, version 2":         {map[string]string{cg + "u/v/cpu.max": "max 100000\n", cg + "u/v/cpu.stat": "nr_throttled 6\n"}, event.Process{}},
		"a quota that is not counted": {map[string]string{cg + "u/v/cpu.max": "5000 100000\n"}, event.Process{}},
	} {
		test.want.RanNS = 1_750_000_000
		pulse := inGroups(t, test.files).Pulse()
		if got := pulse.Process(); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
		pulse.Close()
	}
}

// A limit counts if it is one of what the call does, on its device or that one's
// disk; what a group was served moves.
func TestLimitsOfDevices(t *testing.T) {
	const cg = "sys/fs/cgroup/"
	one := map[string]string{
		cg + "blkio/b/blkio.throttle.write_bps_device":  "8:16 1048576\n8:32 7\n",
		cg + "blkio/b/blkio.throttle.write_iops_device": "8:16 20\n",
		cg + "blkio/b/blkio.throttle.read_bps_device":   "8:16 4096\n",
		cg + "blkio/b/blkio.throttle.io_serviced":       "8:16 Read 3\n8:16 Write 40\n8:16 Total 43\nTotal 43\n",
	}
	two := map[string]string{
		cg + "u/io.max":    "8:16 rbps=max wbps=1048576 riops=max wiops=max\n8:32 rbps=1 wbps=1 riops=1 wiops=1\n",
		cg + "u/v/io.max":  "8:16 rbps=2097152 wbps=max riops=max wiops=120\n",
		cg + "u/v/io.stat": "8:16 rbytes=1 wbytes=2 rios=5 wios=7 dbytes=0 dios=9\n8:32 rbytes=1 wbytes=2 rios=100 wios=100 dbytes=0 dios=0\n",
	}
	for name, test := range map[string]struct {
		files  map[string]string
		call   string
		limits string
		served uint64
	}{
		"version 1, write":  {one, "fsync", "its control group may have 1048576 bytes written and 20 writes a second", 43},
		"version 1, read":   {one, "pread64", "its control group may have 4096 bytes read a second", 43},
		"version 2, write":  {two, "write", "its control group may have 120 writes and 1048576 bytes written a second", 12},
		"version 2, read":   {two, "read", "its control group may have 2097152 bytes read a second", 12},
		"no limit":          {nil, "write", "", 0},
		"another device":    {map[string]string{cg + "blkio/b/blkio.throttle.write_bps_device": "8:32 7\n"}, "write", "", 0},
		"what is no number": {map[string]string{cg + "u/v/io.max": "8:16 wbps=x\n"}, "write", "", 0},
	} {
		k := inGroups(t, test.files)
		files := map[string]string{"sys/devices/sdb/dev": "8:16\n", "sys/devices/sdb/sdb1/dev": "8:17\n", "sys/devices/sdb/sdb1/partition": "1\n"}
		for name, text := range files {
			name = filepath.Join(filepath.Dir(k.Sys), name)
			if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.MkdirAll(filepath.Join(k.Sys, "dev", "block"), 0o777); err != nil {
			t.Fatal(err)
		}
		for number, dir := range map[string]string{"8:16": "sdb", "8:17": "sdb/sdb1"} {
			if err := os.Symlink("../../devices/"+dir, filepath.Join(k.Sys, "dev", "block", number)); err != nil {
				t.Fatal(err)
			}
		}
		for _, number := range []string{"8:16", "8:17"} {
			q := inquiry{Kernel: k, th: &event.Thread{}, call: call{name: test.call}}
			if limits, served := q.throttle(number); limits != test.limits || served != test.served {
				t.Errorf("%s, %s: %q, %d, want %q, %d", name, number, limits, served, test.limits, test.served)
			}
		}
	}
}

func TestNode(t *testing.T) {
	const psi = "some avg10=12.50 avg60=0.00 avg300=0.00 total=5\nfull avg10=3.25 avg60=0.00 avg300=0.00 total=0\n"
	files := map[string]string{
		"sys/kernel/oops_count": "2\n", "proc/sys/kernel/tainted": "4224\n", "proc/sys/kernel/hung_task_detect_count": "3\n",
		"proc/pressure/cpu": psi, "proc/pressure/memory": psi, "proc/pressure/io": psi,
	}
	root := tree(t, files)
	want := event.Node{Oopses: 2, Died: true, Hung: 3, CPU: 12.5, Memory: 3.25, IO: 3.25}
	if got := (Kernel{Proc: root + "/proc", Sys: root + "/sys"}).Node(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	// An old kernel.
	root = tree(t, map[string]string{"proc/sys/kernel/tainted": "0\n", "proc/pressure/cpu": "nonsense", "proc/pressure/io": "full avg10=NaN\n"})
	got := (Kernel{Proc: root + "/proc", Sys: root + "/sys"}).Node()
	for _, lacks := range []string{"oopses: not counted", "hung tasks: not counted", "pressure of memory: not counted", "pressure of cpu: it has no line of some", "pressure of io: it says"} {
		if !strings.Contains(got.Err, lacks) {
			t.Errorf("%q does not say %q", got.Err, lacks)
		}
	}
	if got.Err = ""; !reflect.DeepEqual(got, event.Node{CPU: -1, Memory: -1, IO: -1}) {
		t.Errorf("%+v", got)
	}
}

func TestLocksThatAreListed(t *testing.T) {
	const text = `1: FLOCK  ADVISORY  WRITE 100 08:02:7 0 EOF
1: -> FLOCK  ADVISORY  WRITE 200 08:02:7 0 EOF
1:  -> FLOCK  ADVISORY  WRITE 201 08:02:7 0 EOF
2: POSIX  ADVISORY  WRITE 101 08:02:8 0 9
2: -> POSIX  ADVISORY  WRITE 200 08:02:8 5 5
3: OFDLCK ADVISORY  READ  -1 08:02:9 0 EOF
3: -> OFDLCK ADVISORY  WRITE -1 08:02:9 0 EOF
4: LEASE  BREAKING  READ  102 08:02:10 0 EOF
what makes no sense
5: POSIX  ADVISORY
`
	for name, test := range map[string]struct {
		pid  int
		file string
		want []int
	}{
		"one waits":         {200, "08:02:7", []int{100}},
		"behind another":    {201, "08:02:7", []int{100}},
		"part of a file":    {200, "08:02:8", []int{101}},
		"of an open file":   {-1, "08:02:9", []int{-1}},
		"nobody":            {200, "08:02:9", nil},
		"who has it":        {100, "08:02:7", nil},
		"any file of its":   {200, "", []int{100, 101}},
		"who waits nowhere": {300, "", nil},
	} {
		var got []int
		for _, l := range blockers(text, func(l lockLine) bool { return l.pid == test.pid && (test.file == "" || l.file == test.file) }) {
			got = append(got, l.pid)
		}
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

func TestMutexesThatAreNone(t *testing.T) {
	for name, test := range map[string]struct {
		m  mutexText
		ok bool
	}{
		"plain":                    {mutexText{2, 0, 100, 1, 0, 0, [2]uint64{}}, true},
		"with waiting conditions":  {mutexText{2, 0, 100, 9, 0, 0, [2]uint64{}}, true},
		"recursive":                {mutexText{2, 5, 100, 1, recursive, 0, [2]uint64{}}, true},
		"adaptive":                 {mutexText{2, 0, 100, 1, adaptive, 30, [2]uint64{}}, true},
		"eliding":                  {mutexText{2, 0, 100, 1, kindElides, 3 << 16, [2]uint64{}}, true},
		"robust":                   {mutexText{2, 0, 100, 1, kindRobust, 0, [2]uint64{1, 2}}, true},
		"counted and plain":        {mutexText{2, 5, 100, 1, 0, 0, [2]uint64{}}, false},
		"no owner":                 {mutexText{2, 0, 0, 1, 0, 0, [2]uint64{}}, false},
		"a negative owner":         {mutexText{2, 0, -1, 1, 0, 0, [2]uint64{}}, false},
		"an owner beyond all":      {mutexText{2, 0, maxTID + 1, 1, 0, 0, [2]uint64{}}, false},
		"no users":                 {mutexText{2, 0, 100, 0, 0, 0, [2]uint64{}}, false},
		"a kind that there is not": {mutexText{2, 0, 100, 1, 4, 0, [2]uint64{}}, false},
		"something behind it":      {mutexText{2, 0, 100, 1, 0, 0, [2]uint64{0, 1}}, false},
		"spins and plain":          {mutexText{2, 0, 100, 1, 0, 1, [2]uint64{}}, false},
	} {
		if got := test.m.plausible(); got != test.ok {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"0100007F:1F90":                         "127.0.0.1:8080",
		"00000000000000000000000001000000:0050": "[::1]:80",
		"0000000000000000FFFF00000100007F:0050": "127.0.0.1:80",
		"B80D0120000000000000000001000000:01BB": "[2001:db8::1]:443",
	} {
		if got, ok := address(text); got != want || !ok {
			t.Errorf("%s is %q, want %q", text, got, want)
		}
	}
	for _, text := range []string{"", "0100007F", "0100007F:", "0100007F:10000", "0100007:50", "X100007F:0050"} {
		if got, ok := address(text); ok {
			t.Errorf("%q is %q", text, got)
		}
	}
}

func FuzzResources(f *testing.F) {
	for _, text := range []string{
		"1: -> FLOCK  ADVISORY  WRITE 200 08:02:7 0 EOF", "00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/a b\\012",
		"   1: 0100007F:1F90 0200007F:0050 01 00000010:00000002 01:00000018 00000003  0 0 12345 2 0000000000000000",
		"0000000000000000: 00000002 00000000 00010000 0001 01 24683 /run/x", "0000 0 0 0 0 0 0 2 0 77", "flags:\t02\nmnt_id:\t5\nino:\t7\nlock:\t1: FLOCK ADVISORY WRITE 5 08:02:7 0 EOF\ntotal:\t3",
		"8:16 rbps=2097152 wbps=max riops=max wiops=120", "some avg10=12.50 avg60=0.00", "nr_throttled 6", "[<0>] a+0x1/0x2",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if l, ok := parseLock(text); ok && (l.pid < -1 || l.id == "") {
			t.Errorf("%+v", l)
		}
		blockers(text, func(lockLine) bool { return true })
		parseMapped(text)
		parseFdinfo([]byte(text))
		parseIOMax(text, "8:16")
		parseThrottled(text)
		if p, err := parsePressure([]byte(text), "some"); err == nil && !(p >= 0 && p <= 100) {
			t.Errorf("pressure %v", p)
		}
		for _, n := range nets {
			if s, ok := n.parse(text); ok && s.name() == "" {
				t.Errorf("%+v", s)
			}
		}
		if m, ok := parseMutex([]byte(text)); ok && (m.owner <= 0 || m.owner > maxTID) {
			t.Errorf("%+v", m)
		}
	})
}

// A connection moves when its peer does something, not when its own process does.
func TestConnectionsThatMove(t *testing.T) {
	q := inquiry{seen: newPeers(nil)}
	for i, step := range []struct {
		what                    string
		sent, came, retransmits uint64
		moved                   uint64
	}{
		{"as it was found", 100, 0, 0, 0}, {"nothing", 100, 0, 0, 0}, {"the process sends", 150, 0, 0, 0}, {"it is sent again", 150, 0, 3, 0},
		{"an acknowledgement", 50, 0, 3, 1}, {"nothing", 50, 0, 3, 1}, {"an acknowledgement, and as much is sent", 50, 0, 0, 2},
		{"something comes", 50, 10, 0, 3}, {"it is read", 50, 0, 0, 4},
	} {
		if got := q.moved(&sock{inode: 7, sent: step.sent, came: step.came, retransmits: step.retransmits}); got != step.moved {
			t.Errorf("step %d, %s: moved %d times, want %d", i, step.what, got, step.moved)
		}
	}
	if got := q.moved(&sock{inode: 8, sent: 1}); got != 0 {
		t.Errorf("another one has moved %d times", got)
	}
}
