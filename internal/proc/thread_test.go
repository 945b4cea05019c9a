package proc

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// tree writes files, by name, and links, whose text begins with an arrow, below
// a directory of their own.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		var err error
		if to := strings.TrimPrefix(text, "→"); to != text {
			err = os.Symlink(to, name)
		} else {
			err = os.WriteFile(name, []byte(text), 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

const mountstats = `device rootfs mounted on / with fstype rootfs
device srv:/x mounted on /net with fstype nfs4 statvers=1.1
	opts:	rw,vers=4.2
	xprt:	tcp 0 0 2 0 11 100 90 0 500 0 2 5 5
	xprt:	tcp 0 0 2 0 11 30 30 0 500 0 2 5 5
	per-op statistics
	        NULL: 1 1 0 44 24 0 0 0
device srv:/y mounted on /idle with fstype nfs statvers=1.1
	xprt:	tcp 0 0 2 0 11 7 7 0 500 0 2 5 5
device srv:/z mounted on /none with fstype nfs statvers=1.1
	xprt:	local 0 0 2 0 11 7 7
`

const mountinfo = `21 28 0:20 / /proc rw,relatime shared:5 - proc proc rw
28 1 254:0 / / rw,relatime - ext4 /dev/root rw,discard
40 28 0:52 / /mnt/a\040b rw,nosuid - fuse.rawBridge go-fuse rw,user_id=0
41 28 0:53 / /srv rw - btrfs /dev/sdb1 rw,space_cache
42 28 0:54 / /tmp rw - tmpfs tmpfs rw
43 28 8:17 /sub /data rw - xfs /dev/sdb1 rw
44 28 8:18 / /data rw - xfs /dev/sdb2 rw
45 28 8:33 / /win rw - fuseblk /dev/sdc1 rw
46 28 0:60 / /net rw - nfs4 srv:/x rw,vers=4.2
47 28 0:61 / /idle rw - nfs srv:/y rw,vers=3
48 28 0:62 / /none rw - nfs srv:/z rw,vers=3
49 28 0:63 / /bare rw - fuse.other other rw
50 28 0:6 / /dev rw - devtmpfs devtmpfs rw
51 28 0:70 / /box rw - overlay overlay rw,lowerdir=/l1:/l2,upperdir=/over/a\040b/diff,workdir=/over/w
52 28 0:71 / /lost rw - overlay overlay rw,lowerdir=/l1:/l2,upperdir=/nested/diff,workdir=/nested/w
a line that makes no sense
`

// ownMountinfo is what is mounted where lifesign is: outside of the container whose
// file systems are overlays.
const ownMountinfo = `1 0 254:0 / / rw - ext4 /dev/root rw
2 1 8:17 / /over rw - xfs /dev/sdb1 rw
3 1 0:72 / /nested rw - overlay overlay rw,lowerdir=/x,upperdir=/y
`

// world is a process 7 whose thread 8 is in the system call of each test.
func world(t *testing.T, call string) Kernel {
	const stat = "8 (a) b) D 1 2 3 4 5 64 7 8 9 10 150 25 0"
	files := map[string]string{
		"proc/7/task/8/stat":                      stat,
		"proc/7/task/8/schedstat":                 "123456789 5 6\n",
		"proc/7/task/8/status":                    "Name:\ta\nvoluntary_ctxt_switches:\t40\nnonvoluntary_ctxt_switches:\t2\n",
		"proc/7/task/8/wchan":                     "request_wait_answer",
		"proc/7/task/8/syscall":                   call + "\n",
		"proc/7/mountstats":                       mountstats,
		"proc/7/fdinfo/10":                        "mnt_id:\t46\n",
		"proc/7/fdinfo/11":                        "mnt_id:\t47\n",
		"proc/7/fdinfo/12":                        "mnt_id:\t48\n",
		"proc/7/fdinfo/13":                        "mnt_id:\t49\n",
		"proc/7/mountinfo":                        mountinfo,
		"proc/self/mountinfo":                     ownMountinfo,
		"proc/7/fdinfo/20":                        "mnt_id:\t51\n",
		"proc/7/fd/20":                            "→/box/f",
		"proc/7/fdinfo/21":                        "mnt_id:\t52\n",
		"proc/7/fd/21":                            "→/lost/f",
		"proc/7/cwd":                              "→/mnt/a b/c",
		"proc/7/fdinfo/3":                         "pos:\t0\nflags:\t02\nmnt_id:\t28\nino:\t1\n",
		"proc/7/fdinfo/4":                         "pos:\t0\nmnt_id:\t40\n",
		"proc/7/fdinfo/5":                         "pos:\t0\nmnt_id:\t41\n",
		"proc/7/fdinfo/6":                         "pos:\t0\nmnt_id:\t42\n",
		"proc/7/fdinfo/7":                         "pos:\t0\nmnt_id:\t14\n",
		"proc/7/fdinfo/8":                         "pos:\t0\nmnt_id:\t43\n",
		"proc/7/fdinfo/9":                         "pos:\t0\n",
		"proc/7/fd/7":                             "→pipe:[4711]",
		"proc/7/fd/3":                             "→/wal",
		"proc/7/fd/4":                             "→/mnt/a b/f",
		"proc/7/fd/5":                             "→/srv/f",
		"proc/7/fd/6":                             "→/tmp/f",
		"proc/7/fd/8":                             "→/data/f",
		"proc/7/fd/9":                             "→/old",
		"proc/7/fd/10":                            "→/net/f",
		"proc/7/fd/11":                            "→/idle/f",
		"proc/7/fd/12":                            "→/none/f",
		"proc/7/fd/13":                            "→/bare/f",
		"proc/7/fd/14":                            "→/dev/sdb1",
		"proc/7/fdinfo/14":                        "mnt_id:\t50\n",
		"sys/fs/fuse/connections/52/waiting":      "3\n",
		"sys/fs/fuse/connections/8388641/waiting": "1\n",
		"sys/devices/vda/stat":                    "10 0 0 0 20 0 0 0 5 0 0 30 0 0 0 40 0\n",
		"sys/devices/vda/inflight":                "       2        7\n",
		"sys/devices/sdb/stat":                    "1000 0 0 0 1000 0 0 0 0 0 0 1000 0 0 0 6 0\n",
		"sys/devices/sdb/sdb1/stat":               "1 0 0 0 2 0 0 0 3 0 0\n",
		"sys/devices/sdb/sdb1/partition":          "1\n",
		"sys/devices/sdb/sdb1/dev":                "8:17\n",
		"sys/devices/sdb/dev":                     "8:16\n",
		"sys/dev/block/8:16":                      "→../../devices/sdb",
		"sys/dev/block/254:0":                     "→../../devices/vda",
		"sys/dev/block/8:17":                      "→../../devices/sdb/sdb1",
		"sys/dev/block/8:18":                      "→../../devices/sdb/sdb2",
		"sys/class/block/sdb1":                    "→../../devices/sdb/sdb1",
	}
	root := tree(t, files)
	return Kernel{Proc: root + "/proc", Sys: root + "/sys", PID: 7, Arch: "amd64"}
}

func TestThread(t *testing.T) {
	for name, test := range map[string]struct {
		call     string
		number   int64
		callName string
		resource event.Resource // Err: a part of it
	}{
		"fsync on a disk":        {"74 0x3 0x0 0x0 0x0 0x0 0x0 0x7ffc 0x45f0", 74, "fsync", event.Resource{Kind: event.OnDevice, Name: "block device 254:0", InFlight: 9, Completed: 100}},
		"write on FUSE":          {"1 0x4 0xc000 0x5 0x0 0x0 0x0 0x7ffc 0x45f0", 1, "write", event.Resource{Kind: event.OnFUSE, Name: "FUSE connection 52 at /mnt/a b", InFlight: 3}},
		"pread on btrfs":         {"17 0x5 0x0 0x0 0x0 0x0 0x0 0x7ffc 0x45f0", 17, "pread64", event.Resource{Kind: event.OnDevice, Name: "block device 8:17", InFlight: 3, Completed: 9}},
		"write on a partition":   {"1 0x8 0x0 0x0 0x0 0x0 0x0 0x7ffc 0x45f0", 1, "write", event.Resource{Kind: event.OnDevice, Name: "block device 8:17", InFlight: 3, Completed: 9}},
		"read of a device":       {"0 0xe 0x0 0x0 0x0 0x0 0x0 0x7ffc 0x45f0", 0, "read", event.Resource{Kind: event.OnDevice, Name: "block device 8:17", InFlight: 3, Completed: 9}},
		"write on an overlay":    {"1 0x14 0x0 0x0 0x0 0x0 0x0 0x7ffc 0x45f0", 1, "write", event.Resource{Kind: event.OnDevice, Name: "block device 8:17", InFlight: 3, Completed: 9}},
		"an overlay from within": {"1 0x15 0x0 0x0 0x0 0x0 0x0 0x7ffc 0x45f0", 1, "write", event.Resource{Name: "the overlay file system at /lost", Err: "counts nothing"}},
		"write in memory":        {"1 0x6 0x0 0x0 0x0 0x0 0x0 0x7ffc 0x45f0", 1, "write", event.Resource{Name: "the tmpfs file system at /tmp", Err: "counts nothing"}},
		"read of a pipe":         {"0 0x7 0x0 0x0 0x0 0x0 0x0 0x7ffc 0x45f0", 0, "read", event.Resource{Kind: event.OnPipe, Name: "pipe:[4711]", Err: "counts nothing"}},
		"read of what is closed": {"0 0x63 0x0 0x0 0x0 0x0 0x0 0x7ffc 0x45f0", 0, "read", event.Resource{Err: "fd/99"}},
		"an old kernel":          {"0 0x9 0x0 0x0 0x0 0x0 0x0 0x7ffc 0x45f0", 0, "read", event.Resource{Name: "/old", Err: "no mount"}},
		"copy_file_range":        {"326 0x3 0x0 0x4 0x0 0x0 0x0 0x7ffc 0x45f0", 326, "copy_file_range", event.Resource{Kind: event.OnFUSE, Name: "FUSE connection 52 at /mnt/a b", InFlight: 3}},
		"openat":                 {"257 0xffffffffffffff9c 0x1000 0x0 0x0 0x0 0x0 0x7ffc 0x45f0", 257, "openat", event.Resource{Kind: event.OnFUSE, Name: "FUSE connection 52 at /mnt/a b", InFlight: 3}},
		"openat below":           {"257 0xffffffffffffff9c 0x2000 0x0 0x0 0x0 0x0 0x7ffc 0x45f0", 257, "openat", event.Resource{Kind: event.OnFUSE, Name: "FUSE connection 52 at /mnt/a b", InFlight: 3}},
		"openat of a directory":  {"257 0x4 0x2000 0x0 0x0 0x0 0x0 0x7ffc 0x45f0", 257, "openat", event.Resource{Kind: event.OnFUSE, Name: "FUSE connection 52 at /mnt/a b", InFlight: 3}},
		"open of a hidden mount": {"2 0x3000 0x0 0x0 0x0 0x0 0x0 0x7ffc 0x45f0", 2, "open", event.Resource{Kind: event.OnDevice, Name: "block device 8:18", Err: "8:18/stat"}},
		"a path at no address":   {"2 0x4000 0x0 0x0 0x0 0x0 0x0 0x7ffc 0x45f0", 2, "open", event.Resource{Err: "no memory"}},
		"a path without an end":  {"2 0x5000 0x0 0x0 0x0 0x0 0x0 0x7ffc 0x45f0", 2, "open", event.Resource{Err: "without an end"}},
		"fuse on a device":       {"2 0x6000 0x0 0x0 0x0 0x0 0x0 0x7ffc 0x45f0", 2, "open", event.Resource{Kind: event.OnFUSE, Name: "FUSE connection 8388641 at /win", InFlight: 1}},
		"write on NFS":           {"1 0xa 0x0 0x0 0x0 0x0 0x0 0x7ffc 0x45f0", 1, "write", event.Resource{Kind: event.OnNFS, Name: "the NFS file system at /net from srv:/x", InFlight: 10, Completed: 120}},
		"read on NFS at rest":    {"0 0xb 0x0 0x0 0x0 0x0 0x0 0x7ffc 0x45f0", 0, "read", event.Resource{Kind: event.OnNFS, Name: "the NFS file system at /idle from srv:/y", Completed: 7}},
		"NFS by other means":     {"0 0xc 0x0 0x0 0x0 0x0 0x0 0x7ffc 0x45f0", 0, "read", event.Resource{Kind: event.OnNFS, Name: "the NFS file system at /none from srv:/z", Err: "counts nothing"}},
		"FUSE without control":   {"74 0xd 0x0 0x0 0x0 0x0 0x0 0x7ffc 0x45f0", 74, "fsync", event.Resource{Kind: event.OnFUSE, Name: "FUSE connection 63 at /bare", InFlight: 1}},
		"futex":                  {"202 0x4 0x0 0x0 0x0 0x0 0x0 0x7ffc 0x45f0", 202, "futex", event.Resource{Kind: event.OnFutex, Name: "the futex at 0x4", Err: "no memory"}},
		"a call without a name":  {"999 0x4 0x0 0x0 0x0 0x0 0x0 0x7ffc 0x45f0", 999, "", event.Resource{}},
		"no call":                {"-1 0x7ffc 0x45f0", -1, "", event.Resource{Err: "/maps"}},
		"running":                {"running", -1, "", event.Resource{}},
	} {
		k := world(t, test.call)
		k.Read = paths
		got := k.Thread(8)
		resource := got.Resource
		if !strings.HasPrefix(got.What, test.callName) {
			t.Errorf("%s: in %q", name, got.What)
		}
		got.Resource, got.What = nil, ""
		want := event.Thread{
			ID: 8, Depth: event.DepthState, Comm: "a) b", State: "D", Syscall: test.number, Call: test.callName, Wchan: "request_wait_answer",
			Switches: 42, Forced: 2, RanNS: 123456789, WaitedNS: 5, Slices: 6, UserNS: 1500 * 1e6, SystemNS: 250 * 1e6, Faults: 9, Fault: name == "no call",
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
		if resource == nil {
			resource = &event.Resource{}
		}
		same := *resource
		if same.Err = test.resource.Err; !reflect.DeepEqual(same, test.resource) || !strings.Contains(resource.Err, test.resource.Err) || (resource.Err == "") != (test.resource.Err == "") {
			t.Errorf("%s: %+v, want %+v", name, *resource, test.resource)
		}
	}
}

// paths is a memory with a path at some addresses.
func paths(addr uint64, buf []byte) error {
	for i := range buf {
		buf[i] = 'x'
	}
	text, ok := map[uint64]string{0x1000: "/mnt/a b/x", 0x2000: "../d", 0x3000: "/data/y", 0x6000: "/win"}[addr]
	switch {
	case ok:
		copy(buf, text+"\x00")
	case addr < 0x5000:
		return errors.New("no memory")
	}
	return nil
}

func TestThreadsThatCannotBeAsked(t *testing.T) {
	for name, spoil := range map[string]string{
		"it is gone":            "",
		"its name has no end":   "stat",
		"schedstat is empty":    "schedstat",
		"status lacks switches": "status",
	} {
		k := world(t, "-1 0x7ffc 0x45f0")
		tid := 9
		if spoil != "" {
			tid = 8
			if err := os.WriteFile(k.path("task", "8", spoil), nil, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if got := k.Thread(tid); got.Err == "" || got.Syscall != -1 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	k := world(t, "74 0x4 0x0 0x0 0x0 0x0 0x0 0x7ffc 0x45f0")
	if err := os.RemoveAll(filepath.Join(k.Sys, "fs")); err != nil {
		t.Fatal(err)
	}
	for wchan, want := range map[string]string{"request_wait_answer": "", "folio_wait_bit_common": "mount -t fusectl"} {
		if err := os.WriteFile(k.path("task", "8", "wchan"), []byte(wchan), 0o666); err != nil {
			t.Fatal(err)
		}
		r := k.Thread(8).Resource
		if r == nil || !strings.Contains(r.Err, want) || (r.Err == "") != (want == "") || (r.InFlight == 1) != (want == "") {
			t.Errorf("in %s, without fusectl: %+v", wchan, r)
		}
	}
}

// A call that the client could not send is in flight.
func TestNFSThatCannotBeReached(t *testing.T) {
	k := world(t, "0 0xb 0x0 0x0 0x0 0x0 0x0 0x7ffc 0x45f0")
	if err := os.WriteFile(k.path("task", "8", "wchan"), []byte("rpc_wait_bit_killable"), 0o666); err != nil {
		t.Fatal(err)
	}
	if r := k.Thread(8).Resource; r == nil || r.InFlight != 1 || r.Completed != 7 || r.Err != "" {
		t.Errorf("%+v", r)
	}
}

func TestOwnThread(t *testing.T) {
	k := Kernel{Proc: "/proc", Sys: "/sys", PID: os.Getpid(), Arch: "amd64"}
	if got := k.Thread(k.PID); got.Err != "" || got.State == "" || got.Switches == 0 {
		t.Errorf("%+v", got)
	}
}

func TestPatientGivesUp(t *testing.T) {
	p := NewPatient(Kernel{}, 20*time.Millisecond)
	hang := make(chan bool)
	p.read = func(tid int) event.Thread {
		if tid < 100 {
			<-hang
		}
		return event.Thread{ID: tid}
	}
	if got := p.Thread(100); got.Err != "" {
		t.Errorf("one that answers: %+v", got)
	}
	for i := 0; i < maxHanging; i++ {
		if got := p.Thread(i); got.Err == "" || got.ID != i {
			t.Errorf("one that hangs: %+v", got)
		}
	}
	if got := p.Thread(100); !strings.Contains(got.Err, "earlier") {
		t.Errorf("one while %d hang: %+v", maxHanging, got)
	}
	close(hang)
	for end := time.Now().Add(30 * time.Second); p.Thread(100).Err != ""; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody is asked any more although nobody hangs")
		}
	}
}

// The two architectures have the same calls, but for those that one lacks.
func TestCallsAreTheSameEverywhere(t *testing.T) {
	byName := map[string]map[string]call{}
	for arch, list := range calls {
		byName[arch] = map[string]call{}
		for _, c := range list {
			if _, twice := byName[arch][c.name]; twice {
				t.Errorf("%s is there twice for %s", c.name, arch)
			}
			byName[arch][c.name] = c
		}
	}
	old := map[string]bool{
		"open": true, "epoll_wait": true, "lstat": true, "unlink": true, "select": true, "stat": true, "getdents": true, "rmdir": true, "creat": true,
		"mkdir": true, "readlink": true, "access": true, "pause": true, "rename": true, "poll": true, "fork": true, "vfork": true,
	}
	for name, c := range byName["amd64"] {
		if other := byName["arm64"][name]; other != c && !old[name] {
			t.Errorf("%s: %+v and %+v", name, c, other)
		}
	}
	if got, want := len(byName["arm64"]), len(byName["amd64"])-len(old); got != want {
		t.Errorf("%d calls for arm64, want %d", got, want)
	}
}

func FuzzParsers(f *testing.F) {
	f.Add([]byte(mountinfo))
	f.Add([]byte(mountstats))
	f.Add([]byte("74 0x3 0x0 0x0 0x0 0x0 0x0 0x7ffc 0x45f0"))
	f.Add([]byte("10 0 0 0 20 0 0 0 5 0 0 30 0 0 0 40 0"))
	f.Add([]byte("voluntary_ctxt_switches:\t40\nnonvoluntary_ctxt_switches:\t2\n"))
	f.Add([]byte("pos:\t0\nmnt_id:\t40\n"))
	f.Add([]byte("2 7"))
	f.Fuzz(func(t *testing.T, b []byte) {
		parseSchedstat(b)
		parseBlockStat(b)
		parseInflight(b)
		parseFdinfo(b)
		parseMountstats(b, "/net")
		var mounts []mount
		for _, line := range strings.Split(string(b), "\n") {
			if m, ok := parseMount(line); ok {
				mounts = append(mounts, m)
			}
		}
		if m, err := longest(mounts, "/a/b"); err == nil && !below("/a/b", m.point) {
			t.Errorf("/a/b is not below %q", m.point)
		}
		k := Kernel{Read: func(addr uint64, buf []byte) error { copy(buf, b); return nil }}
		if s, err := k.text(binary.LittleEndian.Uint64(append(b, 0, 0, 0, 0, 0, 0, 0, 0))); err == nil && len(s) > maxPath+256 {
			t.Errorf("a path of %d bytes", len(s))
		}
	})
}

// TestWhoIsAboutToEnd: a thread of a process that is being killed has SIGKILL
// pending, and once it has taken that, flags that say so. Nobody who is about to end
// shows that its process lives on.
func TestWhoIsAboutToEnd(t *testing.T) {
	for flags, want := range map[string]bool{
		"4194368": false, // as after a fork
		"4194372": true,  // exits
		"4195392": true,  // was killed
		"4194816": true,  // writes a core dump
		"4194312": true,  // waits until that is written
	} {
		s, err := parseStat([]byte("8 (a) S 1 2 3 4 5 " + flags + " 7 8 9 10 150 25 0 0 20 0 1 0 0"))
		if err != nil || s.ends() != want {
			t.Errorf("flags %s: ends %v, %v, want %v", flags, s.ends(), err, want)
		}
		var a answers
		for f := range a {
			a[f].err = os.ErrPermission
		}
		a[fileStat] = answer{text: []byte("8 (a) S 1 2 3 4 5 " + flags + " 7 8 9 10 150 25 0 0 20 0 1 0 0")}
		th := event.Thread{}
		if a.state(&th, "amd64", &memo{}); th.Killed != want {
			t.Errorf("flags %s: killed %v, want %v", flags, th.Killed, want)
		}
	}
}
