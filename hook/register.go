package hook

import (
	"bytes"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/lifesign-go/lifesign/internal/page"
)

// registering guards the site table and goidAt against packages of plugins,
// which initialise beside one another.
var registering sync.Mutex

// noRow is where the sites of a package begin that the table has no room for:
// beyond every row, so that readers leave their records out.
const noRow = 1 << 20

// Register adds a woven package's rows to the site table and returns the first
// one's index. The layout is that of the Go runtime the package was woven for;
// hooks come to life when it proves right. Generated code calls it to
// initialise a package variable, so that it has run before any hook of that
// package can.
func Register(layout, table string) Site {
	registering.Lock()
	defer registering.Unlock()
	first := addRows(table)
	atomic.AddUint64(&vitals.Header.Packages, 1)
	if goidAt == 0 {
		start(layout)
	}
	return first
}

// Expect notes how many woven packages the program is made of. Generated code
// calls it to initialise a package variable of the main package, when all others
// have been registered. Fewer mean a build that has taken plain files for woven
// ones; the page tells the agent. It returns nothing, as a value: an init
// function would be a statement for coverage to count.
func Expect(packages int) (nothing struct{}) {
	atomic.StoreUint64(&vitals.Header.Expected, uint64(packages))
	return nothing
}

// Reach tells the agent where to find the table by which it knows who can serve
// whom. Generated code calls it as it calls Expect, once, with a constant.
func Reach(table string) (nothing struct{}) {
	h := vitals.Header
	if len(table) > 0 {
		atomic.StoreUint64(&h.ReachSize, uint64(len(table)))
		atomic.StoreUint64(&h.ReachAt, uint64(*(*uintptr)(unsafe.Pointer(&table))))
	}
	return nothing
}

// Declare adds rows that are not of woven code to the site table and returns
// the first one's index. A program that nothing is woven into is thereby known
// to have a page that is worth reading.
func Declare(table string) Site {
	registering.Lock()
	defer registering.Unlock()
	first := addRows(table)
	atomic.CompareAndSwapUint64(&vitals.Header.State, page.StateNone, page.StateBare)
	return first
}

// Vitals returns the page that the program writes to.
func Vitals() *page.View { return vitals }

// On reports whether hooks are on.
func On() bool { return goidAt != 0 }

// Goroutine returns the running goroutine's number, 0 while hooks are off.
func Goroutine() uint64 {
	if goidAt == 0 {
		return 0
	}
	_, id := identity()
	return id
}

func addRows(table string) Site {
	h := vitals.Header
	rows := uint64(0)
	for i := 0; i < len(table); i++ {
		if table[i] == '\n' {
			rows++
		}
	}
	if h.SitesLost > 0 || uint64(len(table)) > uint64(len(vitals.Sites))-h.SiteBytes {
		atomic.AddUint64(&h.SitesLost, rows)
		return noRow
	}
	first := h.SiteCount
	copy(vitals.Sites[h.SiteBytes:], table)
	atomic.StoreUint64(&h.SiteCount, first+rows)
	atomic.StoreUint64(&h.SiteBytes, h.SiteBytes+uint64(len(table)))
	return Site(first)
}

// start switches the hooks on if layout is that of this runtime.
func start(layout string) {
	h := vitals.Header
	if !haveIdentity {
		atomic.StoreUint64(&h.State, page.StateNoArch)
		return
	}
	off := offsetOfGoid(layout)
	if off == 0 || off > maxGoidAt || off%8 != 0 || wordOfG(off) != number() {
		atomic.StoreUint64(&h.State, page.StateNoLayout)
		return
	}
	if len(layout) <= len(h.Layout) {
		copy(h.Layout[:], layout)
		atomic.StoreUint64(&h.LayoutSize, uint64(len(layout)))
	}
	enter := Enter
	atomic.StoreUint64(&h.Anchor, uint64(**(**uintptr)(unsafe.Pointer(&enter))))
	goidAt = off
	atomic.StoreUint64(&h.State, page.StateOn)
}

// maxGoidAt bounds the offset that is read from g on a layout's word, so that
// a wrong one reads a wrong word of g and nothing else: g has been longer than
// this since Go 1.5.
const maxGoidAt = 256

func offsetOfGoid(layout string) uintptr {
	l, err := page.ParseLayout(layout)
	if err != nil || l.Arch != runtime.GOARCH {
		return 0
	}
	off, ok := l.Value("g.goid")
	if !ok {
		return 0
	}
	return uintptr(off)
}

// number returns the running goroutine's number by the one way the standard
// library offers, some microseconds long: "goroutine 17 [running]:".
func number() uint64 {
	var buf [64]byte
	f := bytes.Fields(buf[:runtime.Stack(buf[:], false)])
	if len(f) < 2 {
		return 0
	}
	n, err := strconv.ParseUint(string(f[1]), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
