package peers

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"time"

	"github.com/daybook-es/daybook"
	_ "modernc.org/sqlite" // the driver, registered as "sqlite"
)

// SQLite is what many would pick instead: a table of events and one of terms, a
// transaction per append, with the write-ahead log synced at each commit.
type SQLite struct{ db *sql.DB }

const sqliteSchema = `
CREATE TABLE events (
	position INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, stream TEXT NOT NULL, version INTEGER NOT NULL, type TEXT NOT NULL,
	recorded_at INTEGER NOT NULL, metadata BLOB, data BLOB, UNIQUE (stream, version));
CREATE TABLE terms (term TEXT NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (term, position)) WITHOUT ROWID;`

// OpenSQLite opens the database with journal_mode WAL and synchronous FULL.
func OpenSQLite(dir string) (Peer, error) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "events.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(60000)&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	// One connection: SQLite has one writer at a time, and waiting for a connection
	// is cheaper than polling its lock.
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(sqliteSchema); err != nil {
		return nil, err
	}
	return &SQLite{db}, nil
}

// Name implements [Peer].
func (*SQLite) Name() string { return "SQLite" }

// Synced implements [Peer].
func (*SQLite) Synced() string { return "commit in WAL mode, synchronous FULL" }

// Append implements [Peer].
func (p *SQLite) Append(ctx context.Context, events []daybook.Event) error {
	tx, err := p.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after a commit it does nothing
	for _, e := range events {
		var position int64
		err := tx.QueryRowContext(ctx, `INSERT INTO events (id, stream, version, type, recorded_at, metadata, data)
			VALUES (?, ?, (SELECT coalesce(max(version), 0) + 1 FROM events WHERE stream = ?), ?, ?, ?, ?) RETURNING position`,
			e.ID[:], e.Stream, e.Stream, e.Type, time.Now().UnixNano(), e.Metadata, e.Data).Scan(&position)
		if err != nil {
			return fmt.Errorf("insert event: %w", err)
		}
		for _, term := range append([]string{"c" + e.Category(), "t" + e.Type}, e.Tags...) {
			if _, err := tx.ExecContext(ctx, `INSERT INTO terms VALUES (?, ?)`, term, position); err != nil {
				return fmt.Errorf("insert term: %w", err)
			}
		}
	}
	return tx.Commit()
}

// Replay implements [Peer].
func (p *SQLite) Replay(ctx context.Context, visit func([]byte)) error {
	return p.read(ctx, visit, `SELECT data FROM events ORDER BY position`)
}

// Load implements [Peer].
func (p *SQLite) Load(ctx context.Context, stream string, visit func([]byte)) error {
	return p.read(ctx, visit, `SELECT data FROM events WHERE stream = ? ORDER BY version`, stream)
}

func (p *SQLite) read(ctx context.Context, visit func([]byte), query string, args ...any) error {
	rows, err := p.db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var data sql.RawBytes
		if err := rows.Scan(&data); err != nil {
			return err
		}
		visit(data)
	}
	return rows.Err()
}

// Close implements [Peer].
func (p *SQLite) Close() error { return p.db.Close() }
