package hook

import (
	"unsafe"

	"github.com/lifesign-go/lifesign/internal/page"
)

// What the assembly knows of the structures.
const (
	entryShift = 5 // log2 of an entry's size
	entryDrop  = indexDrop - entryShift
	entryMask  = indexMask << entryShift
)

var _ [unsafe.Sizeof(entry{})]byte = [1 << entryShift]byte{}

// cell returns the running goroutine's cell if it is where it hashes to. It
// is assembly because the way through identity costs a tenth of a lock more.
func cell() *page.Cell
