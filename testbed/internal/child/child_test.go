package child

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestStopEndsTheGroup(t *testing.T) {
	tests := []struct {
		name, script string
	}{
		{"obedient", `sleep 60 & echo $! > "$1"; wait`},
		{"deaf to SIGTERM", `trap '' TERM; sleep 60 & echo $! > "$1"; wait`},
		{"gone before its child", `sleep 60 & echo $! > "$1"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "pid")
			p, err := Start(exec.Command("sh", "-c", tt.script, "sh", name))
			if err != nil {
				t.Fatal(err)
			}
			grandchild := waitForPID(t, name)
			p.Stop(100 * time.Millisecond)
			deadline := time.Now().Add(5 * time.Second)
			for alive(grandchild) && time.Now().Before(deadline) {
				time.Sleep(5 * time.Millisecond)
			}
			if alive(grandchild) {
				t.Errorf("process %d of the group is alive after Stop", grandchild)
			}
		})
	}
}

func TestStartOfNothing(t *testing.T) {
	if _, err := Start(exec.Command("./nosuchprogram")); err == nil {
		t.Error("Start of a program that does not exist succeeds")
	}
}

func waitForPID(t *testing.T, name string) int {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for time.Now().Before(deadline) {
		if data, err := os.ReadFile(name); err == nil && strings.HasSuffix(string(data), "\n") {
			pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("the child did not start its own child")
	return 0
}

// alive reports whether a process runs; one that waits for its parent to take
// notice of its end does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}
