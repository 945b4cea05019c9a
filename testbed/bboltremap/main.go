// Command bboltremap writes to a bbolt store and serves reads of it over HTTP.
// On an error path the handler forgets to end its read transaction; as soon as
// the file outgrows its mapping, the writer waits for that transaction for ever,
// and new readers wait for the writer (bbolt v1.4.3, by design). The forgotten
// transaction's goroutine ends with its connection, or, with -keep, waits for
// the connection's next request.
package main

import (
	"encoding/binary"
	"flag"
	"io"
	"net"
	"net/http"
	"path/filepath"

	bolt "go.etcd.io/bbolt"
)

var (
	keep   = flag.Bool("keep", false, "keep the connection of the request that fails")
	values = []byte("values")
)

func main() {
	begin()
	db, err := bolt.Open(filepath.Join(*dir, "db"), 0o600, nil)
	if err != nil {
		fail("open the store", err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucket(values)
		return err
	})
	if err != nil {
		fail("make a bucket", err)
	}
	url := serve(db)
	go work(1, func(i int) error { return rewrite(db, i) })
	faultDue()
	ask(url + "/no-such-key")
	for i := 0; attempt(func() { grow(db, i) }); i++ {
	}
	select {}
}

// rewrite keeps the store at its size.
func rewrite(db *bolt.DB, i int) error {
	return db.Update(func(tx *bolt.Tx) error { return tx.Bucket(values).Put(key(i%100), make([]byte, 512)) })
}

// grow makes the store larger.
func grow(db *bolt.DB, i int) {
	err := db.Update(func(tx *bolt.Tx) error { return tx.Bucket(values).Put(key(1000+i), make([]byte, 256<<10)) })
	if err != nil {
		fail("write", err)
	}
}

func key(i int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(i)) }

// serve serves reads and returns the address.
func serve(db *bolt.DB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail("listen", err)
	}
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tx, err := db.Begin(false)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		value := tx.Bucket(values).Get([]byte(r.URL.Path))
		if value == nil {
			http.NotFound(w, r) // and the transaction is forgotten
			return
		}
		defer tx.Rollback()
		w.Write(value)
	}))
	return "http://" + l.Addr().String()
}

func ask(url string) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: !*keep}}
	resp, err := client.Get(url)
	if err != nil {
		fail("ask for a key", err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
}
