package pause

import (
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"
)

// BenchmarkWatch tells what share of a processor a watch takes: the processor time of
// a program that does nothing but sleep, watched, less that of one that is not. On a
// loaded machine it is more, as nothing stays in the caches from one tick to the next.
func BenchmarkWatch(b *testing.B) {
	const long = 10 * time.Second
	run := func(mode string) time.Duration {
		cmd := exec.Command(os.Args[0], long.String())
		cmd.Env = append(os.Environ(), victimEnv+"="+mode)
		out, err := cmd.CombinedOutput()
		if err != nil {
			b.Fatalf("%s: %v: %s", mode, err, out)
		}
		ns, err := strconv.ParseInt(string(out), 10, 64)
		if err != nil {
			b.Fatalf("%s says %q", mode, out)
		}
		return time.Duration(ns)
	}
	var watched, idle time.Duration
	for i := 0; i < b.N; i++ {
		idle += run("idle")
		watched += run("watched")
	}
	b.ReportMetric(100*float64(watched-idle)/float64(b.N)/float64(long), "%core")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkReading is one reading of everything, as every tenth tick makes it.
func BenchmarkReading(b *testing.B) {
	g := openGauges(false)
	defer g.close()
	r := Nothing()
	g.read(&r)
	b.ReportAllocs()
	for i := 0; i < b.N; i++ {
		g.read(&r)
	}
}
