// Package fencedb tests lease/fencesql against a real PostgreSQL, whose driver the
// root module must not require.
package fencedb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/lib/pq"

	"github.com/lifesign-go/lifesign/lease"
	"github.com/lifesign-go/lifesign/lease/fencesql"
)

// server starts PostgreSQL in a directory of its own, as nobody, since it refuses to
// run as root.
func server(t *testing.T) *sql.DB {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres") // Debian has it in no PATH
	if len(found) == 0 {
		t.Fatal("no PostgreSQL: .ci/need pgbench:postgresql installs it")
	}
	bin := filepath.Dir(found[len(found)-1])
	// t.TempDir is below a directory that nobody may enter.
	dir, err := os.MkdirTemp("", "fencedb")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	command := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, name), args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if os.Getuid() == 0 {
			const nobody = 65534
			if err := os.Chown(dir, nobody, nobody); err != nil {
				t.Fatal(err)
			}
			cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		}
		return cmd
	}
	data := filepath.Join(dir, "data")
	if out, err := command("initdb", "-D", data, "-A", "trust", "-U", "holder", "--no-sync").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v: %s", err, out)
	}
	run := command("postgres", "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off")
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		run.Process.Signal(syscall.SIGQUIT) // immediate shutdown
		run.Wait()
	})
	db, err := sql.Open("postgres", "host="+dir+" user=holder dbname=postgres sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	for until := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if err = db.Ping(); err == nil {
			return db
		}
		if time.Now().After(until) {
			t.Fatalf("PostgreSQL does not answer: %v", err)
		}
	}
}

func TestFence(t *testing.T) {
	db, ctx := server(t), context.Background()
	f := fencesql.Fence{DB: db, Name: "ledger", Dialect: fencesql.Postgres}
	for i := 0; i < 2; i++ { // it may be there already
		if err := f.Create(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.Exec("CREATE TABLE entries (id SERIAL PRIMARY KEY, token BIGINT NOT NULL)"); err != nil {
		t.Fatal(err)
	}
	t.Run("tokens", func(t *testing.T) { tokens(t, f) })
	t.Run("a barrier waits for what is under way", func(t *testing.T) { underWay(t, f) })
	t.Run("holders at random", func(t *testing.T) { holders(t, f) })
}

func write(f fencesql.Fence, token lease.Token) error {
	return f.Tx(context.Background(), token, nil, func(tx *sql.Tx) error {
		_, err := tx.Exec("INSERT INTO entries (token) VALUES ($1)", int64(token))
		return err
	})
}

func tokens(t *testing.T, f fencesql.Fence) {
	ctx := context.Background()
	if err := write(f, 5); err != fencesql.ErrNoBarrier {
		t.Errorf("a write without a barrier: %v", err)
	}
	for i, c := range []struct {
		barrier, write lease.Token
		want           error
	}{{barrier: 5}, {barrier: 5}, {write: 5}, {write: 4, want: lease.ErrStale}, {write: 6, want: fencesql.ErrNoBarrier}, {barrier: 6}, {write: 5, want: lease.ErrStale}, {barrier: 5, want: lease.ErrStale}, {write: 6}} {
		var err error
		if c.barrier != 0 {
			err = f.Barrier(ctx, c.barrier)
		} else {
			err = write(f, c.write)
		}
		if !errors.Is(err, c.want) {
			t.Errorf("step %d, %+v: %v", i, c, err)
		}
	}
	var stale *lease.StaleError
	if err := write(f, 3); !errors.As(err, &stale) || stale.Highest != 6 {
		t.Errorf("a stale write: %v, want to hear of 6", err)
	}
	if err := f.Barrier(ctx, 1<<63); err == nil || errors.Is(err, lease.ErrStale) {
		t.Errorf("a token that no BIGINT holds: %v", err)
	}
	other := f
	other.Name = "journal"
	if err := other.Barrier(ctx, 2); err != nil {
		t.Errorf("another fence's tokens are its own: %v", err)
	}
	boom := errors.New("no")
	if err := f.Tx(ctx, 6, nil, func(tx *sql.Tx) error { tx.Exec("INSERT INTO entries (token) VALUES (999)"); return boom }); err != boom {
		t.Errorf("a write that fails: %v", err)
	}
	var n int
	if err := f.DB.QueryRow("SELECT count(*) FROM entries WHERE token = 999").Scan(&n); err != nil || n != 0 {
		t.Errorf("a write that failed has left %d rows, %v", n, err)
	}
}

// Two writers of one holder do not wait for each other; a barrier waits for both,
// and a third writer with the old token, who waits behind the barrier, is refused.
func underWay(t *testing.T, f fencesql.Fence) {
	ctx := context.Background()
	if err := f.Barrier(ctx, 10); err != nil {
		t.Fatal(err)
	}
	var inside sync.WaitGroup
	inside.Add(2)
	finish := make(chan struct{})
	old := make(chan error, 2)
	for i := 0; i < 2; i++ {
		go func() {
			old <- f.Tx(ctx, 10, nil, func(tx *sql.Tx) error {
				inside.Done()
				<-finish
				_, err := tx.Exec("INSERT INTO entries (token) VALUES (10)")
				return err
			})
		}()
	}
	inside.Wait() // both at once: the lock is shared
	var finished atomic.Bool
	passed := make(chan error, 1)
	go func() {
		err := f.Barrier(ctx, 11)
		if !finished.Load() {
			err = errors.New("the barrier was passed while old writes were under way")
		}
		passed <- err
	}()
	time.Sleep(100 * time.Millisecond)
	finished.Store(true)
	close(finish)
	for i := 0; i < 2; i++ {
		if err := <-old; err != nil {
			t.Errorf("a write that was under way: %v", err)
		}
	}
	if err := <-passed; err != nil {
		t.Error(err)
	}
	if err := write(f, 10); !errors.Is(err, lease.ErrStale) {
		t.Errorf("an old write after the barrier: %v", err)
	}
}

// Holders come and go and write on after that: in the order in which rows were
// committed no token may follow a higher one's first work.
func holders(t *testing.T, f fencesql.Fence) {
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewSource(seed))
	var begun atomic.Uint64 // the highest token whose barrier has returned
	var wg sync.WaitGroup
	var accepted, refused atomic.Int64
	for token := lease.Token(100); token < 130; token++ {
		wg.Add(1)
		late := time.Duration(r.Intn(400)) * time.Millisecond
		go func() {
			defer wg.Done()
			time.Sleep(late)
			if err := f.Barrier(context.Background(), token); err != nil {
				refused.Add(1)
				return
			}
			for {
				was := begun.Load()
				if was >= uint64(token) || begun.CompareAndSwap(was, uint64(token)) {
					break
				}
			}
			for i := 0; i < 20; i++ {
				before := begun.Load()
				err := write(f, token)
				switch {
				case err == nil && uint64(token) < before:
					t.Errorf("token %d was let in after the barrier of %d had returned", token, before)
				case err == nil:
					accepted.Add(1)
				case errors.Is(err, lease.ErrStale):
					refused.Add(1)
				default:
					t.Errorf("write with token %d: %v", token, err)
				}
			}
		}()
	}
	wg.Wait()
	if accepted.Load() == 0 || refused.Load() == 0 {
		t.Errorf("%d writes accepted and %d refused show nothing", accepted.Load(), refused.Load())
	}
	fmt.Fprintf(t.Output(), "%d writes accepted, %d refused\n", accepted.Load(), refused.Load())
}
