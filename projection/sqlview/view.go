package sqlview

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"sync"

	"github.com/google/uuid"
	_ "modernc.org/sqlite" // the driver named "sqlite"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
)

// A View is an open read model. It implements [projection.View] and is safe for use
// by many goroutines; other processes may have the same one open.
type View struct {
	def  *Definition
	path string

	// readers is a pool of connections, each of which sees what was committed when it
	// began to look. They do not wait for the writer, nor the writer for them.
	readers *sql.DB
	writers *sql.DB // lends the one connection that writer holds

	writing sync.Mutex // held while a transaction writes; guards writer
	writer  *writer
}

// More queries than this at once would only wait for the processor or the disk.
const maxReaders = 8

// Open opens the read model's database in dir, a directory that exists, and makes the
// database if it is not there. The caller closes the view.
//
// A database of the same name and version that was made with another schema is an
// error: raise the version.
func (d *Definition) Open(ctx context.Context, dir string) (*View, error) {
	path, err := filepath.Abs(filepath.Join(dir, fmt.Sprintf("%s-v%d.db", d.name, d.version)))
	if err != nil {
		return nil, fmt.Errorf("sqlview: open %s version %d: %w", d.name, d.version, err)
	}
	v := &View{def: d, path: path}
	if err := v.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("sqlview: open %s: %w", path, err), v.Close())
	}
	return v, nil
}

func (v *View) open(ctx context.Context) (err error) {
	if v.writers, err = sql.Open("sqlite", address(v.path, false)); err != nil {
		return err
	}
	if v.readers, err = sql.Open("sqlite", address(v.path, true)); err != nil {
		return err
	}
	v.readers.SetMaxOpenConns(maxReaders)
	v.readers.SetMaxIdleConns(maxReaders)
	conn, err := v.writers.Conn(ctx)
	if err != nil {
		return err
	}
	v.writer = newWriter(conn)
	return v.writer.transact(ctx, v.create)
}

// address returns how the driver is told to open the file.
func address(path string, readOnly bool) string {
	settings := url.Values{"_pragma": {
		// Two processes may want to write; the second one waits for this long.
		"busy_timeout(10000)",
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

var (
	//go:embed sql/create.sql
	createSQL string
	//go:embed sql/begin.sql
	beginSQL string
	//go:embed sql/find.sql
	findSQL string
	//go:embed sql/move.sql
	moveSQL string
)

// create makes the tables, or finds that they were made by this definition.
func (v *View) create(tx *Tx) error {
	if err := tx.script(createSQL); err != nil {
		return err
	}
	var schema string
	err := tx.QueryRow(`select tables from daybook_projection where name = ? and version = ? and part = 0`, v.def.name, v.def.version).Scan(&schema)
	if err == nil && schema != v.def.schema {
		return fmt.Errorf("it was made by another definition of %s version %d; raise the version, or delete the file to build it again", v.def.name, v.def.version)
	}
	if !errors.Is(err, ErrNoRow) {
		return err
	}
	if err := tx.script(v.def.schema); err != nil {
		return err
	}
	return tx.Exec(beginSQL, v.def.name, v.def.version, v.def.schema)
}

// Close closes the database, once a transaction that is under way has ended. Every
// later use of the view is an error.
func (v *View) Close() error {
	v.writing.Lock()
	defer v.writing.Unlock()
	var errs []error
	if v.writer != nil {
		errs = append(errs, v.writer.close())
	}
	for _, db := range []*sql.DB{v.writers, v.readers} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("sqlview: close %s: %w", v.path, err)
	}
	return nil
}

// Name implements [projection.View].
func (v *View) Name() string { return v.def.name }

// Version implements [projection.View].
func (v *View) Version() int { return v.def.version }

// Query implements [projection.View].
func (v *View) Query() daybook.Query { return v.def.handlers.Query() }

// Checkpoint implements [projection.View].
func (v *View) Checkpoint(ctx context.Context) (projection.Checkpoint, error) {
	at, err := v.find(&Reader{ctx: ctx, db: v.readers})
	if err != nil {
		return at, fmt.Errorf("sqlview: read %s: %w", v.path, err)
	}
	return at, nil
}

// find reads the checkpoint.
func (v *View) find(reader *Reader) (at projection.Checkpoint, err error) {
	err = reader.QueryRow(findSQL, v.def.name, v.def.version).Scan(
		(*id)(&at.Log), (*id)(&at.Incarnation), &at.Position, &at.Applied, (*id)(&at.EventID), (*id)(&at.Owner))
	return at, err
}

// Apply implements [projection.View]. Everything is one transaction: the handlers
// and the checkpoint.
func (v *View) Apply(ctx context.Context, from projection.Checkpoint, events []daybook.Recorded, to projection.Checkpoint) error {
	facts, err := v.def.handlers.Facts(events)
	if err != nil {
		return err
	}
	v.writing.Lock()
	defer v.writing.Unlock()
	err = v.writer.transact(ctx, func(tx *Tx) error {
		// The row is taken first: who does not find it where he read it has done
		// nothing yet that would have to be undone.
		moved, err := tx.ExecCount(moveSQL,
			id(to.Log), id(to.Incarnation), to.Position, to.Applied, id(to.EventID), id(to.Owner),
			v.def.name, v.def.version,
			id(from.Log), id(from.Incarnation), from.Position, id(from.EventID), id(from.Owner))
		if err != nil {
			return err
		}
		if moved == 0 {
			return projection.ErrMoved
		}
		for i, e := range events {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := v.def.handlers.Apply(tx, facts[i], e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("sqlview: change %s: %w", v.path, err)
	}
	return nil
}

// Read calls look with a reader of the tables and the checkpoint at which they are,
// and returns what look returns. All queries of look see the same moment, that of the
// checkpoint. The reader may be used until look returns. Handlers do not wait for
// readers.
func (v *View) Read(ctx context.Context, look func(rows *Reader, at projection.Checkpoint) error) (err error) {
	tx, err := v.readers.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("sqlview: read %s: %w", v.path, err)
	}
	defer func() {
		// Nothing was written: a rollback only says that the reading is over.
		if end := tx.Rollback(); end != nil && err == nil && !errors.Is(end, sql.ErrTxDone) {
			err = fmt.Errorf("sqlview: read %s: %w", v.path, end)
		}
	}()
	reader := &Reader{ctx: ctx, db: tx}
	at, err := v.find(reader) // the first question fixes the moment
	if err != nil {
		return fmt.Errorf("sqlview: read %s: %w", v.path, err)
	}
	return look(reader, at)
}

// id is a UUID as it is kept in tables: as text, for those who look with other
// tools. The nil UUID is the empty text.
type id uuid.UUID
