//go:build !unix

package etcd

import (
	"errors"
	"os"
)

// lockFile refuses: where a lock does not end with its process, two might go on
// with one lease.
func lockFile(string) (*os.File, error) {
	return nil, errors.New("there is no flock here")
}
