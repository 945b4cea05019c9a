package observe

import (
	"os"
	"testing"
)

func BenchmarkProcess(b *testing.B) {
	k := kernel{proc: "/proc", cgroup: "/sys/fs/cgroup", pid: os.Getpid()}
	for i := 0; i < b.N; i++ {
		k.process()
	}
}
