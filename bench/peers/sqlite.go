package peers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver, registered as "sqlite"

	"github.com/daybook-es/daybook"
)

// SQLite is what many would pick instead: a table of events and one of tags, a
// transaction per append, with the write-ahead log synced at each commit.
type SQLite struct {
	db     *sql.DB
	reads  map[string]*sql.Stmt
	writer *sql.Conn // SQLite has one writer at a time

	mu                                sync.Mutex // over the writer and its statements
	begin, commit, rollback, row, tag *sql.Stmt
}

const sqliteSchema = `
CREATE TABLE IF NOT EXISTS events (
	position INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, stream TEXT NOT NULL, category TEXT NOT NULL, type TEXT NOT NULL,
	recorded_at INTEGER NOT NULL, metadata BLOB, data BLOB);
CREATE INDEX IF NOT EXISTS events_stream ON events (stream);
CREATE INDEX IF NOT EXISTS events_category ON events (category);
CREATE INDEX IF NOT EXISTS events_type ON events (type);
CREATE TABLE IF NOT EXISTS tags (tag TEXT NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (tag, position)) WITHOUT ROWID;`

const (
	sqliteReplay = `SELECT data FROM events ORDER BY position`
	sqliteLoad   = `SELECT data FROM events WHERE stream = ? ORDER BY position`
	sqliteHead   = `SELECT max(position) FROM events WHERE stream = ?`
)

// OpenSQLite opens the database with journal_mode WAL and synchronous FULL.
func OpenSQLite(dir string) (Peer, error) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "events.db")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(60000)&_pragma=cache_size(-262144)")
	if err != nil {
		return nil, err
	}
	if _, err := db.Exec(sqliteSchema); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	p := &SQLite{db: db, reads: map[string]*sql.Stmt{}}
	if err := p.prepare(context.Background()); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return p, nil
}

func (p *SQLite) prepare(ctx context.Context) (err error) {
	if p.writer, err = p.db.Conn(ctx); err != nil {
		return err
	}
	for _, s := range []struct {
		to    **sql.Stmt
		query string
	}{
		{&p.begin, `BEGIN IMMEDIATE`}, {&p.commit, `COMMIT`}, {&p.rollback, `ROLLBACK`},
		{&p.row, `INSERT INTO events (id, stream, category, type, recorded_at, metadata, data) VALUES (?, ?, ?, ?, ?, ?, ?)`},
		{&p.tag, `INSERT INTO tags VALUES (?, ?)`},
	} {
		if *s.to, err = p.writer.PrepareContext(ctx, s.query); err != nil {
			return err
		}
	}
	for _, query := range []string{sqliteReplay, sqliteLoad, sqliteHead} {
		if p.reads[query], err = p.db.PrepareContext(ctx, query); err != nil {
			return err
		}
	}
	return nil
}

// Append implements [Peer].
func (p *SQLite) Append(ctx context.Context, events []daybook.Event) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.begin.ExecContext(ctx); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	err := p.insert(ctx, events)
	if err == nil {
		_, err = p.commit.ExecContext(ctx)
	}
	if err != nil {
		_, rolled := p.rollback.ExecContext(ctx)
		return errors.Join(err, rolled)
	}
	return nil
}

func (p *SQLite) insert(ctx context.Context, events []daybook.Event) error {
	now := time.Now().UnixNano()
	for i := range events {
		e := &events[i]
		result, err := p.row.ExecContext(ctx, e.ID[:], e.Stream, e.Category(), e.Type, now, e.Metadata, e.Data)
		if err != nil {
			return fmt.Errorf("insert event: %w", err)
		}
		position, err := result.LastInsertId()
		if err != nil {
			return err
		}
		for _, tag := range e.Tags {
			if _, err := p.tag.ExecContext(ctx, tag, position); err != nil {
				return fmt.Errorf("insert tag: %w", err)
			}
		}
	}
	return nil
}

// Replay implements [Peer].
func (p *SQLite) Replay(ctx context.Context, visit func([]byte)) error {
	return p.read(ctx, visit, sqliteReplay)
}

// Load implements [Peer].
func (p *SQLite) Load(ctx context.Context, stream string, visit func([]byte)) error {
	return p.read(ctx, visit, sqliteLoad, stream)
}

func (p *SQLite) read(ctx context.Context, visit func([]byte), query string, args ...any) error {
	rows, err := p.reads[query].QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var data sql.RawBytes
	for rows.Next() {
		if err := rows.Scan(&data); err != nil {
			return err
		}
		visit(data)
	}
	return rows.Err()
}

// Head implements [Peer].
func (p *SQLite) Head(ctx context.Context, stream string) (position uint64, err error) {
	err = p.reads[sqliteHead].QueryRowContext(ctx, stream).Scan(&position)
	return position, err
}

// Close implements [Peer].
func (p *SQLite) Close() error { return errors.Join(p.writer.Close(), p.db.Close()) }
