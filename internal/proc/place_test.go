package proc

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// A process in a hybrid hierarchy of control groups, with a FUSE file system, a
// disk, and another disk mounted over a part of it.
func TestPlaceOfAProcess(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("proc/7/cgroup", "5:memory:/app\n3:cpu,cpuacct:/app\n1:name=systemd:/app\n0::/app/one\n")
	write("proc/7/mountinfo", strings.Join([]string{
		"1 0 8:1 / / rw - ext4 /dev/sda1 rw",
		"2 1 0:52 / /data rw - fuse.hungfs hungfs rw",
		`3 2 8:17 / /data/with\040blank rw - xfs /dev/sdb1 rw`,
		"4 1 0:23 / /run rw - tmpfs tmpfs rw",
	}, "\n"))
	for _, dir := range []string{"memory/app", "cpu,cpuacct/app", "systemd/app", "unified/app/one"} {
		write("sys/fs/cgroup/"+dir+"/cgroup.procs", "")
	}
	k := Kernel{Proc: filepath.Join(root, "proc"), Sys: filepath.Join(root, "sys"), PID: 7}

	var want []string
	for _, dir := range []string{"memory/app", "cpu,cpuacct/app", "unified/app/one"} {
		want = append(want, filepath.Join(root, "sys/fs/cgroup", dir))
	}
	if got := k.GroupDirs(); !reflect.DeepEqual(got, want) {
		t.Errorf("control groups %q, want %q", got, want)
	}
	m, err := k.Mounts()
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/etc/passwd": "8:1", "/data": "fuse 52 (hungfs)", "/data/x/y": "fuse 52 (hungfs)", "/database": "8:1",
		"/data/with blank/x": "8:17", "/run/x": "tmpfs 0:23 (tmpfs)", "relative": "8:1",
	} {
		if got := m.At(path); got != want {
			t.Errorf("%s is on %q, want %q", path, got, want)
		}
	}
	for number, want := range map[[2]uint32]string{{8, 17}: "8:17", {0, 52}: "fuse 52 (hungfs)", {9, 9}: ""} {
		if got := m.Number(number[0], number[1]); got != want {
			t.Errorf("file system %v is %q, want %q", number, got, want)
		}
	}
}
