package gen_test

import (
	"bytes"
	"go/format"
	"strings"
	"testing"

	"github.com/lifesign-go/lifesign/cmd/analyze"
	"github.com/lifesign-go/lifesign/cmd/gen"
	"github.com/lifesign-go/lifesign/event"
)

// Generated checkers are as gofmt writes them.
func TestCheckersAreFormatted(t *testing.T) {
	checkers := 0
	for _, f := range woven(t).files {
		if !f.Checks {
			continue
		}
		checkers++
		want, err := format.Source(f.Data)
		if err != nil {
			t.Errorf("%s: %v", f.Path, err)
		} else if !bytes.Equal(want, f.Data) {
			t.Errorf("%s differs from what gofmt writes:\n%s", f.Path, difference(string(want), string(f.Data)))
		}
	}
	if checkers == 0 {
		t.Error("no package has checkers")
	}
}

// Each deed has a method; what is not known is an error, and not left out.
func TestCheckersKnowDeeds(t *testing.T) {
	for _, d := range []event.Deed{
		event.DoWrite, event.DoSync, event.DoRead, event.DoTruncate, event.DoOpen, event.DoDirectory, event.DoDial, event.DoHandshake,
		event.SeeConnection, event.SeeListener, event.SeePool, event.SeeOwn, event.SeeTrend, "none",
	} {
		p := analyze.Package{Name: "a", Base: "lsbase", Words: new(analyze.Words), Reduced: []analyze.Reduced{{
			Ident: "lsF", Func: "f", Steps: []analyze.ReducedStep{{Do: d, Site: 7, Own: "check", What: "x\ny", Place: "/d/a.go:3"}},
		}}}
		got, err := gen.Checkers(&p)
		if d == event.SeeTrend || d == "none" {
			if err == nil || !strings.Contains(err.Error(), string(d)) {
				t.Errorf("%s: error %v, want one that names it", d, err)
			}
			continue
		}
		if err != nil || !strings.Contains(string(got), "lsbase") || !strings.Contains(string(got), "// x y, a.go:3\n") {
			t.Errorf("%s: error %v, generated\n%s", d, err, got)
		}
	}
}
