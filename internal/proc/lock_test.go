package proc

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lifesign-go/lifesign/event"
)

// lockedBy is a process 7 whose thread 8 waits for the lock of /wal, which process
// 70 has, with threads that are in the given calls and states.
func lockedBy(t *testing.T, threads ...[3]string) Kernel {
	t.Helper()
	k := world(t, "73 0x3 0x2 0x0 0x0 0x0 0x0 0x7ffc 0x45f0")
	files := map[string]string{
		"7/task/8/wchan": "locks_lock_inode_wait",
		"locks":          "1: FLOCK  ADVISORY  WRITE 70 fe:00:1 0 EOF\n1: -> FLOCK  ADVISORY  WRITE 7 fe:00:1 0 EOF\n",
		"70/stat":        "70 (holder) S 1 2 3 4 5 64 7 8 9 10 150 25 0",
		"70/fd/4":        "→/mnt/a b/f",
		"70/fdinfo/4":    "mnt_id:\t40\n",
		"70/mountinfo":   mountinfo,
	}
	for i, thread := range threads {
		dir := "70/task/7" + string(rune('0'+i))
		files[dir+"/stat"] = "7" + string(rune('0'+i)) + " (holder) " + thread[2] + " 1 2 3 4 5 64 7 8 9 10 150 25 0"
		files[dir+"/status"] = "Name:\tholder\n"
		files[dir+"/schedstat"] = "1 2 3\n"
		files[dir+"/syscall"] = thread[0] + "\n"
		files[dir+"/wchan"] = thread[1]
	}
	for name, text := range files {
		name = filepath.Join(k.Proc, name)
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
	return k
}

func TestWhatALocksHolderWaitsFor(t *testing.T) {
	sleeps := [3]string{"35 0x1 0x0 0x0 0x0 0x0 0x0 0x7ffc 0x45f0", "hrtimer_nanosleep", "S"}
	fsync := [3]string{"74 0x4 0x0 0x0 0x0 0x0 0x0 0x7ffc 0x45f0", "request_wait_answer", "S"}
	locks := [3]string{"73 0x4 0x2 0x0 0x0 0x0 0x0 0x7ffc 0x45f0", "locks_lock_inode_wait", "S"}
	runs := [3]string{"running", "0", "R"}
	for _, c := range []struct {
		name    string
		threads [][3]string
		want    event.Resource // Err: a part of it
	}{
		{"at rest", [][3]string{sleeps}, event.Resource{Name: "the lock of /wal"}},
		{"one runs", [][3]string{sleeps, runs}, event.Resource{Name: "the lock of /wal"}},
		{"stands", [][3]string{fsync}, event.Resource{Name: "the lock of /wal, whose holder waits on FUSE connection 52 at /mnt/a b", InFlight: 3}},
		{"one of two stands", [][3]string{sleeps, fsync}, event.Resource{Name: "the lock of /wal", Err: "thread 71 is in fsync(4 → /mnt/a b/f)"}},
		{"waits for a lock too", [][3]string{locks}, event.Resource{Name: "the lock of /wal", Err: "may not be at rest"}},
	} {
		k := lockedBy(t, c.threads...)
		th := event.Thread{ID: 8, State: "S", Wchan: "locks_lock_inode_wait"}
		k.wait(&th, systemCall{number: 73, args: [6]uint64{3, 2}}, nil)
		r := th.Resource
		if r == nil || r.Kind != event.OnLockFile || len(r.Holders) != 1 || r.Holders[0].PID != 70 {
			t.Errorf("%s: %+v, want the lock in the hands of process 70", c.name, r)
			continue
		}
		if r.Name != c.want.Name || r.InFlight != c.want.InFlight || !strings.Contains(r.Err, c.want.Err) || (r.Err == "") != (c.want.Err == "") {
			t.Errorf("%s: %+v, want %+v", c.name, *r, c.want)
		}
	}
}
