package proc

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/lifesign-go/lifesign/event"
)

// What a thread waits for that says nothing of it is what is left when all that
// has nothing to do is ruled out; two that have are one too many.
func TestWhatIsLeft(t *testing.T) {
	const (
		fault   = "-1 0x7ffc 0x45f0"
		closing = "3 0x4 0x0 0x0 0x0 0x0 0x0 0x7ffc 0x45f0"
		msync   = "26 0x7f0000001800 0x1000 0x4 0x0 0x0 0x0 0x7ffc 0x45f0"
		maps    = "7f0000000000-7f0000001000 r-xp 00000000 fe:00 12 /bin/a\n7f0000001000-7f0000002000 rw-s 00000000 00:34 7 /mnt/a\\040b/file\n" +
			"7f0000003000-7f0000004000 rw-p 00000000 00:00 0 \n7f0000005000-7f0000006000 rw-s 00000000 08:11 9 /data/f\n"
		rest = "10 0 0 0 20 0 0 0 0 0 0 30 0 0 0 40 0\n"
	)
	fuse := event.Resource{Kind: event.OnFUSE, Name: "FUSE connection 52 at /mnt/a b", InFlight: 3}
	sdb := event.Resource{Kind: event.OnDevice, Name: "block device 8:17", InFlight: 3, Completed: 9}
	vda := event.Resource{Kind: event.OnDevice, Name: "block device 254:0", InFlight: 9, Completed: 100}
	quiet := map[string]string{"sys/devices/vda/stat": rest, "sys/devices/vda/inflight": "0 0\n", "sys/devices/sdb/sdb1/stat": rest}
	idle := func(more ...string) map[string]string {
		files := map[string]string{}
		for name, text := range quiet {
			files[name] = text
		}
		for i := 0; i < len(more); i += 2 {
			files[more[i]] = more[i+1]
		}
		return files
	}
	for name, test := range map[string]struct {
		call, wchan string
		files       map[string]string
		want        event.Resource // Err: a part of it
		what        string
	}{
		"a fault, FUSE alone is busy":  {fault, "folio_wait_bit_common", idle(), fuse, "page fault"},
		"a fault, a disk alone":        {fault, "folio_wait_bit_common", map[string]string{"sys/devices/vda/stat": rest, "sys/devices/vda/inflight": "0 0\n", "sys/fs/fuse/connections/52/waiting": "0\n"}, sdb, "page fault"},
		"a fault, two are busy":        {fault, "folio_wait_bit_common", nil, event.Resource{Err: "not known"}, "page fault"},
		"a fault, none is busy":        {fault, "folio_wait_bit_common", idle("sys/fs/fuse/connections/52/waiting", "0\n"), event.Resource{Err: "not known"}, "page fault"},
		"a fault in FUSE itself":       {fault, "request_wait_answer", nil, fuse, "page fault"},
		"a fault, for something else":  {fault, "rwsem_down_read_slowpath", nil, event.Resource{Err: "does not name"}, "page fault"},
		"a fault, a swap":              {fault, "swap_readpage", idle("sys/fs/fuse/connections/52/waiting", "0\n", "proc/swaps", "Filename Type Size Used Priority\n/dev/sdb1 partition 9 0 -2\n", "sys/devices/sdb/sdb1/stat", "1 0 0 0 2 0 0 0 3 0 0\n"), sdb, "page fault"},
		"a fault, a frozen disk":       {fault, "percpu_rwsem_wait", nil, event.Resource{Kind: event.OnFrozen, Name: "a file system"}, "page fault"},
		"close, one FUSE is busy":      {closing, "request_wait_answer", map[string]string{"sys/fs/fuse/connections/8388641/waiting": "0\n", "sys/fs/fuse/connections/63/waiting": "0\n"}, fuse, "close"},
		"close, two are":               {closing, "request_wait_answer", nil, event.Resource{Err: "being closed"}, "close"},
		"msync of FUSE":                {msync, "request_wait_answer", nil, fuse, "msync(/mnt/a b/file)"},
		"msync, frozen":                {msync, "percpu_rwsem_wait", nil, event.Resource{Kind: event.OnFrozen, Name: "the file system at /mnt/a b"}, "msync(/mnt/a b/file)"},
		"msync of a disk":              {strings.Replace(msync, "0x7f0000001800", "0x7f0000000000", 1), "folio_wait_bit_common", nil, vda, "msync(/bin/a)"},
		"msync of nothing":             {strings.Replace(msync, "0x7f0000001800", "0x1", 1), "folio_wait_bit_common", nil, event.Resource{}, "msync"},
		"write on what is frozen":      {"1 0x3 0x0 0x0 0x0 0x0 0x0 0x7ffc 0x45f0", "percpu_rwsem_wait", nil, event.Resource{Kind: event.OnFrozen, Name: "the file system at /"}, "write(3 → /wal)"},
		"open of what is frozen, 3.10": {"257 0xffffffffffffff9c 0x6000 0x0 0x0 0x0 0x0 0x7ffc 0x45f0", "__sb_start_write", nil, event.Resource{Kind: event.OnFrozen, Name: "the file system at /win"}, "openat(/win)"},
	} {
		k := world(t, test.call)
		k.Read = paths
		root := filepath.Dir(k.Proc)
		files := map[string]string{"proc/7/maps": maps, "proc/7/task/8/wchan": test.wchan}
		for name, text := range test.files {
			files[name] = text
		}
		for name, text := range files {
			name = filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
				t.Fatal(err)
			}
			overwrite(t, name, text)
		}
		overwrite(t, filepath.Join(k.Sys, "devices/sdb/sdb1/dev"), "8:17\n")
		th := k.Thread(8)
		r := event.Resource{}
		if th.Resource != nil {
			r = *th.Resource
		}
		if r.Err == errNotCounted.Error() && r.Kind == event.OnFrozen {
			r.Err = "" // that is what Thread says of it
		}
		why := r.Err
		if r.Err = test.want.Err; th.What != test.what || !reflect.DeepEqual(r, test.want) || !strings.Contains(why, test.want.Err) || (why == "") != (test.want.Err == "") {
			t.Errorf("%s: %q on %+v, %q\nwant %q on %+v", name, th.What, r, why, test.what, test.want)
		}
	}
}

