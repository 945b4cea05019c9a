package gen_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lifesign-go/lifesign/event"
)

// inspector is the file that is added to the woven capturerace: it asks for
// what passes of the region are given, and looks whether it is what was given.
// The arguments are the ordinals of the region, of WriteAt, Stat and Write.
const inspector = `package main

import (
	"fmt"
	"time"

	hook "github.com/lifesign-go/lifesign/hook"
)

func init() {
	inspect = func(j *journal) {
		region, writeAt, stat, write := lsbase+%d, lsbase+%d, lsbase+%d, lsbase+%d
		wrong, seen, end := 0, map[hook.Site]int{}, time.Now().Add(5 * time.Minute)
		for pass := 0; pass < 100; pass++ {
			p := hook.Arm(region, []hook.Site{writeAt, stat, write})
			list, over := p.Captures()
			for ; !over && time.Now().Before(end); list, over = p.Captures() {
				time.Sleep(100 * time.Microsecond)
			}
			p.Disarm()
			for _, c := range list {
				seen[c.Site()]++
				if !right(j, c, c.Site() == stat, c.Site() == writeAt) { wrong++ }
			}
		}
		// A goroutine that finds another one asking goes on without, so that any may be missing of a pass.
		fmt.Println(seen[writeAt] > 0, seen[stat] > 0, seen[write] > 0, "wrong:", wrong)
	}
}

func right(j *journal, c *hook.Capture, isStat, isWriteAt bool) bool {
	if isStat { return len(c.Texts()) == 1 && c.Texts()[0] == j.name && c.Value() == nil }
	if isWriteAt && (c.Value() != any(j.f) || len(c.Numbers()) != 1) { return false }
	if !isWriteAt { return c.Value() != nil }
	for _, b := range c.Data() {
		if b != byte(c.Numbers()[0]/block) { return false }
	}
	return c.Size() == block && len(c.Data()) == block
}
`

// Under the race detector, and under load, what is captured is what was given.
func TestCapturesUnderLoad(t *testing.T) {
	w, woven := woven(t), wovenModule(t)
	region, ops := -1, make(map[string]int)
	for _, p := range w.model.Packages {
		if p.Path != "golden/capturerace" {
			continue
		}
		for _, f := range p.Files {
			for _, s := range f.Sites {
				switch {
				case s.Kind == event.Region && s.Func == "(*worker).run":
					region = s.Ordinal
				case s.Deed != "":
					ops[s.Object] = s.Ordinal
				}
			}
		}
	}
	writeAt, stat, write := ops["(*os.File).WriteAt"], ops["os.Stat"], ops["(net.Conn).Write"]
	if region < 0 || writeAt == 0 || stat == 0 || write == 0 {
		t.Fatalf("region %d, operations %v", region, ops)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(woven)); err != nil {
		t.Fatal(err)
	}
	added := fmt.Appendf(nil, inspector, region, writeAt, stat, write)
	if err := os.WriteFile(filepath.Join(dir, "capturerace", "inspect.go"), added, 0o666); err != nil {
		t.Fatal(err)
	}
	out := goRun(t, dir, "run", "-race", "./capturerace")
	if got, want := strings.TrimSpace(out), "true true true wrong: 0"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
