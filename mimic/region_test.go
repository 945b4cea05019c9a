package mimic

import (
	"reflect"
	"testing"
)

func TestRegistryFindsTheSitesOfACheckerAcrossPackages(t *testing.T) {
	registered = registry{}
	defer func() { registered = registry{} }()
	Region(4, "run", reducedRun)
	Reduced("wal.Save", farSave)
	if n := len(registered.checkers); n != 1 {
		t.Fatalf("%d checkers are registered, want 1", n)
	}
	c := registered.checkers[0]
	if c.region != 4 || c.name != "run" || registered.version != 2 {
		t.Errorf("registered is %d %q, version %d", c.region, c.name, registered.version)
	}
	got, owns := registered.sites(c)
	if want := []Site{1, 2, 3, 9}; !reflect.DeepEqual(got, want) || owns != 1 {
		t.Errorf("got sites %v, want %v; %d of the author's", got, want, owns)
	}
}
