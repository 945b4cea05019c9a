package proc

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The files of real freezers: a group's own of version 2, and of version 1 where the
// machine has it, of the group and of the one above.
func TestNoticesOfFreezers(t *testing.T) {
	root, name := "/sys/fs/cgroup", fmt.Sprintf("noticetest%d", os.Getpid())
	v2 := root
	if _, err := os.Stat(filepath.Join(root, "cgroup.controllers")); err != nil {
		v2 = filepath.Join(root, "unified")
	}
	type freezer struct{ dir, watched, written, freeze, thaw string }
	cases := []freezer{{filepath.Join(v2, name), "cgroup.events", "cgroup.freeze", "1", "0"}}
	if _, err := os.Stat(filepath.Join(root, "freezer")); err == nil {
		cases = append(cases, freezer{filepath.Join(root, "freezer", name), "freezer.state", "freezer.state", "FROZEN", "THAWED"})
	}
	for _, c := range cases {
		if err := os.Mkdir(c.dir, 0o755); err != nil {
			t.Fatal(err)
		}
		defer os.Remove(c.dir)
		var n notices
		defer n.close()
		if n.count() != -1 {
			t.Errorf("%s: counted %d before anything is watched", c.watched, n.count())
		}
		n.watch([]string{filepath.Join(c.dir, c.watched)})
		if n.count() != 0 {
			t.Errorf("%s: counted %d before anything happened", c.watched, n.count())
		}
		for i, text := range []string{c.freeze, c.thaw} {
			if err := os.WriteFile(filepath.Join(c.dir, c.written), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			for until := time.Now().Add(20 * time.Second); n.count() <= int64(i); time.Sleep(time.Millisecond) {
				if time.Now().After(until) {
					t.Fatalf("%s: nothing is noticed of %q", c.watched, text)
				}
			}
		}
		seen := n.count()
		n.watch([]string{filepath.Join(c.dir, c.watched)}) // the same again
		if n.count() != seen {
			t.Errorf("%s: watched again it counts %d, before %d", c.watched, n.count(), seen)
		}
	}
}
