package analyze

// group is a function together with the literals in it that it runs itself, at
// once or by defer. What one of them locks another may release. It has no
// content: its address is what counts.
type group struct{ _ byte }

// lock is an acquisition that may have its release in the same group.
type lock struct {
	group  *group
	key    string // see lockKey
	family string
	offset int
}

// release is a release of a lock.
type release struct {
	group    *group
	key      string
	family   string
	offset   int
	deferred bool
}

func (v *visitor) release(r release) { v.releases = append(v.releases, r) }

// pair marks the acquisitions whose function releases what they take: further
// down, or by defer. A release further up is that of another acquisition, as in
// a function that gives up its caller's lock for a while.
func (v *visitor) pair() {
	for _, o := range v.ops {
		if o.lock == nil {
			continue
		}
		for _, r := range v.releases {
			if r.group == o.lock.group && r.key == o.lock.key && r.family == o.lock.family &&
				(r.deferred || r.offset > o.lock.offset) {
				o.site.Paired = true
				break
			}
		}
	}
}
