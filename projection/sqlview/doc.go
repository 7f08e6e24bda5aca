// Package sqlview keeps a read model in tables of a SQL database: SQLite, without
// cgo.
//
// A [Definition] has the name of a read model, the statements that make its tables,
// and the handlers that change them. [Definition.Open] opens its database:
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
// Read models are not migrated: when you change tables or handlers, raise the
// version. The new read model is built from the log, beside the old one, whose file
// you can delete when no program uses it any more.
//
// SQLite syncs the database now and then, not with every transaction
// (journal_mode=WAL, synchronous=NORMAL). A crash of the process loses nothing. A
// loss of power may take the view back to an earlier checkpoint, its tables too, and
// the events since are then applied again. So after a loss of power a view may no
// longer show what a Wait had returned for; a Wait for the same point waits again.
package sqlview
