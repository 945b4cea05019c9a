package reach

// set is a set of small numbers, a bit each. What is beyond its end is not in
// it. A set that others see is not changed.
type set []uint64

func (s set) has(i int) bool {
	return i >= 0 && i/64 < len(s) && s[i/64]>>(uint(i)%64)&1 != 0
}

// union returns the union of both, which may be one of them.
func (s set) union(t set) set {
	if len(t) > len(s) {
		s, t = t, s
	}
	for i, w := range t {
		if w&^s[i] != 0 {
			out := append(set(nil), s...)
			for j, w := range t {
				out[j] |= w
			}
			return out
		}
	}
	return s
}

func (s set) add(i int) { s[i/64] |= 1 << (uint(i) % 64) }

func newSet(n int) set { return make(set, (n+63)/64) }
