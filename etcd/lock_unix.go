//go:build unix

package etcd

import (
	"errors"
	"os"
	"syscall"
)

// lockFile returns name, opened and locked until it is closed or the process ends.
func lockFile(name string) (*os.File, error) {
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.New("another process has it")
		}
		return nil, err
	}
	return file, nil
}
