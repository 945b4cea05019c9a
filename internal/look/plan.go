package look

import (
	"errors"
	"sort"
)

const (
	// maxGap is how far apart two parts may be that are read together: less than
	// the smallest page, so that what is between them is on a page of one of them.
	maxGap = 4095

	alone = -1 // reads nothing together

	maxTogether = 1 << 20 // bytes of one stretch
)

// errTogether is the error of a part that was read together with others.
var errTogether = errors.New("read together")

// plan is how parts are read in fewer and longer stretches. For the kernel each
// stretch costs as much as some kilobytes do, and what lies close together is
// plenty: the runtime's own structures, and small stacks.
type plan struct {
	stretches []Part
	parts     []int // how many parts each stretch has
	of        []int // the stretch of each part
	order     []int // of the parts, by address
	memory    []byte
}

// lay returns the stretches of parts that are at most gap apart, with memory
// that is used again by the next plan.
func (p *plan) lay(parts []Part, gap int64) []Part {
	p.stretches, p.parts, p.of, p.order = p.stretches[:0], p.parts[:0], p.of[:0], p.order[:0]
	sorted := true
	for i := range parts {
		p.order, p.of = append(p.order, i), append(p.of, 0)
		sorted = sorted && (i == 0 || parts[i-1].Addr <= parts[i].Addr)
	}
	if !sorted {
		sort.Slice(p.order, func(i, j int) bool { return parts[p.order[i]].Addr < parts[p.order[j]].Addr })
	}
	sizes, total, size := make([]uint64, 0, len(parts)), uint64(0), uint64(0)
	for _, i := range p.order {
		addr, n := parts[i].Addr, uint64(len(parts[i].Buf))
		last := len(p.stretches) - 1
		if last >= 0 && gap >= 0 {
			start := p.stretches[last].Addr
			if between := addr - start; between <= size+uint64(gap) && between+n <= maxTogether {
				if between+n > size {
					total += between + n - size
					size = between + n
					sizes[last] = size
				}
				p.parts[last]++
				p.of[i] = last
				continue
			}
		}
		p.stretches, p.parts = append(p.stretches, Part{Addr: addr}), append(p.parts, 1)
		p.of[i] = last + 1
		size, total = n, total+n
		sizes = append(sizes, size)
	}
	if uint64(len(p.memory)) < total {
		p.memory = make([]byte, total)
	}
	free := p.memory
	for i := range p.stretches {
		p.stretches[i].Buf, free = free[:sizes[i]:sizes[i]], free[sizes[i]:]
	}
	return p.stretches
}

// deliver copies what was read into parts.
func (p *plan) deliver(parts []Part) {
	for i := range parts {
		part, of := &parts[i], p.of[i]
		s := &p.stretches[of]
		switch {
		case s.Err == nil:
			part.Err = nil
			copy(part.Buf, s.Buf[part.Addr-s.Addr:])
		case p.parts[of] == 1 || s.Err == ErrNotPermitted:
			part.Err = s.Err
		default:
			part.Err = errTogether
		}
	}
}
