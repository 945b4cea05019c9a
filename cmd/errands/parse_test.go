package errands

import (
	"bytes"
	"encoding/binary"
	"math/rand"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestParseMarks(t *testing.T) {
	set, devices := map[mark]bool{}, map[uint64]bool{}
	parseMarks([]byte(strings.Join([]string{
		"pos:\t0", "flags:\t02000000", "mnt_id:\t15",
		"inotify wd:2 ino:7ef82a sdev:800001 mask:800afff ignored_mask:0 fhandle-bytes:8 fhandle-type:1 f_handle:2af87e00220ffd73",
		"inotify wd:1 ino:192627 sdev:800001 mask:800afff ignored_mask:0",
		"fanotify flags:10 event-flags:0",
		"fanotify ino:4f969 sdev:800002 mflags:0 mask:3b ignored_mask:40000000",
		"fanotify sdev:900000 mflags:0 mask:8 ignored_mask:0",
		"inotify wd:3 ino:what sdev:800001",
	}, "\n")), set, devices)
	want := map[mark]bool{{0x800001, 0x7ef82a}: true, {0x800001, 0x192627}: true, {0x800002, 0x4f969}: true}
	// The last one has no inode that can be read: its device is marked as a whole.
	if !reflect.DeepEqual(set, want) || !reflect.DeepEqual(devices, map[uint64]bool{0x900000: true, 0x800001: true}) {
		t.Errorf("%v and %v", set, devices)
	}
	parseMarks([]byte("fanotify mnt_id:12 mflags:0 mask:3b ignored_mask:0\n"), set, devices)
	if m := makeMarks(nil, devices); !m.has(mark{5, 5}, false) {
		t.Error("a mark on a mount does not stand for everything")
	}
	leases := map[mark]bool{}
	parseLeases([]byte("1: POSIX  ADVISORY  WRITE 7 08:01:55 0 EOF\n2: LEASE  ACTIVE    WRITE 7 fe:00:1234 0 EOF\n3: LEASE  ACTIVE    READ  8 08:01:66 0 EOF\n"), 7, leases)
	if !reflect.DeepEqual(leases, map[mark]bool{{0xfe00000, 1234}: true}) {
		t.Errorf("leases %v", leases)
	}
}

// Marks are found by bisection as they are by looking at each.
func TestMarksAreFound(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	for round := 0; round < 200; round++ {
		set := map[mark]bool{}
		for i := r.Intn(20); i > 0; i-- {
			set[mark{uint64(r.Intn(3)), uint64(r.Intn(10))}] = true
		}
		m := makeMarks(set, nil)
		for d := uint64(0); d < 3; d++ {
			for i := uint64(0); i < 10; i++ {
				if got := m.has(mark{d, i}, false); got != set[mark{d, i}] {
					t.Fatalf("%v in %v: %v", mark{d, i}, set, got)
				}
				some := set[mark{0, i}] || set[mark{1, i}] || set[mark{2, i}]
				if got := m.has(mark{d, i}, true); got != some {
					t.Fatalf("inode %d on any device of %v: %v", i, set, got)
				}
			}
		}
	}
	many := map[mark]bool{}
	for i := uint64(0); i <= maxMarks; i++ {
		many[mark{1, i}] = true
	}
	if m := makeMarks(many, nil); m.All == "" || m.equal(makeMarks(nil, nil)) {
		t.Errorf("more marks than are sent: %q", m.All)
	}
}

func FuzzMarks(f *testing.F) {
	f.Add([]byte("inotify wd:2 ino:7ef82a sdev:800001 mask:1\nfanotify mnt_id:1\n1: LEASE ACTIVE WRITE 1 08:01:5 0 EOF"))
	f.Fuzz(func(t *testing.T, text []byte) {
		set, devices := map[mark]bool{}, map[uint64]bool{}
		parseMarks(text, set, devices)
		parseLeases(text, 1, set)
		m := makeMarks(set, devices)
		if m.All == "" && len(m.Inodes) != 16*len(set) {
			t.Errorf("%d bytes of %d marks", len(m.Inodes), len(set))
		}
		for k := range set {
			if m.All == "" && !m.has(k, false) {
				t.Errorf("%v is lost", k)
			}
		}
	})
}

// What the helper gets may be no marks at all.
func TestTornMarks(t *testing.T) {
	m := &Marks{Inodes: binary.LittleEndian.AppendUint64(nil, 7)}
	if m.has(mark{7, 7}, true) {
		t.Error("half a mark is found")
	}
	if !(*Marks)(nil).equal(nil) || m.equal(nil) || (*Marks)(nil).has(mark{}, true) {
		t.Error("no marks are something")
	}
	if !m.equal(&Marks{Inodes: bytes.Clone(m.Inodes)}) || m.equal(&Marks{Devices: []uint64{1}}) {
		t.Error("equal marks differ, or others are equal")
	}
}

const status = "Name:\tx\nUid:\t1000\t1001\t1002\t1003\nGid:\t5\t6\t7\t8\nGroups:\t4 27 \nCapInh:\t00\nCapPrm:\t00000000000000c0\nCapEff:\t0\n"

func TestParseIdentity(t *testing.T) {
	got, err := parseIdentity(status)
	if want := (identity{1003, 8, []int{4, 27}, 0xc0}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	for _, bad := range []string{"", "Uid:\t1\nGid:\t1\nCapPrm:\t0\n", strings.Replace(status, "1003", "-1", 1), strings.Replace(status, "4 27", "four", 1), strings.Replace(status, "c0", "?", 1)} {
		if got, err := parseIdentity(bad); err == nil {
			t.Errorf("%q gives %+v", bad, got)
		}
	}
}

func FuzzIdentity(f *testing.F) {
	f.Add(status)
	f.Fuzz(func(t *testing.T, text string) {
		if id, err := parseIdentity(text); err != nil && !reflect.DeepEqual(id, identity{}) {
			t.Errorf("%+v beside %v", id, err)
		}
	})
}

// A story of a budget of a thousandth.
func TestBudget(t *testing.T) {
	const ms = int64(time.Millisecond)
	b := newBudget(DefaultShare, 0)
	may := func(at int64, want bool) {
		t.Helper()
		if got := b.may(at * ms); got != want {
			t.Errorf("at %d ms: %v, want %v; %d saved", at, got, want, b.saved)
		}
	}
	may(0, true)
	for i := 0; i < 4; i++ { // all that was saved up
		b.took(5*ms, 0)
	}
	may(0, false)
	may(1000, true)  // 1 ms more
	b.took(3*ms, ms) // the last one may go into debt, by what it was not charged when it began
	may(1000, false)
	may(1990, false)
	may(2010, true)
	b.took(3600_000*ms, 0) // one that has hung for an hour is no work of the disk's
	may(6_900, false)
	may(7_100, true)
	may(3600_000, true) // nothing is saved beyond the bound
	for i := 0; i < 5; i++ {
		b.took(5*ms, 0)
	}
	may(3600_000, false)
	may(0, false) // a clock that goes back
}

func TestDifference(t *testing.T) {
	data := pattern(4096)
	if d := difference(data, data); d != "" {
		t.Error(d)
	}
	got := bytes.Clone(data)
	got[812] ^= 1
	data[812], got[812] = 0x41, 0x40
	if d := difference(data, got); d != "byte 812 of 4096: 0x41 was written, 0x40 is read" {
		t.Error(d)
	}
	if d := difference(data[:10], data[:7]); d != "7 of 10 bytes are read" {
		t.Error(d)
	}
}
