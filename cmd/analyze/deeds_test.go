package analyze

import (
	"go/types"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"

	"github.com/lifesign-go/lifesign/event"
)

// Each function of the table has a mimic or a reason why not, and deeds has
// no function that the table does not have.
func TestDeedsAndTableAgree(t *testing.T) {
	for name := range ruleIndex {
		rows, why := deedsOf([]string{name})
		if (len(rows) == 0) == (why == "") {
			t.Errorf("%s has %d rows and the reason %q: one of the two is to be there", name, len(rows), why)
		}
	}
	for name, rows := range deedIndex {
		if _, ok := ruleIndex[name]; !ok {
			t.Errorf("%s has a deed, and the table does not have it", name)
		}
		for _, r := range rows {
			if r.deed != rows[0].deed || r.deed == "" && len(rows) > 1 {
				t.Errorf("%s has rows that differ in more than what they are given", name)
			}
		}
	}
}

// What a row asks for must be there: the N-th parameter, of the type that its
// kind needs.
func TestDeedsFitWhatExists(t *testing.T) {
	var paths []string
	for name := range deedIndex {
		path, _, _ := splitName(name)
		paths = append(paths, path)
	}
	slices.Sort(paths)
	pkgs, err := packages.Load(&packages.Config{Mode: packages.NeedName | packages.NeedTypes | packages.NeedImports | packages.NeedDeps | packages.NeedExportFile}, slices.Compact(paths)...)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pkgs {
		for name, rows := range deedIndex {
			if path, _, _ := splitName(name); path != p.PkgPath {
				continue
			}
			f := lookup(p.Types, name)
			if f == nil {
				t.Errorf("%s does not exist", name)
				continue
			}
			for _, r := range rows {
				if r.deed != "" {
					fits(t, f, r)
				}
			}
		}
	}
}

// first is what the items of a deed begin with.
var first = map[event.Deed]string{
	event.DoWrite: "handle text fd", event.DoSync: "handle fd mapping", event.DoRead: "handle fd", event.DoTruncate: "handle text fd",
	event.DoOpen: "text", event.DoDirectory: "text", event.DoDial: "text request", event.DoHandshake: "text",
	event.SeeConnection: "handle", event.SeeListener: "handle", event.SeePool: "handle",
}

func fits(t *testing.T, f *types.Func, r deedRule) {
	t.Helper()
	sig := f.Signature()
	for i, item := range strings.Fields(r.takes) {
		if strings.HasPrefix(item, `"`) {
			continue
		}
		kind, index, isArg := strings.Cut(item, ":")
		if i == 0 && !slices.Contains(strings.Fields(first[r.deed]), kind) {
			t.Errorf("%s: a %s does not begin with %q", f.FullName(), r.deed, kind)
		}
		if !isArg {
			if sig.Recv() == nil || kind != "handle" {
				t.Errorf("%s: it has no receiver for %q", f.FullName(), item)
			}
			continue
		}
		n, err := strconv.Atoi(index)
		if err != nil || n >= sig.Params().Len() {
			t.Errorf("%s: it has no parameter %q", f.FullName(), index)
			continue
		}
		want := map[string]string{"bytes": "[]byte", "mapping": "[]byte", "request": "*net/http.Request", "length": "[]byte", "chars": "string", "text": "string", "handle": "io.Writer", "fd": "int", "number": "int64", "creates": "int"}[kind]
		if got := sig.Params().At(n).Type().String(); got != want {
			t.Errorf("%s: parameter %d is a %s, and %q needs a %s", f.FullName(), n, got, kind, want)
		}
	}
}
