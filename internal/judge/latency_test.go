package judge

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"
	"time"
)

// A deadlock is told at most floor, window and two periods after it came to be,
// wherever in the period that was; and an honest second is not enough to tell
// a wait that is merely long.
func TestLatency(t *testing.T) {
	const circle = "g 1 holds r#1 on L1, waits r#2 on L1\ng 2 waits w#1 on L1"
	for _, period := range []time.Duration{50e6, 60e6, 70e6, 90e6, 100e6} {
		bound := 800*time.Millisecond + 2*period
		worst := time.Duration(0)
		r := rand.New(rand.NewSource(1))
		for try := 0; try < 200; try++ {
			p := &player{t: t, world: newWorld(), judge: New(Config{Period: period})}
			p.play("latency", sites+"g 1 holds r#1 on L1\ng 2")
			fault := r.Int63n(int64(time.Second))
			run(p, fault)
			p.play("latency", circle)
			run(p, fault+int64(2*time.Second))
			if len(p.found) != 1 {
				t.Fatalf("period %s, fault at %d: got %d findings, want 1", period, fault, len(p.found))
			}
			if took := time.Duration(p.found[0].At - fault); took > worst {
				worst = took
			}
			p.found = nil
		}
		if worst > bound {
			t.Errorf("period %s: got a deadlock told after %s, want at most %s", period, worst, bound)
		}
	}
}

func run(p *player, until int64) {
	if err := p.run("until", fmt.Sprintf("%.9f", float64(until)/1e9)); err != nil {
		p.t.Fatal(err)
	}
}

// Fifty waiters are named, in the order in which they came; of others it is
// said how many there are.
func TestManyWaiters(t *testing.T) {
	story := []string{"g 1 holds l#1 on L0, waits l#2 on L0"}
	for id := 100; id > 1; id-- {
		story = append(story, fmt.Sprintf("g %d waits l#1 on L0", id))
	}
	p := &player{t: t, world: newWorld(), judge: New(Config{})}
	p.play("many", sites+strings.Join(story, "\n"))
	run(p, 1e9)
	if len(p.found) != 1 {
		t.Fatalf("got %d findings, want 1", len(p.found))
	}
	f := p.found[0]
	p.found = nil
	if len(f.Waiters) != maxWaiters || f.Waiters[0].Goroutine != 2 || f.Waiters[49].Goroutine != 51 {
		t.Errorf("got waiters %v, want 2 to 51", ids(f.Waiters))
	}
	if last := f.Evidence[len(f.Evidence)-1].Text; last != "49 more goroutines wait there" {
		t.Errorf("got %q as the last evidence, want how many more wait", last)
	}
}
