//go:build !amd64

package hook

import "github.com/lifesign-go/lifesign/internal/page"

// cell returns the running goroutine's cell if it is the one it hashes to.
func cell() *page.Cell { return cached(identity()) }
