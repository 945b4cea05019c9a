//go:build !linux

package proc

import "errors"

var (
	errGone    = errors.New("no such thread")
	errAbsent  = errors.New("no such file")
	errTooMany = errors.New("too many open files")
	errTooFull = errors.New("too many open files on the machine")
	errDenied  = errors.New("not permitted")
	errForbid  = errors.New("forbidden")
	errNoWay   = errors.New("only Linux tells of threads")
)

func openFile(string) (int, error)         { return -1, errNoWay }
func openDir(string) (int, error)          { return -1, errNoWay }
func openAt(int, []byte) (int, error)      { return -1, errNoWay }
func readStart(int, []byte) (int, error)   { return 0, errNoWay }
func closeFD(int)                          {}
func rewind(int) error                     { return errNoWay }
func readDir(int, []byte) (int, error)     { return 0, errNoWay }
func entryName([]byte) (name, rest []byte) { return nil, nil }
func maxDescriptors() int                  { return 256 }