// That an owner is no more is a proof: it takes a kernel that tells what threads
// call themselves, and a mutex that is no other process's.
func TestOwnersThatAreGone(t *testing.T) {
	const switches = "voluntary_ctxt_switches:\t40\nnonvoluntary_ctxt_switches:\t2\n"
	for name, test := range map[string]struct {
		status string
		kind   byte
		want   []event.Task
		err    string
	}{
		"an owner that is gone":       {"NSpid:\t7\n", 0, []event.Task{{PID: 7, TID: 99, State: stateGone}}, ""},
		"in another namespace, gone":  {"NSpid:\t7\t1\n", 0, nil, "not all threads could be asked"}, // thread 8 does not tell
		"before Linux 4.1":            {"", 0, nil, "NSpid"},
		"shared":                      {"NSpid:\t7\n", kindShared, nil, "is gone, or is in another PID namespace"},
		"shared in another namespace": {"NSpid:\t7\t1\n", kindShared, nil, "not all threads could be asked"},
	} {
		k := world(t, "202 0x1000 0x0 0x2 0x0 0x0 0x0 0x7ffc 0x45f0")
		k.Read = func(_ uint64, buf []byte) error {
			copy(buf, []byte{0: 2, 8: 99, 12: 1, 16: test.kind, 39: 0})
			return nil
		}
		overwrite(t, k.path("status"), test.status+switches)
		th := k.Thread(8)
		r := th.Resource
		if r == nil || r.Kind != event.OnMutex || r.Name != "the mutex at 0x1000" || !reflect.DeepEqual(r.Holders, test.want) || !strings.Contains(r.Err, test.err) {
			t.Errorf("%s: %+v, want %+v, %q", name, r, test.want, test.err)
		}
	}
}
