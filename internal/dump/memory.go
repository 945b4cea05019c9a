package dump

import "sort"

// leastPiece is the smallest part of a segment that is kept for its own sake.
const leastPiece = 256

// chosen is memory that is kept, by address and without overlaps.
type chosen struct {
	pieces []Segment
	size   int64 // with the program headers
}

// choose keeps of memory what takes no more than room, what comes first first, and
// of a segment that does not fit whole its beginning: where a stack is in use. It
// returns what is kept, by address, and how many bytes are not.
func choose(memory []Segment, room int64) (kept []Segment, lost int64) {
	var c chosen
	for _, s := range memory {
		if end(s) < s.Addr {
			continue
		}
		for _, p := range c.missing(s) {
			c.add(p, room)
		}
	}
	kept = c.merged()
	return kept, extent(memory) - sum(kept)
}

// extent is how many bytes there are in memory, those of overlaps once.
func extent(memory []Segment) (n int64) {
	all := append([]Segment(nil), memory...)
	sort.Slice(all, func(i, j int) bool { return all[i].Addr < all[j].Addr })
	known := uint64(0) // up to here they are counted
	for _, s := range all {
		to := end(s)
		if to < s.Addr {
			n += int64(len(s.Data)) // beyond the last address: never kept
			continue
		}
		from := s.Addr
		if from < known {
			from = known
		}
		if to > from {
			n += int64(to - from)
			known = to
		}
	}
	return n
}

// after is where the first piece is that ends beyond an address.
func (c *chosen) after(addr uint64) int {
	return sort.Search(len(c.pieces), func(i int) bool { return end(c.pieces[i]) > addr })
}

func end(s Segment) uint64 { return s.Addr + uint64(len(s.Data)) }

// missing returns the parts of s that are not kept yet.
func (c *chosen) missing(s Segment) (parts []Segment) {
	for i := c.after(s.Addr); len(s.Data) > 0; i++ {
		if i == len(c.pieces) || c.pieces[i].Addr >= end(s) {
			return append(parts, s)
		}
		p := c.pieces[i]
		if p.Addr > s.Addr {
			parts = append(parts, Segment{s.Addr, s.Data[:p.Addr-s.Addr]})
		}
		if end(p) >= end(s) {
			return parts
		}
		s = Segment{end(p), s.Data[end(p)-s.Addr:]}
	}
	return parts
}

// add keeps s, as far as there is room.
func (c *chosen) add(s Segment, room int64) {
	left := room - c.size - programSize
	if len(c.pieces) >= maxProgram-2 {
		left = 0
	}
	if n := int64(len(s.Data)); n > left {
		if left < leastPiece {
			return
		}
		s.Data = s.Data[:left]
	}
	i := c.after(s.Addr)
	c.pieces = append(c.pieces, Segment{})
	copy(c.pieces[i+1:], c.pieces[i:])
	c.pieces[i] = s
	c.size += int64(len(s.Data)) + programSize
}

// merged joins pieces that follow each other.
func (c *chosen) merged() (all []Segment) {
	for _, p := range c.pieces {
		if n := len(all); n > 0 && end(all[n-1]) == p.Addr {
			last := &all[n-1]
			last.Data = append(last.Data[:len(last.Data):len(last.Data)], p.Data...)
			continue
		}
		all = append(all, p)
	}
	return all
}
