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
	path, err := filepath.Abs(filepath.Join(dir, d.File()))
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
// between must give each a server's session. Making it takes the right to create schemas;
// whoever opens what is there needs rights on the tables of the two schemas alone.
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
	made, err := v.db.migrate(tx)
	if err != nil {
		return err
	}
	if made { // or somebody has dropped it, and nothing of what is kept of it is so any more
		for _, table := range []string{"daybook_projection", "daybook_aside"} {
			if err := tx.Exec(`delete from `+table+` where name = ? and version = ?`, v.def.rows(), v.def.version); err != nil {
				return err
			}
		}
	}
	var tables string
	var parts int
	err = tx.QueryRow(`select min(tables), count(*) from daybook_projection where name = ? and version = ?`, v.def.rows(), v.def.version).
		Scan(optional(&tables), &parts)
	if err != nil {
		return err
	}
	if parts == 0 {
		if err := v.make(tx); err != nil {
			return err
		}
		return v.db.inherit(tx, v.def)
	}
	if tables != v.tables() {
		return fmt.Errorf("it was made by another definition of %s version %d; raise the version, or remove it to have it built again", v.def.name, v.def.version)
	}
	if parts != v.def.parts {
		return fmt.Errorf("it was made with %d parts, and %s version %d has %d; raise the version, or remove it to have it built again", parts, v.def.name, v.def.version, v.def.parts)
	}
	return v.db.inherit(tx, v.def)
}

// make makes the tables, and puts every part before the first event.
func (v *View) make(tx *Tx) error {
	if err := tx.s.script(tx.ctx, v.db.schema(v.def)); err != nil {
		return err
	}
	if v.def.lineage {
		tables, err := v.db.tables(tx)
		if err != nil {
			return err
		}
		if err := tx.s.script(tx.ctx, v.db.trace(tables)); err != nil {
			return err
		}
	}
	for part := range v.def.parts {
		if err := tx.Exec(beginSQL, v.def.rows(), v.def.version, part, v.tables()); err != nil {
			return err
		}
	}
	return nil
}

// tables is what is kept of how the tables were made.
func (v *View) tables() string {
	if v.def.lineage {
		return v.db.schema(v.def) + "\n-- with lineage"
	}
	return v.db.schema(v.def)
}

// Close closes the database, once a transaction that is under way has ended. Every
// later use of the view but another Close is an error.
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
func (v *View) Parts() int { return v.def.parts }

// Keys implements [projection.View].
func (v *View) Keys(e daybook.Recorded) []string { return v.def.keys(e) }

// Apply implements [projection.View]. Everything is one transaction: what the handlers
// do, the checkpoint, and what is set aside.
func (v *View) Apply(ctx context.Context, c projection.Change) error {
	facts, err := v.def.handlers.Facts(c.Events)
	if err != nil {
		return err
	}
	err = v.db.write(ctx, func(tx *Tx) error {
		// The row is taken first: who does not find it where he read it has done
		// nothing yet that would have to be undone.
		if err := v.move(tx, c); err != nil {
			return err
		}
		for i, e := range c.Events {
			if err := v.handle(ctx, tx, facts[i], e); err != nil {
				return err
			}
		}
		return v.keep(tx, c)
	})
	if err != nil {
		return fmt.Errorf("sqlview: change %s: %w", v.db, err)
	}
	return nil
}

// move moves a part on, if it stands where it was read.
func (v *View) move(tx *Tx, c projection.Change) error {
	moved, err := tx.ExecCount(moveSQL,
		id(c.To.Log), id(c.To.Incarnation), c.To.Position, c.To.Applied, id(c.To.EventID), c.To.Events, id(c.To.Owner), plain(c.Paused), string(c.Mark),
		v.def.rows(), v.def.version, c.Part,
		id(c.From.Log), id(c.From.Incarnation), c.From.Position, c.From.Applied, id(c.From.EventID), c.From.Events, id(c.From.Owner))
	if err == nil && moved == 0 {
		err = projection.ErrMoved
	}
	return err
}

// Reset implements [projection.View].
func (v *View) Reset(ctx context.Context) error {
	err := v.db.write(ctx, func(tx *Tx) error {
		// Its rows go first: whoever moves a part waits for them, or is waited for.
		for _, of := range []struct{ table, name string }{
			{"daybook_projection", v.def.rows()}, {"daybook_aside", v.def.rows()}, {"daybook_skip", v.def.name},
		} {
			if err := tx.Exec(`delete from `+of.table+` where name = ? and version = ?`, of.name, v.def.version); err != nil {
				return err
			}
		}
		if err := v.db.clear(tx); err != nil {
			return err
		}
		return v.make(tx)
	})
	if err != nil {
		return fmt.Errorf("sqlview: empty %s: %w", v.db, err)
	}
	return nil
}

// Remove drops the read model, with what is kept of it, and closes the view. Whoever
// else has it open is told so by errors. What was skipped in it stays known to later
// versions.
func (v *View) Remove(ctx context.Context) error {
	if err := v.db.remove(ctx, v.def); err != nil {
		return fmt.Errorf("sqlview: remove %s: %w", v.db, err)
	}
	return nil
}

// handle applies one event. Only what its handler is to blame for is an
// [*projection.EventError].
func (v *View) handle(ctx context.Context, tx *Tx, facts []any, e daybook.Recorded) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if v.def.lineage {
		if err := tx.Exec(v.db.tracing(), e.Position, id(e.ID)); err != nil {
			return err
		}
	}
	err := v.def.handlers.Apply(tx, facts, e)
	if err == nil {
		if wrong := tx.s.check(tx.ctx); wrong != nil {
			err = &projection.EventError{Event: e, Err: wrong}
		}
	}
	if failed := tx.s.failed(); failed != nil && err == nil {
		err = &projection.EventError{Event: e, Err: failed}
	}
	if blamed := (*projection.EventError)(nil); errors.As(err, &blamed) && tx.s.worldly(blamed.Err) {
		return blamed.Err
	}
	return err
}

// Read calls look with a reader of the tables and the checkpoint at which they are, all
// parts together (see [projection.Together]), and returns what look returns. All queries
// of look see the same moment, that of the checkpoint. The reader may be used until look
// returns. Handlers do not wait for readers.
func (v *View) Read(ctx context.Context, look func(rows *Reader, at projection.Checkpoint) error) error {
	looked := false
	err := v.db.read(ctx, func(reader *Reader) error {
		parts, err := v.find(reader) // the first question fixes the moment
		if err != nil {
			return err
		}
		looked = true
		return look(reader, projection.Together(parts))
	})
	if err != nil && !looked {
		return fmt.Errorf("sqlview: read %s: %w", v.db, err)
	}
	return err
}

// id is a UUID as it is kept in tables: as text, for those who look with other
// tools. The nil UUID is the empty text.
type id uuid.UUID
