package hook

import (
	"unsafe"

	"github.com/lifesign-go/lifesign/internal/page"
)

// What the assembly knows of a cell: how many times 64 bytes it has, and where
// its goroutine's number is.
const (
	cellLines = 9
	cellID    = unsafe.Offsetof(page.Cell{}.ID)
)

var _ [page.CellSize]byte = [cellLines * 64]byte{}

// cell returns the running goroutine's cell if it is the one it hashes to. It
// is assembly because the way through identity costs a tenth of a lock more.
func cell() *page.Cell
