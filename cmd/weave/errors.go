package weave

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
)

// explainWrite says in one line what to do about a failure to write what, in
// dir. variable is the environment variable that moves it elsewhere.
func explainWrite(what, dir, variable string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("the disk of %s is full: %w; free some space, or set %s to a directory on another disk", what, err, variable)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%s, %s, cannot be written: %w; make it writable, or set %s to another directory", what, dir, err, variable)
	}
	return err
}

// explainDisk returns what to do about it if the go command failed because of
// the disk, else nil.
func explainDisk(err *GoError) error {
	switch {
	case strings.Contains(err.Output, syscall.ENOSPC.Error()):
		return fmt.Errorf("%w\nthe disk is full: free some space, or set GOCACHE and TMPDIR to directories on another disk", err)
	case strings.Contains(err.Output, syscall.EROFS.Error()):
		return fmt.Errorf("%w\nthe disk is read-only: set GOCACHE and TMPDIR to directories that can be written", err)
	}
	return nil
}
