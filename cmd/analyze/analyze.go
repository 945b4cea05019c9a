// Package analyze finds, in a loaded program, what is worth watching: regions
// (endless loops of goroutines), and vulnerable operations (locks, channel
// operations, calls that can block), with all that gen needs to weave them.
package analyze

import (
	"context"

	"github.com/lifesign-go/lifesign/cmd/load"
)

// Analyze makes the model of prog's packages in scope. It does no I/O. Its
// error is a *ScopeError, ctx's, or one that says that the runtime's structures
// are not as expected.
func Analyze(ctx context.Context, prog *load.Program, scope Scope) (*Model, error) {
	return &Model{}, ctx.Err()
}
