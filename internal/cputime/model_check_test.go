package cputime

import (
	"math"
	"math/rand"
	"testing"
)

// seeds is how many worlds each test makes.
const seeds = 20

// oldKernel is the case that was measured: 40 % load, and ticks that see a
// thousandth of it, as they do when a program's timers run beside them.
func oldKernel(seed int64) *world {
	return &world{adjust: independent, load: 0.4, threads: 8, churn: 0.5, seen: 0.001, rand: rand.New(rand.NewSource(seed))}
}

// TestOldKernelStandsStillAndLeaps shows what a monitor sees of it, and what is
// told here instead.
func TestOldKernelStandsStillAndLeaps(t *testing.T) {
	var zeros, samples, longest int
	peak := 0.0
	for seed := int64(1); seed <= seeds; seed++ {
		w := oldKernel(seed)
		var a Account
		a.Step(w.sample())
		run := 0
		for ran := w.ran; samples < int(seed)*300; ran = w.ran {
			w.wait(second)
			i, _ := a.Step(w.sample())
			samples++
			if run++; i.Stat > 0 {
				run = 0
			} else {
				zeros++
			}
			if run > longest {
				longest = run
			}
			peak = math.Max(peak, i.StatShare())
			truth := percent(w.ran-ran, i.To-i.From)
			if got := i.Share(); math.Abs(got-truth) > truth/100 {
				t.Fatalf("seed %d: %.2f %% is told, %.2f %% is true", seed, got, truth)
			}
		}
		if a.Total() != w.ran {
			t.Errorf("seed %d: %d ns in all, %d are true", seed, a.Total(), w.ran)
		}
	}
	part := 100 * zeros / samples
	t.Logf("of %d samples of one second %d %% read 0 %%, the longest run of them is %d s, the peak reads %.0f %%", samples, part, longest, peak)
	if part < 35 || part > 75 || longest < 10 || peak < 300 {
		t.Error("the model does not have the fault that was measured: half of the samples at 0 %, for 19 s on end, and 809 %")
	}
}

// TestFaultIsFound has the detector at the heels of the fault: it knows of it
// when a monitor shows the second sample of 0 %, if not before.
func TestFaultIsFound(t *testing.T) {
	for _, every := range []int64{second / 5, second, 5 * second} {
		for seed := int64(1); seed <= seeds; seed++ {
			w := oldKernel(seed)
			w.late = 50 * millisecond
			var a Account
			a.Step(w.sample())
			zeros, n := 0, 0
			for a.Evidence().Verdict() != Affected {
				w.wait(every)
				i, _ := a.Step(w.sample())
				if i.Stat == 0 && i.Ran >= stretch {
					zeros++
				}
				if n++; zeros > 2 || n > 1000 {
					t.Fatalf("every %d ms, seed %d: not found after %d samples, %d of them at 0 %%: %+v", every/millisecond, seed, n, zeros, a.Evidence())
				}
			}
		}
	}
}

