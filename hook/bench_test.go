//lint:file-ignore SA2001 what is measured is an empty critical section

package hook

import (
	"sync"
	"testing"
)

// Each benchmark of a hook stands beside the plain code, in the same run.

func BenchmarkMark(b *testing.B) {
	b.ReportAllocs()
	Begin(siteRegion)
	for i := 0; i < b.N; i++ {
		Mark(siteRegion)
	}
	End(siteRegion)
}

func BenchmarkInFlight(b *testing.B) {
	b.ReportAllocs()
	for i := 0; i < b.N; i++ {
		Enter(siteCall)
		Exit(siteCall)
	}
}

// Arguments that nobody has asked for.
func BenchmarkUnwanted(b *testing.B) {
	b.ReportAllocs()
	f, name := new(int), []byte("name")
	for i := 0; i < b.N; i++ {
		Enter(siteCall)
		Wanted(siteCall).Handle(f).Bytes(name).Number(int64(i)).Keep()
		Exit(siteCall)
	}
}

func BenchmarkGuard(b *testing.B) {
	b.ReportAllocs()
	for i := 0; i < b.N; i++ {
		Unwind(Here())
	}
}

func BenchmarkMutex(b *testing.B) {
	var m sync.Mutex
	b.Run("plain", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; i < b.N; i++ {
			m.Lock()
			m.Unlock()
		}
	})
	b.Run("woven", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; i < b.N; i++ {
			Lock(siteLock, &m)
			Unlock(&m)
		}
	})
}

func BenchmarkRWMutexRead(b *testing.B) {
	var m sync.RWMutex
	b.Run("plain", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; i < b.N; i++ {
			m.RLock()
			m.RUnlock()
		}
	})
	b.Run("woven", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; i < b.N; i++ {
			RLock(siteRLock, &m)
			RUnlock(&m)
		}
	})
}

func BenchmarkRWMutexWrite(b *testing.B) {
	var m sync.RWMutex
	b.Run("plain", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; i < b.N; i++ {
			m.Lock()
			m.Unlock()
		}
	})
	b.Run("woven", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; i < b.N; i++ {
			RWLock(siteRWLock, &m)
			RWUnlock(&m)
		}
	})
}

func BenchmarkChannelReady(b *testing.B) {
	ch := make(chan int, 1)
	b.Run("plain", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; i < b.N; i++ {
			ch <- i
			<-ch
		}
	})
	b.Run("woven", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; i < b.N; i++ {
			To(siteSend, ch).Send(i)
			Recv(siteRecv, ch)
		}
	})
}

func BenchmarkChannelWaiting(b *testing.B) {
	run := func(b *testing.B, send func(chan int, int), recv func(chan int) int) {
		b.ReportAllocs()
		ch := make(chan int)
		go func() {
			for i := 0; i < b.N; i++ {
				send(ch, i)
			}
		}()
		for i := 0; i < b.N; i++ {
			recv(ch)
		}
	}
	b.Run("plain", func(b *testing.B) {
		run(b, func(ch chan int, v int) { ch <- v }, func(ch chan int) int { return <-ch })
	})
	b.Run("woven", func(b *testing.B) {
		run(b, func(ch chan int, v int) { To(siteSend, ch).Send(v) }, func(ch chan int) int { return Recv(siteRecv, ch) })
	})
}
