// Command badger1529 writes to a badger store and then flushes a managed write
// batch with an entry at time stamp 0, which badger v2.2007.2 refuses by calling
// the batch back under the lock that the call wants (dgraph-io/badger PR #1529).
package main

import (
	"encoding/binary"

	badger "github.com/dgraph-io/badger/v2"
)

func main() {
	begin()
	db, err := badger.OpenManaged(badger.DefaultOptions(*dir).WithLogger(nil).WithSyncWrites(false))
	if err != nil {
		fail("open the store", err)
	}
	go work(1, func(i int) error { return put(db, uint64(i+1)) })
	faultDue()
	attempt(func() { flush(db) })
	select {}
}

// put writes a key of its own and reads it back.
func put(db *badger.DB, at uint64) error {
	key := binary.BigEndian.AppendUint64(nil, at)
	txn := db.NewTransactionAt(at, true)
	defer txn.Discard()
	if err := txn.Set(key, make([]byte, 128)); err != nil {
		return err
	}
	if err := txn.CommitAt(at, nil); err != nil {
		return err
	}
	reader := db.NewTransactionAt(at, false)
	defer reader.Discard()
	_, err := reader.Get(key)
	return err
}

// flush asks for what must fail: an error, where it is mended.
func flush(db *badger.DB) {
	batch := db.NewManagedWriteBatch()
	if err := batch.SetEntryAt(&badger.Entry{Key: []byte("key")}, 0); err != nil {
		return
	}
	_ = batch.Flush()
}
