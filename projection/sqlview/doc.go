// Package sqlview keeps a read model in tables of a SQL database, which is SQLite,
// without cgo.
//
// A [Definition] says how a read model is called, which tables it has, and what its
// handlers do with them. [Definition.Open] opens its database:
//
//	var Overview = sqlview.New("overview", 1, Orders.Codec(),
//		`create table orders (id text primary key, total integer not null) strict`,
//		sqlview.On(func(tx *sqlview.Tx, e Placed, at daybook.Recorded) error {
//			return tx.Exec(`insert into orders values (?, ?)`, at.Stream, e.Total)
//		}),
//	)
//
//	view, err := Overview.Open(ctx, dir)
//	…
//	err = view.Read(ctx, func(rows *sqlview.Reader, at projection.Checkpoint) error {
//		return rows.QueryRow(`select count(*) from orders`).Scan(&n)
//	})
//
// Handlers run in a transaction that also moves the checkpoint, so each event is
// applied exactly once, whatever crashes and however many processes have the same
// database open.
//
// Each version of a read model has a database of its own, the file NAME-vVERSION.db.
// Read models are not migrated: whoever changes tables or handlers raises the
// version, and the new one is built from the log, beside the old one, whose file can
// be deleted when nobody asks it any more.
//
// The database is synced when SQLite makes a checkpoint of its own, not with every
// transaction (journal_mode=WAL, synchronous=NORMAL). A crash of the process loses
// nothing. A loss of power may take the view back to an earlier checkpoint, effects
// and all; the events since are then applied again. So a Wait that was answered
// before a loss of power may not hold after it, and whoever asks with the same token
// again waits again.
package sqlview
