package observe

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lifesign-go/lifesign/event"
)

// command runs a command and returns what it says.
func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// loopFS mounts an ext4 file system on a loop device in a file, and
// returns the device's number and a file.
func loopFS(t *testing.T, image string) (number, file string) {
	t.Helper()
	point := filepath.Join(t.TempDir(), "point")
	command(t, "truncate", "-s", "32M", image)
	device := command(t, "losetup", "-f", "--show", image)
	t.Cleanup(func() { command(t, "losetup", "-d", device) })
	command(t, "mkfs.ext4", "-q", device)
	command(t, "mkdir", point)
	command(t, "mount", device, point)
	t.Cleanup(func() { command(t, "umount", point) })
	file = filepath.Join(point, "file")
	command(t, "touch", file)
	return command(t, "cat", filepath.Join("/sys/class/block", filepath.Base(device), "dev")), file
}

// throttle lets the process write so many bytes a second to the device.
func throttle(t *testing.T, pid int, number string, bytes int) {
	t.Helper()
	const root = "/sys/fs/cgroup/blkio"
	group, err := os.MkdirTemp(root, "lifesign-test-")
	if err != nil {
		t.Fatal(err)
	}
	set := func(file, text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0); err != nil {
			t.Fatal(err)
		}
	}
	set(filepath.Join(group, "blkio.throttle.write_bps_device"), number+" "+strconv.Itoa(bytes))
	set(filepath.Join(group, "cgroup.procs"), strconv.Itoa(pid))
	t.Cleanup(func() {
		set(filepath.Join(root, "cgroup.procs"), strconv.Itoa(pid))
		if err := os.Remove(group); err != nil {
			t.Error(err)
		}
	})
}

// A thread on a throttled disk stands with all of its counters still, as one on
// a dead disk does. Only the disk tells that it is alive: it has nothing in
// flight, or goes on completing.
func TestThrottledDiskMoves(t *testing.T) {
	number, file := loopFS(t, filepath.Join(t.TempDir(), "image"))
	s, p := hooked(t, "FSYNC="+file)
	throttle(t, p.Pid, number, 64<<10)
	g, _ := lookAt(t, s, hookedSites[10])
	stood, moved := false, false
	first, last := uint64(0), uint64(0)
	for end := time.Now().Add(60 * time.Second); !stood || !moved; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the thread stood: %v, the device moved: %v", stood, moved)
		}
		look := take(t, s, Wanted{Look: []uint64{g.ID}}).Looks[g.ID]
		th := look.Thread
		if th == nil || th.Call != "fsync" || th.State != "D" || th.Resource == nil {
			continue // between two of them
		}
		r := *th.Resource
		if !strings.HasPrefix(r.Name, "block device "+number+" (loop") || r.Err != "" {
			t.Fatalf("resource %+v, want that of %s", r, number)
		}
		stood = stood || th.Switches == last
		if last = th.Switches; first == 0 {
			first = r.Completed
		}
		moved = moved || r.Completed > first
		if r.InFlight > 64 {
			t.Errorf("%d requests in flight", r.InFlight)
		}
	}
}

// A disk that does not answer has something in flight and completes nothing.
func TestDeadDiskStands(t *testing.T) {
	image := &slowFile{fsync: open(), write: make(chan bool, 1<<20)}
	for i := 0; i < cap(image.write); i++ {
		image.write <- true
	}
	number, file := loopFS(t, slowFS(t, image))
	s, _ := hooked(t, "FSYNC="+file)
	g, _ := lookAt(t, s, hookedSites[10])
	t.Cleanup(func() { close(image.write) }) // so that it can end
	for len(image.write) > 0 {
		select {
		case <-image.write:
		default:
		}
	}
	since := time.Now()
	var before event.Thread
	for end := time.Now().Add(30 * time.Second); time.Since(since) < time.Second; time.Sleep(20 * time.Millisecond) {
		th := take(t, s, Wanted{Look: []uint64{g.ID}}).Looks[g.ID].Thread
		if th == nil || th.Resource == nil || th.Resource.InFlight == 0 || th.Switches != before.Switches || th.Resource.Completed != before.Resource.Completed {
			since = time.Now()
		}
		if th != nil && th.Resource != nil {
			before = *th
		}
		if time.Now().After(end) {
			t.Fatalf("it has not stood for a second: %+v %+v", th, before.Resource)
		}
	}
	if r := before.Resource; !strings.HasPrefix(r.Name, "block device "+number+" (loop") || before.State != "D" {
		t.Errorf("%+v %+v", before, r)
	}
}
