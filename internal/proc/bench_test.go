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

// What finding out who has what open takes, of everything that runs.
func BenchmarkPass(b *testing.B) {
	k := Kernel{Proc: "/proc", Sys: "/sys", PID: os.Getpid()}
	for i := 0; i < b.N; i++ {
		p := newPeers(nil)
		p.pass(k)
		if len(p.has) == 0 {
			b.Fatal("nobody has anything open")
		}
		if i == 0 {
			b.Logf("%d things are open, some processes were left out: %v", len(p.has), p.partial)
		}
	}
}
