package analyze

import "github.com/lifesign-go/lifesign/cmd/load"

// RuntimeLayout returns the layout text of the Go runtime that prog is built
// with.
func RuntimeLayout(prog *load.Program) (string, error) { return "", nil }
