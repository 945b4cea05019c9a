package hook

import "github.com/lifesign-go/lifesign/internal/page"

// Begin notes that the goroutine enters the region at s.
func Begin(s Site) {
	c := self()
	if c == nil {
		return
	}
	n := c.NMarks
	c.Count += page.Occurrence
	if n < page.Marks {
		m := &c.Mark[n]
		m.What = page.What(uint32(s), c.Count)
		m.Count = 0
		m.Begun = now()
		m.Last = m.Begun
	}
	publish(&c.NMarks, n+1)
}

// Mark notes that an iteration of the region at s begins.
func Mark(s Site) {
	if c := cell(); c != nil {
		if n := c.NMarks - 1; n < page.Marks {
			if m := &c.Mark[n]; page.SiteOf(m.What) == uint32(s) {
				m.Count++
				m.Last = now()
				return
			}
		}
	}
	markOuter(s)
}

// markOuter marks a region that is not the innermost one: its loop was
// continued from inside another, which is thereby left.
//
//go:noinline
func markOuter(s Site) {
	c := self()
	if c == nil {
		return
	}
	for n := c.NMarks; n > 0; n-- {
		if n > page.Marks {
			continue
		}
		if m := &c.Mark[n-1]; page.SiteOf(m.What) == uint32(s) {
			m.Count++
			m.Last = now()
			publish(&c.NMarks, n)
			return
		}
	}
}

// End notes that the region at s was left at its end.
func End(s Site) {
	c := self()
	if c == nil {
		return
	}
	n := c.NMarks
	if n == 0 {
		return
	}
	if n <= page.Marks && page.SiteOf(c.Mark[n-1].What) != uint32(s) {
		return
	}
	publish(&c.NMarks, n-1)
	finish(s)
}
