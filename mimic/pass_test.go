package mimic

import (
	"context"
	"reflect"
	"testing"

	"github.com/lifesign-go/lifesign/event"
)

// seen is a looker that only notes.
type seen struct{ list []string }

func (l *seen) note(p *Pass, d event.Deed) {
	at := ""
	for _, f := range p.chain {
		at += f.Func + ">"
	}
	l.list = append(l.list, at+string(d))
}

func (l *seen) see(p *Pass, s Site, d event.Deed)                      { l.note(p, d) }
func (l *seen) own(p *Pass, s Site, check func(context.Context) error) { l.note(p, event.SeeOwn) }
func (l *seen) pool(p *Pass, s Site, _ PoolStats, _ PoolPing)          { l.note(p, event.SeePool) }

// The forms that generated code has: one returns where a function was visited,
// one goes on.
func reducedRun(p *Pass) {
	p.Enter("run", "raft.go:186")
	defer p.Leave()
	reducedSave(p)
	reducedSave(p)
	p.Far("wal.Save")
	p.Far("nowhere.Save")
	p.Pool(9, nil, nil)
	p.Own(8, nil)
}

func reducedSave(p *Pass) {
	p.Enter("save", "raft.go:210")
	defer p.Leave()
	p.Write(1)
	reducedSync(p)
}

func reducedSync(p *Pass) {
	defer p.Leave()
	if !p.Enter("sync", "wal.go:850") {
		return
	}
	p.Sync(2)
}

func farSave(p *Pass) {
	defer p.Leave()
	if !p.Enter("Save", "wal.go:900") {
		return
	}
	reducedSync(p)
	p.Dial(3)
}

func findFar(name string) func(*Pass) {
	if name == "wal.Save" {
		return farSave
	}
	return nil
}

func TestPassVisitsOnceAndKnowsItsChain(t *testing.T) {
	l := &seen{}
	p := &Pass{look: l, find: findFar}
	reducedRun(p)
	want := []string{"run>save>write", "run>save>sync>sync", "run>Save>dial", "run>pool", "run>own"}
	if !reflect.DeepEqual(l.list, want) {
		t.Errorf("got %q\nwant %q", l.list, want)
	}
	if len(p.chain) != 0 || p.again != 0 {
		t.Errorf("the run ends with the chain %v, %d visited before", p.chain, p.again)
	}
}

func TestPassCollectsSitesOnly(t *testing.T) {
	p := &Pass{find: findFar}
	reducedRun(p)
	if want := []Site{1, 2, 3, 9}; !reflect.DeepEqual(p.sites, want) {
		t.Errorf("got sites %v, want %v", p.sites, want)
	}
}

func TestPassFramesHavePlaces(t *testing.T) {
	for _, c := range []struct {
		place string
		want  event.Frame
	}{
		{"wal.go:850", event.Frame{Func: "f", File: "wal.go", Line: 850}},
		{"c:wal.go", event.Frame{Func: "f", File: "c:wal.go"}},
		{"", event.Frame{Func: "f"}},
	} {
		p := &Pass{}
		p.Enter("f", c.place)
		if p.chain[0] != c.want {
			t.Errorf("%q: got %+v, want %+v", c.place, p.chain[0], c.want)
		}
	}
}

func recurse(p *Pass) {
	p.Enter("recurse", "r.go:1")
	defer p.Leave()
	recurse(p)
}

func TestPassWithoutEndPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("reduced functions that call each other without an end do not panic")
		}
	}()
	recurse(&Pass{})
}
