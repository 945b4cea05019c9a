package proc

import (
	"os"
	"testing"
)

func BenchmarkProcess(b *testing.B) {
	k := Kernel{Proc: "/proc", Sys: "/sys", PID: os.Getpid()}
	p := k.Pulse()
	defer p.Close()
	b.ReportAllocs()
	for i := 0; i < b.N; i++ {
		p.Process()
	}
}

func BenchmarkThread(b *testing.B) {
	k := Kernel{Proc: "/proc", Sys: "/sys", PID: os.Getpid(), Arch: "amd64"}
	for i := 0; i < b.N; i++ {
		k.Thread(k.PID)
	}
}
