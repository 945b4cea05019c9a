package mimic

import (
	"reflect"
	"testing"
)

func TestRegistryFindsTheSitesOfACheckerAcrossPackages(t *testing.T) {
	Region(4, "run", reducedRun)
	Reduced("wal.Save", farSave)
	if n := len(registered.checkers); n != 1 {
		t.Fatalf("%d checkers are registered, want 1", n)
	}
	c := registered.checkers[0]
	if c.region != 4 || c.name != "run" || registered.version != 2 {
		t.Errorf("registered is %d %q, version %d", c.region, c.name, registered.version)
	}
	if got, want := registered.sites(c), []Site{1, 2, 3, 9, 8}; !reflect.DeepEqual(got, want) {
		t.Errorf("got sites %v, want %v", got, want)
	}
}
