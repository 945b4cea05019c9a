package page

import (
	"fmt"
	"testing"
)

// BenchmarkRead reads a page with many goroutines, of which each is in an
// operation and holds a lock, beside a plain copy of its cells.
func BenchmarkRead(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		mem := make([]byte, Size)
		if err := Format(mem, 1); err != nil {
			b.Fatal(err)
		}
		v, err := Open(mem)
		if err != nil {
			b.Fatal(err)
		}
		var table []byte
		for _, s := range someSites {
			table = AppendSite(table, s)
		}
		v.Header.SiteBytes = uint64(copy(v.Sites, table))
		v.Header.CellCount = uint64(n)
		for i := range v.Cells[:n] {
			v.Order[i] = uint32(i + 1)
			c := &v.Cells[i]
			c.ID, c.Count = uint64(i), 2*Occurrence+2
			c.Record[0] = Record{What(1, Occurrence) | Held, 1, 1}
			c.Record[1] = Record{What(2, 2*Occurrence), 2, 2}
		}
		b.Run(fmt.Sprintf("plain/%d", n), func(b *testing.B) {
			cells := make([]Cell, n)
			for i := 0; i < b.N; i++ {
				copy(cells, v.Cells)
			}
		})
		b.Run(fmt.Sprintf("reader/%d", n), func(b *testing.B) {
			r, err := NewReader(mem)
			if err != nil {
				b.Fatal(err)
			}
			var into Reading
			for i := 0; i < b.N; i++ {
				if err := r.Read(&into); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
