package sqlview

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Gone reports whether the read model is no more where the view was opened: somebody has
// deleted its file or dropped its schema, or put others in their place. An error says that
// this cannot be told, because the database cannot be reached.
//
// A view whose read model is gone shows no more than it did, if it shows anything, and what
// it applies nobody will find. Close it and open the definition again: the read model is
// then made anew, and built from the log.
func (v *View) Gone(ctx context.Context) (bool, error) {
	gone, err := v.db.gone(ctx)
	if err != nil {
		return false, fmt.Errorf("sqlview: look for %s: %w", v.db, err)
	}
	return gone, nil
}

// gone implements database. A file that is deleted while it is open lives on without a
// name, and SQLite does not notice.
func (f *sqliteFile) gone(context.Context) (bool, error) {
	now, err := os.Stat(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, nil
	case err != nil:
		return false, err
	}
	return !os.SameFile(now, f.opened), nil
}

// gone implements database.
func (p *postgresSchema) gone(ctx context.Context) (gone bool, err error) {
	err = p.ask(ctx, func(rows *Reader) error {
		return rows.QueryRow(`select to_regnamespace(?::text) is null or to_regclass('daybook_projections.daybook_projection') is null`, p.name).Scan(&gone)
	})
	return gone, err
}

// goneLook is how long it may take to find out whose fault it is that a table is not there.
const goneLook = 5 * time.Second

// lacking reports whether a statement failed because the whole schema is gone: no handler
// is to blame for that, and no event is to be set aside.
func (p *postgresSchema) lacking(failed *pgconn.PgError) bool {
	const noSchema, noTable = "3F000", "42P01"
	if failed.Code != noSchema && failed.Code != noTable {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), goneLook)
	defer cancel()
	gone, err := p.gone(ctx)
	return gone || err != nil
}