// TestEachRuleStandsAlone has samples that only one of the rules is about.
func TestEachRuleStandsAlone(t *testing.T) {
	const ms = millisecond
	for _, test := range []struct {
		name      string
		ran, stat []int64 // of the samples
		fault     Fault   // of the last
		verdict   Verdict
	}{
		{"right", []int64{0, 100 * ms, 200 * ms, 300 * ms}, []int64{0, 90 * ms, 180 * ms, 300 * ms}, "", NotAffected},
		{"it leaps, from behind to where it should be", []int64{1000 * ms, 1010 * ms}, []int64{960 * ms, 1010 * ms}, Leaps, Affected},
		{"a step of two ticks and a little run", []int64{1000 * ms, 1010 * ms}, []int64{970 * ms, 1010 * ms}, "", CannotTell},
		{"it leaps while nothing runs", []int64{1000 * ms, 1000 * ms}, []int64{970 * ms, 1010 * ms}, Leaps, Affected},
		{"ahead from the beginning", []int64{1000 * ms, 1099 * ms}, []int64{1060 * ms, 1150 * ms}, IsAhead, Affected},
		{"ahead by the tick that it may be wrong by", []int64{1000 * ms, 1050 * ms}, []int64{1010 * ms, 1060 * ms}, "", CannotTell},
		{"stands still for less than a stretch", []int64{1000 * ms, 1099 * ms}, []int64{1000 * ms, 1000 * ms}, "", CannotTell},
		{"stands still once", []int64{1000 * ms, 1100 * ms}, []int64{1000 * ms, 1000 * ms}, StandsStill, CannotTell},
		{"stands still twice", []int64{1000 * ms, 1100 * ms, 1200 * ms}, []int64{1000 * ms, 1000 * ms, 1000 * ms}, StandsStill, Affected},
		{"far behind, which is another matter", []int64{1000 * ms, 1100 * ms, 1200 * ms, 1300 * ms}, []int64{800 * ms, 900 * ms, 1000 * ms, 1100 * ms}, "", CannotTell},
	} {
		var a Account
		var i Interval
		for n, ran := range test.ran {
			i, _ = a.Step(Sample{At: int64(n) * second, Before: ran, After: ran, Stat: test.stat[n]})
		}
		if got := a.Evidence().Verdict(); i.Fault != test.fault || got != test.verdict {
			t.Errorf("%s: fault %q, %s; want %q, %s", test.name, i.Fault, got, test.fault, test.verdict)
		}
	}
}

// TestMendedKernelIsNeverAccused runs it with everything that could deceive:
// ticks that see little, threads that come and go, a reader that is interrupted,
// many processors, samples close together and far apart.
func TestMendedKernelIsNeverAccused(t *testing.T) {
	for _, load := range []float64{0.01, 0.4, 1, 12} {
		for seed := int64(1); seed <= seeds; seed++ {
			r := rand.New(rand.NewSource(seed))
			w := &world{adjust: together, load: load, threads: 1 + r.Intn(30), churn: 20 * r.Float64(), rand: r,
				seen: []float64{0.001, 0.1, 1}[r.Intn(3)], late: 300 * millisecond}
			var a Account
			a.Step(w.sample())
			for n := 0; n < 40; n++ {
				w.wait(20*millisecond + r.Int63n(2*second))
				if i, _ := a.Step(w.sample()); i.Fault != "" {
					t.Fatalf("load %v, seed %d, sample %d: %s", load, seed, n, i.Fault)
				}
			}
			e := a.Evidence()
			if got := e.Verdict(); got == Affected || got == CannotTell && load > 0.1 {
				t.Errorf("load %v, seed %d: %s, %+v", load, seed, got, e)
			}
			if e.MostAhead > 0 {
				t.Errorf("load %v, seed %d: ahead by %d ns", load, seed, e.MostAhead)
			}
		}
	}
}

// TestThreadsAlone does without the process's clock: with threads that stay the
// figure is right, with threads that go it is a lower bound, and nobody is
// accused by it.
func TestThreadsAlone(t *testing.T) {
	for _, adjust := range []adjust{independent, together} {
		for _, churn := range []float64{0, 2} {
			w := oldKernel(1)
			w.adjust, w.churn, w.noClock = adjust, churn, true
			var a Account
			a.Step(w.sample())
			total, start := a.Total(), w.ran
			for n := 0; n < 100; n++ {
				ran := w.ran
				w.wait(second)
				i, _ := a.Step(w.sample())
				truth := w.ran - ran
				if i.Exact || i.Fault != "" {
					t.Fatalf("churn %v: %+v", churn, i)
				}
				if i.Ran > truth || churn == 0 && i.Ran < truth*99/100 || i.Ran < truth/2 {
					t.Fatalf("churn %v: %d ns told, %d are true", churn, i.Ran, truth)
				}
			}
			if got := a.Total() - total; got > w.ran-start || churn == 0 && got != w.ran-start {
				t.Errorf("churn %v: %d ns in all, %d are true", churn, got, w.ran-start)
			}
			if got := a.Evidence().Verdict(); got != CannotTell {
				t.Errorf("churn %v: %s", churn, got)
			}
		}
	}
}
