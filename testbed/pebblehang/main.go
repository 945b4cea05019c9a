// Command pebblehang writes to a pebble store with synchronous commits. Its file
// system then never returns from fsync of the log: reads and unsynchronised
// writes go on, and every commit stands (pebble v1.1.5, cockroachdb/cockroach
// #41691). Without -after the file system is the operating system's own, whose
// fsync may hang too.
package main

import (
	"encoding/binary"
	"strings"
	"sync/atomic"

	"github.com/cockroachdb/pebble"
	"github.com/cockroachdb/pebble/vfs"
)

func main() {
	begin()
	var hung atomic.Bool
	db, err := pebble.Open(*dir, &pebble.Options{FS: diskFS{vfs.Default, &hung}, Logger: silent{}})
	if err != nil {
		fail("open the store", err)
	}
	for range 2 {
		go work(2, func(i int) error {
			key := binary.BigEndian.AppendUint64(nil, uint64(i))
			if err := db.Set(key, make([]byte, 128), pebble.Sync); err != nil {
				return err
			}
			_, closer, err := db.Get(key)
			if err != nil {
				return err
			}
			return closer.Close()
		})
	}
	faultDue()
	hung.Store(true)
	select {}
}

// diskFS is a file system whose logs can be made to hang in fsync.
type diskFS struct {
	vfs.FS
	hung *atomic.Bool
}

func (d diskFS) Create(name string) (vfs.File, error) {
	f, err := d.FS.Create(name)
	return d.wrap(name, f, err)
}

func (d diskFS) ReuseForWrite(from, to string) (vfs.File, error) {
	f, err := d.FS.ReuseForWrite(from, to)
	return d.wrap(to, f, err)
}

func (d diskFS) wrap(name string, f vfs.File, err error) (vfs.File, error) {
	if err != nil || !strings.HasSuffix(name, ".log") {
		return f, err
	}
	return diskFile{f, d.hung}, nil
}

type diskFile struct {
	vfs.File
	hung *atomic.Bool
}

func (f diskFile) Sync() error {
	f.hang()
	return f.File.Sync()
}

func (f diskFile) SyncData() error {
	f.hang()
	return f.File.SyncData()
}

func (f diskFile) SyncTo(length int64) (bool, error) {
	f.hang()
	return f.File.SyncTo(length)
}

// hang does not return from a call to a disk that hangs.
func (f diskFile) hang() {
	if f.hung.Load() {
		fault(now())
		select {}
	}
}

type silent struct{}

func (silent) Infof(string, ...any)           {}
func (silent) Fatalf(format string, a ...any) { panic(format) }
