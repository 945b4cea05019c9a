package proc

import (
	"os"
	"testing"
)

func BenchmarkProcess(b *testing.B) {
	k := Kernel{Proc: "/proc", Sys: "/sys", PID: os.Getpid()}
	for i := 0; i < b.N; i++ {
		k.Process()
	}
}

func BenchmarkThread(b *testing.B) {
	k := Kernel{Proc: "/proc", Sys: "/sys", PID: os.Getpid(), Arch: "amd64"}
	for i := 0; i < b.N; i++ {
		k.Thread(k.PID)
	}
}
