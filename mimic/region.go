package mimic

import (
	"sync"

	"github.com/lifesign-go/lifesign/hook"
)

// Site is an operation or region of the woven program, by its row in the site
// table.
type Site = hook.Site

// checker is a region's.
type checker struct {
	region Site
	name   string
	check  func(*Pass)
}

// registry is what generated code has registered.
type registry struct {
	mu       sync.Mutex // guards all below
	checkers []checker
	reduced  map[string]func(*Pass)
	version  uint64 // grows with each registration: what a checker leads to may be registered after it
}

var registered registry

// Region registers check as what is left of the region at s, which is called
// name in reports: "(*raftNode).run". Generated code calls it to initialise a
// package variable, after that of the package's sites. It returns nothing, as a
// value: an init function would be a statement for coverage to count.
func Region(s Site, name string, check func(*Pass)) (nothing struct{}) {
	registered.mu.Lock()
	registered.checkers = append(registered.checkers, checker{s, name, check})
	registered.version++
	registered.mu.Unlock()
	start()
	return nothing
}

// Reduced registers f as what is left of the function that the linker calls
// name, "go.etcd.io/etcd/server/v3/storage/wal.(*WAL).Save", for the checkers of
// other packages, which go through it by Pass.Far. Generated code calls it as it
// calls Region.
func Reduced(name string, f func(*Pass)) (nothing struct{}) {
	registered.mu.Lock()
	if registered.reduced == nil {
		registered.reduced = map[string]func(*Pass){}
	}
	registered.reduced[name] = f
	registered.version++
	registered.mu.Unlock()
	return nothing
}

// find returns the reduced function that is registered by this name, nil if there
// is none: its package may not be in the program.
func (r *registry) find(name string) func(*Pass) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reduced[name]
}

// sites returns those of the operations in c's checker, each once, and how many
// functions of the author's are in it.
func (r *registry) sites(c checker) (list []Site, owns int) {
	p := &Pass{find: r.find}
	c.check(p)
	seen := map[Site]bool{}
	for _, s := range p.sites {
		if !seen[s] {
			seen[s] = true
			list = append(list, s)
		}
	}
	return list, p.owns
}
