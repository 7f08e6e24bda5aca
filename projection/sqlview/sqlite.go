package sqlview

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"modernc.org/sqlite" // also the driver named "sqlite"
	lib "modernc.org/sqlite/lib"
)

// A sqliteFile is a read model in a file of SQLite.
type sqliteFile struct {
	path string
	// opened tells the file from another that somebody puts in its place.
	opened os.FileInfo

	// readers is a pool of connections, each of which sees what was committed when it
	// began to look. They do not wait for the writer, nor the writer for them.
	readers *readers
	writers *sql.DB // lends the one connection that writer holds

	writing sync.Mutex // held while a transaction writes; guards writer and closed
	closed  bool
	writer  *writer

	looking sync.Mutex // guards skips, those of earlier versions, and when they were read
	skips   []kept
	looked  time.Time
}

// More queries than this at once would only wait for the processor or the disk.
const maxReaders = 8

//go:embed sql/sqlite
var sqliteMigrations embed.FS

// openSQLite opens the file, and makes it if it is not there. Somebody may put another in its
// place meanwhile: it is opened again until the same was there before and after, so that it
// is known which one it is, and seen when it is gone.
func openSQLite(ctx context.Context, path string) (*sqliteFile, error) {
	for {
		before, _ := os.Stat(path) // nil if it has to be made
		f, err := connectSQLite(ctx, path)
		if err != nil {
			return nil, err
		}
		if before != nil && os.SameFile(before, f.opened) {
			return f, nil
		}
		if err := f.close(); err != nil {
			return nil, err
		}
	}
}

func connectSQLite(ctx context.Context, path string) (_ *sqliteFile, err error) {
	f := &sqliteFile{path: path}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.close())
		}
	}()
	if f.writers, err = sql.Open("sqlite", address(path, false)); err != nil {
		return nil, err
	}
	read, err := sql.Open("sqlite", address(path, true))
	if err != nil {
		return nil, err
	}
	f.readers = newReaders(read)
	conn, err := connect(ctx, f.writers)
	if err != nil {
		return nil, err
	}
	f.writer = newWriter(conn)
	if f.opened, err = os.Stat(path); err != nil {
		return nil, err
	}
	return f, nil
}

