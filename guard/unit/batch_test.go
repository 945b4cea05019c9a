package unit

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"
)

// TestUnitsHaveTheirOwn has goroutines begin units of a few parents at once, by
// which batches are shared and change hands, and taints some: each unit must be
// another, of the parent that it was begun with, and as tainted as it was made.
func TestUnitsHaveTheirOwn(t *testing.T) {
	type made struct {
		u      *unit
		parent context.Context
		bad    bool
	}
	var parents []context.Context
	for i := 0; i < 3; i++ {
		parents = append(parents, context.WithValue(context.Background(), key{}, i))
	}
	var mu sync.Mutex
	var all []made
	var group sync.WaitGroup
	for g := 0; g < 8; g++ {
		group.Add(1)
		go func(g int) {
			defer group.Done()
			for i := 0; i < 3000; i++ {
				m := made{parent: parents[(i/(g+1))%len(parents)], bad: i%7 == 0}
				m.u = unitIn(m.parent)
				if m.bad {
					m.u.taint()
				}
				mu.Lock()
				all = append(all, m)
				mu.Unlock()
			}
		}(g)
	}
	group.Wait()
	runtime.GC()
	seen := map[*unit]bool{}
	for _, m := range all {
		if seen[m.u] {
			t.Fatal("a unit was given out twice")
		}
		seen[m.u] = true
		if m.u.head().parent != m.parent || m.u.Value(key{}) != m.parent.Value(key{}) {
			t.Fatalf("a unit of %v has become one of %v", m.parent, m.u.head().parent)
		}
		if m.u.isTainted() != m.bad || Tainted(m.u) != m.bad {
			t.Fatalf("tainted: %v, want %v", m.u.isTainted(), m.bad)
		}
	}
}

func TestUnitsOfOneParentShareAnAllocation(t *testing.T) {
	ctx := context.WithValue(context.Background(), key{}, "value")
	work := func(context.Context) error { return nil }
	if n := testing.AllocsPerRun(1000, func() {
		for i := 0; i < batchSize; i++ {
			Do(ctx, work)
		}
	}); n > 10 {
		t.Errorf("%v allocations for %d units", n, batchSize)
	}
}

func TestAUnitIsAContextLikeItsParent(t *testing.T) {
	parent, cancel := context.WithDeadline(context.WithValue(context.Background(), key{}, "value"), time.Now().Add(time.Hour))
	for i := 0; i < 2*batchSize; i++ { // the first one is alone, the others are not
		Do(parent, func(ctx context.Context) error {
			want, _ := parent.Deadline()
			if got, ok := ctx.Deadline(); !ok || !got.Equal(want) || ctx.Value(key{}) != "value" || ctx.Err() != nil {
				t.Errorf("unit %d: deadline %v, want %v; value %v", i, got, want, ctx.Value(key{}))
			}
			if i == batchSize {
				child, end := context.WithCancel(ctx)
				defer end()
				cancel()
				<-child.Done()
				if ctx.Err() != context.Canceled {
					t.Errorf("error %v", ctx.Err())
				}
				parent, cancel = context.WithDeadline(context.WithValue(context.Background(), key{}, "value"), time.Now().Add(time.Hour))
			}
			return nil
		})
	}
	cancel()
}

// odd is a context that == panics on.
type odd struct {
	context.Context
	list []int
}

func TestContextsThatCannotBeComparedAreParents(t *testing.T) {
	for i := 0; i < 3; i++ {
		parent := odd{context.Background(), []int{i}}
		if err := Do(parent, func(ctx context.Context) error { return ctx.Err() }); err != nil {
			t.Error(err)
		}
	}
}

// TestContextsAreLetGo begins a unit of each of many parents. Those that do not
// come again must not be kept.
func TestContextsAreLetGo(t *testing.T) {
	const n = 1000
	gone := make(chan struct{}, n)
	for i := 0; i < n; i++ {
		value := new([64]int)
		runtime.SetFinalizer(value, func(*[64]int) { gone <- struct{}{} })
		Do(context.WithValue(context.Background(), key{}, value), func(context.Context) error { return nil })
	}
	deadline := time.After(time.Minute)
	for i := 0; i < n-len(shelves); {
		runtime.GC()
		select {
		case <-gone:
			i++
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			t.Fatalf("%d of %d contexts have been let go", i, n)
		}
	}
}

// BenchmarkUnit has units beside what one would write without them, in one run: the
// figures to tell are differences. What a unit does is a call of nothing.
func BenchmarkUnit(b *testing.B) {
	work := func(context.Context) error { return nil }
	b.Run("recover", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; i < b.N; i++ {
			func() (err error) {
				defer func() {
					if v := recover(); v != nil {
						err = errors.New("panic")
					}
				}()
				return work(context.Background())
			}()
		}
	})
	b.Run("guard", func(b *testing.B) { // one parent for all, as workers have
		b.ReportAllocs()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		for i := 0; i < b.N; i++ {
			Do(ctx, work)
		}
	})
	b.Run("guard apart", func(b *testing.B) { // many parents by turns, so no unit shares an allocation
		b.ReportAllocs()
		var parents [61]context.Context
		for i := range parents {
			parents[i] = context.WithValue(context.Background(), key{}, i)
		}
		for i := 0; i < b.N; i++ {
			Do(parents[i%len(parents)], work)
		}
	})
	b.Run("woven", func(b *testing.B) { // what is woven around a handler
		b.ReportAllocs()
		for i := 0; i < b.N; i++ {
			func() error {
				defer Pass(Begin())
				return work(context.Background())
			}()
		}
	})
	b.Run("guard beside", func(b *testing.B) { // on all processors at once
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				Do(context.Background(), work)
			}
		})
	})
}
