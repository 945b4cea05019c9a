package judge

import "github.com/lifesign-go/lifesign/event"

type episode struct{ seen int }
type graph struct{}
type ending struct{}

func (j *Judge) observe(s event.Sample) *graph        { return nil }
func (g *graph) solve()                               {}
func (g *graph) endings() []ending                    { return nil }
func (j *Judge) judge(g *graph, e ending, a *Actions) {}
