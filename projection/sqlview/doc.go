// Package sqlview keeps a read model in tables of a SQL database: SQLite, without
// cgo, or PostgreSQL.
//
// A [Definition] has the name of a read model, the statements that make its tables,
// and the handlers that change them. [Definition.Open] opens it in a directory, as a file
// of SQLite, and [Definition.OpenIn] in a PostgreSQL database, which need not be where
// the events are:
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
// Each version of a read model has tables of its own: in the file NAME-vVERSION.db, or
// in the schema daybook_NAME_vVERSION. Read models are not migrated: when you change
// tables or handlers, raise the version. The new read model is built from the log,
// beside the old one, which you can remove when no program uses it any more. A version
// can be built once more too, as another [Definition.Edition]. Package projection's
// Versions switch readers from one to the next.
//
// A definition can have parts, which PostgreSQL changes at the same time
// ([Definition.WithParts]), and tables that note which events made a row
// ([Definition.WithLineage] and [View.Lineage]). [Diff] and [DiffStill] tell how two
// versions differ, row by row, and [View.Remove] drops one. Processes that have the same
// read model open take turns at its parts by leases.
//
// In the database where package pgstore keeps the events, a [Definition.Synchronous] read
// model is changed by the store itself, in the transaction that records an event: it is never
// behind, and what it refuses is not recorded.
//
// # SQLite or PostgreSQL
//
// SQLite is several times as fast while one machine is enough. PostgreSQL is for read
// models that several machines share, and for those who ask them with tools of their
// own.
//
// Neither syncs the disk with every transaction (SQLite: journal_mode=WAL,
// synchronous=NORMAL; PostgreSQL: synchronous_commit=off, unless the address says
// otherwise). A crash of the process loses nothing. A loss of power, and with
// PostgreSQL a crash of the server, may take the view back to an earlier checkpoint,
// its tables too, and the events since are then applied again. So after it a view may
// no longer show what a Wait had returned for; a Wait for the same point waits again.
//
// In PostgreSQL a statement that failed undoes the batch, whatever its handler makes of
// the error. Write statements that do not fail, such as insert … on conflict do
// nothing, rather than ones whose errors are answers.
package sqlview
