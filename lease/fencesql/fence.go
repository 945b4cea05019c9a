package fencesql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"

	"github.com/lifesign-go/lifesign/lease"
)

// Dialect is how a database wants to be asked.
type Dialect int

// The dialects. Tested with a server of its own is PostgreSQL; of the others, the
// statements follow their manuals (MySQL 8.0, SQLite 3.24).
const (
	Postgres Dialect = iota
	MySQL
	SQLite
)

// ErrNoBarrier: the fence has not heard of the token yet.
var ErrNoBarrier = errors.New("fencesql: no barrier was sent with this token")

// table has a row a fence.
const table = "lifesign_fence"

// statements take the token first and the name second; raise may take the token
// again, and highest takes the name alone.
type statements struct {
	create, insert, raise, check, highest string
	locks                                 bool // check returns a row and locks it; otherwise it counts an update
	again                                 bool // raise takes the token a second time
}

var dialects = [...]statements{
	Postgres: {
		create:  "CREATE TABLE IF NOT EXISTS " + table + " (name TEXT PRIMARY KEY, token BIGINT NOT NULL)",
		insert:  "INSERT INTO " + table + " (token, name) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
		raise:   "UPDATE " + table + " SET token = $1 WHERE name = $2 AND token <= $1",
		check:   "SELECT token FROM " + table + " WHERE token = $1 AND name = $2 FOR SHARE",
		highest: "SELECT token FROM " + table + " WHERE name = $1",
		locks:   true,
	},
	MySQL: {
		create:  "CREATE TABLE IF NOT EXISTS " + table + " (name VARCHAR(191) PRIMARY KEY, token BIGINT NOT NULL)",
		insert:  "INSERT IGNORE INTO " + table + " (token, name) VALUES (?, ?)",
		raise:   "UPDATE " + table + " SET token = ? WHERE name = ? AND token <= ?",
		check:   "SELECT token FROM " + table + " WHERE token = ? AND name = ? FOR SHARE",
		highest: "SELECT token FROM " + table + " WHERE name = ?",
		locks:   true, again: true,
	},
	SQLite: {
		create:  "CREATE TABLE IF NOT EXISTS " + table + " (name TEXT PRIMARY KEY, token INTEGER NOT NULL)",
		insert:  "INSERT INTO " + table + " (token, name) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING",
		raise:   "UPDATE " + table + " SET token = ?1 WHERE name = ?2 AND token <= ?1",
		check:   "UPDATE " + table + " SET token = ?1 WHERE name = ?2 AND token = ?1",
		highest: "SELECT token FROM " + table + " WHERE name = ?1",
	},
}

// Fence is a row of a table that has the highest token seen. It is a lease.Store,
// and its methods may be called by any number of goroutines.
type Fence struct {
	DB      *sql.DB
	Name    string // which fence, if the database has several
	Dialect Dialect
}

// Create makes the table, if it is not there.
func (f Fence) Create(ctx context.Context) error {
	if _, err := f.DB.ExecContext(ctx, dialects[f.Dialect].create); err != nil {
		return fmt.Errorf("create the table %s: %w", table, err)
	}
	return nil
}

// Barrier makes t the highest token, unless a higher one was seen, and waits for
// the transactions of lower ones.
func (f Fence) Barrier(ctx context.Context, t lease.Token) error {
	if err := inRange(t); err != nil {
		return err
	}
	d := dialects[f.Dialect]
	tx, err := f.DB.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin the barrier's transaction: %w", err)
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, d.insert, int64(t), f.Name); err != nil {
		return fmt.Errorf("insert the fence %s: %w", f.Name, err)
	}
	// Where the token is what it was, MySQL counts no row as changed: that it is
	// the highest is then what the check finds.
	if _, err := tx.ExecContext(ctx, d.raise, d.args(t, f.Name)...); err != nil {
		return fmt.Errorf("raise the fence %s: %w", f.Name, err)
	}
	if err := f.check(ctx, tx, t); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit the barrier: %w", err)
	}
	return nil
}

// Tx does write in a transaction, if the barrier of t was passed and no higher token
// was seen since, and commits it if write returns nil. Otherwise it returns a
// *lease.StaleError or ErrNoBarrier, and write was not called.
func (f Fence) Tx(ctx context.Context, t lease.Token, opts *sql.TxOptions, write func(tx *sql.Tx) error) error {
	if err := inRange(t); err != nil {
		return err
	}
	tx, err := f.DB.BeginTx(ctx, opts)
	if err != nil {
		return fmt.Errorf("begin a transaction with token %d: %w", uint64(t), err)
	}
	defer tx.Rollback()
	if err := f.check(ctx, tx, t); err != nil {
		return err
	}
	if err := write(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit a transaction with token %d: %w", uint64(t), err)
	}
	return nil
}

// check locks the fence's row if its token is t.
func (f Fence) check(ctx context.Context, tx *sql.Tx, t lease.Token) error {
	found, err := f.lock(ctx, tx, t)
	if err != nil {
		return fmt.Errorf("check token %d at the fence %s: %w", uint64(t), f.Name, err)
	}
	if found {
		return nil
	}
	var highest int64
	err = tx.QueryRowContext(ctx, dialects[f.Dialect].highest, f.Name).Scan(&highest)
	switch {
	case errors.Is(err, sql.ErrNoRows) || err == nil && highest < int64(t):
		return ErrNoBarrier
	case err != nil:
		return fmt.Errorf("read the highest token of the fence %s: %w", f.Name, err)
	}
	return &lease.StaleError{Token: t, Highest: lease.Token(highest)}
}

// lock reports whether the row has t, and keeps it so until the transaction ends.
func (f Fence) lock(ctx context.Context, tx *sql.Tx, t lease.Token) (bool, error) {
	d := dialects[f.Dialect]
	if d.locks {
		var seen int64
		err := tx.QueryRowContext(ctx, d.check, int64(t), f.Name).Scan(&seen)
		if errors.Is(err, sql.ErrNoRows) {
			return false, nil
		}
		return err == nil, err
	}
	res, err := tx.ExecContext(ctx, d.check, int64(t), f.Name)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// args are those of raise.
func (d statements) args(t lease.Token, name string) []interface{} {
	if d.again {
		return []interface{}{int64(t), name, int64(t)}
	}
	return []interface{}{int64(t), name}
}

// inRange refuses what no column can hold.
func inRange(t lease.Token) error {
	if t == 0 || t > math.MaxInt64 {
		return fmt.Errorf("token %d is not between 1 and %d", uint64(t), int64(math.MaxInt64))
	}
	return nil
}
