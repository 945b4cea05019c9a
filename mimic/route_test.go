package mimic

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// given is a capture for tests.
type given struct {
	site    Site
	handled bool
	value   any
	texts   []string
	data    []byte
	size    int
	numbers []int64
	mapped  uintptr
}

func (g *given) Site() Site       { return g.site }
func (g *given) Handled() bool    { return g.handled }
func (g *given) Value() any       { return g.value }
func (g *given) Texts() []string  { return g.texts }
func (g *given) Data() []byte     { return g.data }
func (g *given) Size() int        { return g.size }
func (g *given) Numbers() []int64 { return g.numbers }
func (g *given) Mapped() uintptr  { return g.mapped }

func at(sites ...Site) (list []capture) {
	for _, s := range sites {
		list = append(list, &given{site: s})
	}
	return list
}

// passes renders the passes of ways.
func passes(ways []*way) string {
	var list []string
	for _, w := range ways {
		list = append(list, fmt.Sprint(w.pass))
	}
	return strings.Join(list, " ")
}

func TestRouteKeepsTheNewestOfFourWays(t *testing.T) {
	var r route
	for i, sites := range [][]Site{{1}, {1, 2}, {3}, {2, 1}, {4}, {5}} {
		r.put(uint64(i+1), at(sites...), int64(i))
	}
	// {1} has gone for {5}, and the second {1, 2} has taken the first's place.
	if got, want := passes(r.ways), "3 4 5 6"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRouteFollowsAPassThatGoesOn(t *testing.T) {
	var r route
	r.put(1, at(1), 0)
	r.put(1, at(1, 2), 2)
	if passes(r.ways) != "1" || len(r.ways[0].given) != 2 {
		t.Errorf("a pass that goes on is kept as %s", passes(r.ways))
	}
	// It becomes what another way was.
	r.put(2, at(3), 3)
	r.put(3, at(1), 4)
	r.put(3, at(1, 2), 5)
	if got, want := passes(r.ways), "2 3"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRouteTakesTurns(t *testing.T) {
	var r route
	for i := uint64(1); i <= 3; i++ {
		r.put(i, at(Site(i)), 0)
	}
	var got []string
	for i := 0; i < 6; i++ {
		got = append(got, passes(r.take(1)))
	}
	if got, want := strings.Join(got, ","), "3 1,3 2,3 1,3 2,3 1,3 2"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRouteForgetsWhatIsOldAndWhatIsGone(t *testing.T) {
	var r route
	gone := &given{site: 1, handled: true, value: new(int)}
	r.put(1, []capture{gone}, 0)
	r.put(2, at(2), 0)
	r.put(3, at(3), 0)
	gone.value = nil
	r.take(0)
	if got, want := passes(r.ways), "2 3"; got != want {
		t.Errorf("one without handles: got %s, want %s", got, want)
	}
	r.put(4, at(4), stale-1)
	r.take(stale)
	if got, want := passes(r.ways), "4"; got != want {
		t.Errorf("old ones: got %s, want %s", got, want)
	}
	r.take(100 * stale)
	if got, want := passes(r.ways), "4"; got != want {
		t.Errorf("the newest, when it is old: got %s, want %s", got, want)
	}
}

// Of many connections at one place some are kept, and files are not told apart.
func TestRouteTellsConnectionsApart(t *testing.T) {
	var r route
	conns, files := [6]*int{}, [3]*os.File{}
	for i := range conns {
		conns[i] = new(int)
		r.put(uint64(i+1), []capture{&given{site: 1, handled: true, value: conns[i]}}, 0)
	}
	for i := range files {
		files[i] = new(os.File)
		r.put(uint64(i+11), []capture{&given{site: 2, handled: true, value: files[i]}}, 0)
	}
	if got, want := passes(r.ways), "3 4 5 6 13"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	r.put(20, []capture{&given{site: 1, handled: true, value: conns[3]}}, 0)
	if got, want := passes(r.ways), "3 5 6 13 20"; got != want {
		t.Errorf("one comes again: got %s, want %s", got, want)
	}
	r.ways[1].gone = true
	r.take(0)
	if got, want := passes(r.ways), "3 6 13 20"; got != want {
		t.Errorf("one was closed: got %s, want %s", got, want)
	}
}
