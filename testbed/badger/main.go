// Command badger writes to a badger store, each transaction synchronised to the
// disk, and reads back what it wrote.
package main

import (
	"encoding/binary"
	"flag"

	"github.com/dgraph-io/badger/v4"
)

const writers = 2

var size = flag.Int("value", 128, "bytes of a value")

func main() {
	begin()
	o := badger.DefaultOptions(*dir).WithLogger(nil).WithSyncWrites(true).WithMemTableSize(4 << 20).WithValueThreshold(1 << 10)
	db, err := badger.Open(o)
	if err != nil {
		fail("open the store", err)
	}
	for w := range writers {
		go work(writers, func(i int) error { return put(db, uint64(w)<<32+uint64(i)%100000) })
	}
	select {}
}

func put(db *badger.DB, n uint64) error {
	key := binary.BigEndian.AppendUint64(nil, n)
	if err := db.Update(func(t *badger.Txn) error { return t.Set(key, make([]byte, *size)) }); err != nil {
		return err
	}
	return db.View(func(t *badger.Txn) error {
		_, err := t.Get(key)
		return err
	})
}