// connect opens the first connection. While another process does the same to a new file,
// SQLite refuses to wait for it: the mode of the journal is being changed.
func connect(ctx context.Context, db *sql.DB) (*sql.Conn, error) {
	for deadline := time.Now().Add(patience); ; {
		conn, err := db.Conn(ctx)
		failed := (*sqlite.Error)(nil)
		if !errors.As(err, &failed) || failed.Code()&0xff != lib.SQLITE_BUSY || time.Now().After(deadline) {
			return conn, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// patience is for how long whoever wants to write waits for another process.
const patience = 10 * time.Second

// address returns how the driver is told to open the file.
func address(path string, readOnly bool) string {
	settings := url.Values{"_pragma": {
		fmt.Sprintf("busy_timeout(%d)", patience.Milliseconds()),
		"journal_mode(WAL)",
		// See the package's comment for what NORMAL means.
		"synchronous(NORMAL)",
		"foreign_keys(1)",
		"temp_store(MEMORY)",
		// 32 MiB: an index that is written in random order stays in memory while some
		// hundred thousand events are applied.
		"cache_size(-32768)",
	}}
	if readOnly {
		settings.Add("_pragma", "query_only(1)")
	}
	file := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: settings.Encode()}
	return file.String()
}

func (f *sqliteFile) String() string { return f.path }

func (f *sqliteFile) schema(d *Definition) string { return d.sqlite }

func (f *sqliteFile) now() string { return `cast(unixepoch('subsec') * 1000 as integer) * 1000000` }

// clear implements database. Tables that are the inside of a virtual one go with it, so
// those come first; indexes and triggers go with their tables.
func (f *sqliteFile) clear(tx *Tx) error {
	const all = `select type, name from sqlite_schema
where type in ('view', 'table') and name not like 'sqlite!_%' escape '!' and name not like 'daybook!_%' escape '!'
order by type desc, sql like 'create virtual%' desc`
	statements := "pragma defer_foreign_keys = 1;\n" // tables may refer to each other
	for row, err := range tx.Query(all) {
		var kind, name string
		if err == nil {
			err = row.Scan(&kind, &name)
		}
		if err != nil {
			return err
		}
		statements += fmt.Sprintf("drop %s if exists %s;\n", kind, quote(name))
	}
	return tx.s.script(tx.ctx, statements+"drop table if exists daybook_lineage; drop table if exists daybook_event;")
}

// migrate applies the migrations that the file has yet to have. Their count is the
// file's user_version, which is zero in a new file, and in those of the time before
// there was more than one: the first migration does nothing where its table is.
//
// What is kept of a read model lies in its own file.
func (f *sqliteFile) migrate(tx *Tx) (made bool, err error) {
	var done int
	if err := tx.QueryRow(`pragma user_version`).Scan(&done); err != nil {
		return false, err
	}
	return false, migrate(tx, sqliteMigrations, "sql/sqlite", done, func(number int) error {
		return tx.s.script(tx.ctx, fmt.Sprintf(`pragma user_version = %d`, number))
	})
}

func (f *sqliteFile) write(ctx context.Context, do func(*Tx) error) error {
	f.writing.Lock()
	defer f.writing.Unlock()
	err := f.writer.transact(ctx, do)
	failed := (*sqlite.Error)(nil)
	if ended := (*commitError)(nil); !errors.As(err, &ended) || !errors.As(err, &failed) || failed.Code()&0xff != lib.SQLITE_CONSTRAINT {
		return err
	}
	f.writer.patient = true // once more, to learn whose fault it is
	defer func() { f.writer.patient = false }()
	return f.writer.transact(ctx, do)
}

func (f *sqliteFile) read(ctx context.Context, look func(*Reader) error) error {
	return f.readers.transact(ctx, func(c *connection) error { return look(&Reader{ctx: ctx, s: c}) })
}

func (f *sqliteFile) close() error {
	f.writing.Lock()
	defer f.writing.Unlock()
	if f.closed {
		return nil
	}
	f.closed = true
	var errs []error
	if f.writer != nil {
		errs = append(errs, f.writer.close())
	}
	if f.writers != nil {
		errs = append(errs, f.writers.Close())
	}
	if f.readers != nil {
		errs = append(errs, f.readers.close())
	}
	return errors.Join(errs...)
}

// ask implements database.
func (f *sqliteFile) ask(ctx context.Context, look func(*Reader) error) error {
	return f.readers.with(ctx, func(c *connection) error { return look(&Reader{ctx: ctx, s: c}) })
}

// each yields rows.
func each(rows *sql.Rows, err error, yield func(Row, error) bool) {
	if err != nil {
		yield(Row{}, err)
		return
	}
	for rows.Next() {
		if !yield(Row{scan: rows.Scan}, nil) {
			_ = rows.Close() // the caller has seen enough, and is not there to be told
			return
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		yield(Row{}, err)
	}
}

// worldly implements session. A statement that asks for too much, or for what is not
// there, has another code.
func (w *writer) worldly(err error) bool {
	failed := (*sqlite.Error)(nil)
	if !errors.As(err, &failed) {
		return false
	}
	switch failed.Code() & 0xff {
	case lib.SQLITE_BUSY, lib.SQLITE_NOMEM, lib.SQLITE_READONLY, lib.SQLITE_INTERRUPT, lib.SQLITE_IOERR, lib.SQLITE_CORRUPT,
		lib.SQLITE_FULL, lib.SQLITE_CANTOPEN, lib.SQLITE_PROTOCOL, lib.SQLITE_NOTADB:
		return true
	}
	return false
}
