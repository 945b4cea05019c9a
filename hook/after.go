package hook

import (
	"bytes"
	"sync/atomic"

	"github.com/lifesign-go/lifesign/event"
	"github.com/lifesign-go/lifesign/internal/page"
)

// The functions below are for the end of a unit of work that has panicked, when its
// own deferred functions have run. They are slow.

// HeldSince returns the locks that the running goroutine has taken since p and has
// not released, as far as they are woven: what they are and where they were taken,
// "server.mu at server.go:10".
func HeldSince(p Point) []string {
	c := self()
	if c == nil {
		return nil
	}
	var held []string
	for _, r := range c.Record[:records(c)] {
		if r.What&page.Held != 0 && page.Later(r.What, uint64(p)) {
			held = append(held, lockText(page.SiteOf(r.What)))
		}
	}
	return held
}

// LeftSince returns the regions, requests and loops that the running goroutine has
// entered since p and left otherwise than at their end, outer ones first. Those that
// it has left by a return, of a function that is long over, may be among them.
func LeftSince(p Point) []event.Site {
	c := self()
	if c == nil {
		return nil
	}
	var left []event.Site
	for n := c.NMarks; n < page.Marks; n++ {
		if w := c.Mark[n].What; w&page.Held != 0 && page.Later(w, uint64(p)) {
			if s, ok := siteAt(page.SiteOf(w)); ok {
				left = append(left, s)
			}
		}
	}
	return left
}

// InRequest reports whether the running goroutine is in a function that runs once
// per request.
func InRequest() bool {
	c := self()
	if c == nil {
		return false
	}
	for n := uint64(0); n < c.NMarks && n < page.Marks; n++ {
		if s, ok := siteAt(page.SiteOf(c.Mark[n].What)); ok && s.Kind == event.Request {
			return true
		}
	}
	return false
}

// lockText names the lock of the site in a row of the table.
func lockText(row uint32) string {
	if s, ok := siteAt(row); ok {
		return s.Object + " at " + s.Place()
	}
	return "a lock"
}

// siteAt returns the site in a row of the table.
func siteAt(row uint32) (event.Site, bool) {
	rows := vitals.Sites[:atomic.LoadUint64(&vitals.Header.SiteBytes)]
	for ; row > 0; row-- {
		at := bytes.IndexByte(rows, '\n')
		if at < 0 {
			return event.Site{}, false
		}
		rows = rows[at+1:]
	}
	at := bytes.IndexByte(rows, '\n')
	if at < 0 {
		return event.Site{}, false
	}
	s, err := page.ParseSite(string(rows[:at]))
	return s, err == nil
}
