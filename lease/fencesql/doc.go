// Package fencesql checks fencing tokens in a database, in the transaction that
// writes. It uses database/sql alone; the driver is the program's.
//
//	fence := fencesql.Fence{DB: db, Name: "ledger", Dialect: fencesql.Postgres}
//	err := fence.Create(ctx)                       // once: a table of one row a fence
//	term, err := l.Open(ctx, fence)                // the barrier
//	err = term.Do(ctx, func(ctx context.Context, token lease.Token) error {
//		return fence.Tx(ctx, token, nil, func(tx *sql.Tx) error {
//			_, err := tx.ExecContext(ctx, "UPDATE accounts SET …")
//			return err
//		})
//	})
//
// Tx locks the fence's row until the transaction ends, shared with other writers of
// the same holder where the database can do that (Postgres, MySQL), and exclusively
// by an update where it cannot (SQLite). A barrier updates that row: it waits for the
// transactions of lower tokens that are under way, and those that come later find no
// row with their token. A token whose barrier was not passed cannot write at all.
//
// That needs read committed or a stricter level. Where it is stricter, a transaction
// that met a barrier may end with the database's own error of serialization instead
// of lease.ErrStale; it has written nothing either way.
package fencesql
