package sqlview

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
)

// A View is an open read model. It implements [projection.View] and is safe for use
// by many goroutines; other processes may have the same one open.
type View struct {
	def *Definition
	db  database
}

// Open opens the read model's SQLite database in dir, a directory that exists, and
// makes the database if it is not there. The caller closes the view.
//
// A database of the same name and version that was made with another schema is an
// error: raise the version.
func (d *Definition) Open(ctx context.Context, dir string) (*View, error) {
	path, err := filepath.Abs(filepath.Join(dir, fmt.Sprintf("%s-v%d.db", d.name, d.version)))
	if err != nil {
		return nil, fmt.Errorf("sqlview: open %s version %d: %w", d.name, d.version, err)
	}
	file, err := openSQLite(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("sqlview: open %s: %w", path, err)
	}
	return d.open(ctx, file)
}

// OpenIn opens the read model in a PostgreSQL database, version 15 or later, at an
// address such as postgres://user@host/database, and makes it there if it is not
// there. The caller closes the view.
//
// The tables are in a schema of their own, daybook_NAME_vVERSION. It is the only one
// on the path by which statements find their tables, before one in which Daybook keeps
// where its read models stand: name another schema where you want one. The rest of the
// address is as for libpq and package pgxpool; pool_max_conns bounds how many
// questions are asked at once. Connections have settings of their own, so a pooler in
// between must give each a server's session.
//
// A read model of the same name and version that was made with another schema is an
// error: raise the version.
func (d *Definition) OpenIn(ctx context.Context, url string) (*View, error) {
	db, err := openPostgres(ctx, url, d)
	if err != nil {
		return nil, fmt.Errorf("sqlview: open %s version %d: %w", d.name, d.version, err)
	}
	return d.open(ctx, db)
}

// open makes the tables, or finds that they were made by this definition.
func (d *Definition) open(ctx context.Context, db database) (*View, error) {
	v := &View{def: d, db: db}
	if err := db.write(ctx, v.create); err != nil {
		return nil, errors.Join(fmt.Errorf("sqlview: open %s: %w", db, err), db.close())
	}
	return v, nil
}

// create makes the tables, or finds that they were made by this definition.
func (v *View) create(tx *Tx) error {
	if err := v.db.migrate(tx); err != nil {
		return err
	}
	tables := v.db.schema(v.def)
	var schema string
	err := tx.QueryRow(`select tables from daybook_projection where name = ? and version = ? and part = 0`, v.def.name, v.def.version).Scan(&schema)
	if err == nil && schema != tables {
		return fmt.Errorf("it was made by another definition of %s version %d; raise the version, or delete it to have it built again", v.def.name, v.def.version)
	}
	if !errors.Is(err, ErrNoRow) {
		return err
	}
	if err := tx.s.script(tx.ctx, tables); err != nil {
		return err
	}
	return v.begin(tx)
}

// Close closes the database, once a transaction that is under way has ended. Every
// later use of the view is an error.
func (v *View) Close() error {
	if err := v.db.close(); err != nil {
		return fmt.Errorf("sqlview: close %s: %w", v.db, err)
	}
	return nil
}

// Name implements [projection.View].
func (v *View) Name() string { return v.def.name }

// Version implements [projection.View].
func (v *View) Version() int { return v.def.version }

// Query implements [projection.View].
func (v *View) Query() daybook.Query { return v.def.handlers.Query() }

// Parts implements [projection.View].
func (v *View) Parts() int { return 1 }

// Keys implements [projection.View].
func (v *View) Keys(e daybook.Recorded) []string { return projection.ByStream(e) }

// Stand implements [projection.View].
func (v *View) Stand(ctx context.Context, part int) (stand projection.Stand, err error) {
	err = v.db.read(ctx, func(reader *Reader) error {
		stand, err = v.stand(reader, part)
		return err
	})
	if err != nil {
		return stand, fmt.Errorf("sqlview: read %s: %w", v.db, err)
	}
	return stand, nil
}

// Apply implements [projection.View]. Everything is one transaction: the handlers,
// the checkpoint, and what is set aside.
func (v *View) Apply(ctx context.Context, c projection.Change) error {
	facts, err := v.def.handlers.Facts(c.Events)
	if err != nil {
		return err
	}
	err = v.db.write(ctx, func(tx *Tx) error {
		// The row is taken first: who does not find it where he read it has done
		// nothing yet that would have to be undone.
		moved, err := v.move(tx, c)
		if err != nil {
			return err
		}
		if !moved {
			return projection.ErrMoved
		}
		for i, e := range c.Events {
			if err := v.handle(ctx, tx, facts[i], e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("sqlview: change %s: %w", v.db, err)
	}
	return nil
}

// Reset implements [projection.View].
func (v *View) Reset(ctx context.Context) error {
	if err := v.db.write(ctx, v.empty); err != nil {
		return fmt.Errorf("sqlview: empty %s: %w", v.db, err)
	}
	return nil
}

// handle applies one event. Only what its handler is to blame for is an
// [*projection.EventError].
func (v *View) handle(ctx context.Context, tx *Tx, facts []any, e daybook.Recorded) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := v.def.handlers.Apply(tx, facts, e)
	if failed := tx.s.failed(); failed != nil && err == nil {
		err = &projection.EventError{Event: e, Err: failed}
	}
	if blamed := (*projection.EventError)(nil); errors.As(err, &blamed) && tx.s.worldly(blamed.Err) {
		return blamed.Err
	}
	return err
}

// Read calls look with a reader of the tables and the checkpoint at which they are,
// and returns what look returns. All queries of look see the same moment, that of the
// checkpoint. The reader may be used until look returns. Handlers do not wait for
// readers.
func (v *View) Read(ctx context.Context, look func(rows *Reader, at projection.Checkpoint) error) error {
	looked := false
	err := v.db.read(ctx, func(reader *Reader) error {
		stand, err := v.find(reader, 0) // the first question fixes the moment
		if err != nil {
			return err
		}
		looked = true
		return look(reader, stand.Checkpoint)
	})
	if err != nil && !looked {
		return fmt.Errorf("sqlview: read %s: %w", v.db, err)
	}
	return err
}

// id is a UUID as it is kept in tables: as text, for those who look with other
// tools. The nil UUID is the empty text.
type id uuid.UUID
