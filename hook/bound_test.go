package hook

import (
	"io"
	"os"
	"testing"
)

func TestBoundFindsTheFile(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	write, none := f.WriteAt, (func())(nil)
	for _, tt := range []struct {
		name     string
		function any
		want     *os.File
	}{
		{"a method of a file", f.WriteAt, f},
		{"in a variable", write, f},
		{"in a structure", struct{ sync func() error }{f.Sync}.sync, f},
		{"of no file", (*os.File)(nil).Sync, nil},
		{"by an interface", io.Writer(f).Write, nil},
		{"a method expression", (*os.File).Sync, nil},
		{"a function", os.Remove, nil},
		{"a literal", func() error { return f.Sync() }, nil},
		{"nil", none, nil},
		{"no function", 7, nil},
		{"nothing", nil, nil},
	} {
		if got := fileOf(tt.function); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	c := (&Capture{}).Bound(write)
	if weakPointers && c.Value() != any(f) {
		t.Errorf("%v is not the file", c.Value())
	}
	if c := (&Capture{}).Bound(os.Remove); c.Value() != nil || !c.Handled() {
		t.Errorf("%v is bound to a function, handled: %v", c.Value(), c.Handled())
	}
}
