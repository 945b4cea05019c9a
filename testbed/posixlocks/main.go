// Command posixlocks lives on POSIX locks, as two processes that contend for a
// SQLite database and for a file of their own beside it. If one of them lost a
// lock, which it would if any part of it closed a second descriptor of the file,
// the other would come between, and a count would be lost. In the end it says
// whether none was.
package main

import (
	"database/sql"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	_ "github.com/mattn/go-sqlite3"
)

var contends = flag.Bool("contends", false, "be the other process")

const turns = 400 // of each process

func main() {
	begin()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(*dir, "database")+"?_txlock=immediate&_busy_timeout=20000")
	if err != nil {
		fail("open the database", err)
	}
	db.SetMaxOpenConns(1)
	guard, err := os.OpenFile(filepath.Join(*dir, "guard"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		fail("open the guard", err)
	}
	if _, err := db.Exec("create table if not exists counter (n integer)"); err != nil {
		fail("make a table", err)
	}
	*rate = 20
	turn := func(i int) error {
		if i >= turns {
			if i == turns && *contends {
				os.Exit(0)
			}
			time.Sleep(100 * time.Millisecond)
			return nil
		}
		if err := count(db); err != nil {
			return fmt.Errorf("count in the database: %w", err)
		}
		return countAt(guard)
	}
	if *contends {
		work(1, turn)
	}
	if _, err := db.Exec("insert into counter values (0)"); err != nil {
		fail("begin to count", err)
	}
	other := exec.Command(os.Args[0], "-dir", *dir, "-contends", "-for", (*lasts).String())
	other.Stderr = os.Stderr
	if err := other.Start(); err != nil {
		fail("start the other process", err)
	}
	go work(1, turn)
	if err := other.Wait(); err != nil {
		fail("run the other process", err)
	}
	for done.Load() < turns {
		time.Sleep(100 * time.Millisecond)
	}
	tell(db, guard)
	for { // begin ends the program when its time is up
		time.Sleep(time.Second)
	}
}

// count adds one in a transaction, by reading and writing.
func count(db *sql.DB) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var n int
	if err := tx.QueryRow("select n from counter").Scan(&n); err != nil {
		return err
	}
	if _, err := tx.Exec("update counter set n = ?", n+1); err != nil {
		return err
	}
	return tx.Commit()
}

// countAt adds one in a file, under a lock of the whole of it.
func countAt(f *os.File) error {
	lock := func(kind int16) error {
		return syscall.FcntlFlock(f.Fd(), syscall.F_SETLKW, &syscall.Flock_t{Type: kind})
	}
	if err := lock(syscall.F_WRLCK); err != nil {
		return fmt.Errorf("lock the guard: %w", err)
	}
	var buf [8]byte
	if _, err := f.ReadAt(buf[:], 0); err != nil && err != io.EOF {
		return err
	}
	binary.NativeEndian.PutUint64(buf[:], binary.NativeEndian.Uint64(buf[:])+1)
	time.Sleep(5 * time.Millisecond) // in which another could come between
	data := buf[:]
	if _, err := f.WriteAt(data, 0); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return lock(syscall.F_UNLCK)
}

// tell says what came of it.
func tell(db *sql.DB, guard *os.File) {
	var n int
	var integrity string
	if err := db.QueryRow("select n from counter").Scan(&n); err != nil {
		fail("read the count", err)
	}
	if err := db.QueryRow("pragma integrity_check").Scan(&integrity); err != nil {
		fail("check the database", err)
	}
	var buf [8]byte
	if _, err := guard.ReadAt(buf[:], 0); err != nil {
		fail("read the guard", err)
	}
	at := binary.NativeEndian.Uint64(buf[:])
	right := n == 2*turns && at == 2*turns && strings.EqualFold(integrity, "ok")
	fmt.Println("result", map[bool]string{true: "right:", false: "wrong:"}[right], "database", n, "file", strconv.FormatUint(at, 10), "integrity", integrity)
}
