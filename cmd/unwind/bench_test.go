package unwind

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// cpu reports the CPU time of an operation, which a busy machine does not change
// much.
func cpu(b *testing.B) func() {
	var from unix.Rusage
	unix.Getrusage(unix.RUSAGE_SELF, &from)
	return func() {
		var to unix.Rusage
		unix.Getrusage(unix.RUSAGE_SELF, &to)
		spent := time.Duration(to.Utime.Nano() + to.Stime.Nano() - from.Utime.Nano() - from.Stime.Nano())
		b.ReportMetric(float64(spent.Microseconds())/float64(b.N), "CPU-µs/op")
	}
}

// BenchmarkStack is a stack of eight functions, whose files have been read.
func BenchmarkStack(b *testing.B) {
	for _, mode := range []string{"outer", "sorts"} {
		for _, variant := range []string{"debug", "pointers"} {
			b.Run(variant+"/"+mode, func(b *testing.B) {
				pid, tid := start(b, variant, mode, "main")
				u := newUnwinder(b, pid)
				stack(b, u, tid)
				defer cpu(b)()
				for b.Loop() {
					if _, err := u.Thread(tid); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkFirstStack reads the files too: the program's, and the C library's.
func BenchmarkFirstStack(b *testing.B) {
	pid, tid := start(b, "debug", "outer", "main")
	stack(b, newUnwinder(b, pid), tid)
	defer cpu(b)()
	for b.Loop() {
		if _, err := newUnwinder(b, pid).Thread(tid); err != nil {
			b.Fatal(err)
		}
	}
}
