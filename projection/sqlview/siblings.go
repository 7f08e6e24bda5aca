package sqlview

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/daybook-es/daybook/projection"
)

// A sibling is the file of another version or edition of a read model.
type sibling struct {
	path             string
	version, edition int
}

// siblings lists the files of other versions and editions beside this one, from the
// oldest.
func (f *sqliteFile) siblings(d *Definition) ([]sibling, error) {
	all, err := d.files(filepath.Dir(f.path))
	return slices.DeleteFunc(all, func(s sibling) bool { return s.path == f.path }), err
}

// skipsLook is how old what is known of the skips of earlier versions may be: to look
// means to open their files.
const skipsLook = time.Second

// earlier implements database: earlier versions lie in files beside this one.
func (f *sqliteFile) earlier(ctx context.Context, d *Definition, stand *projection.Stand) error {
	f.looking.Lock()
	defer f.looking.Unlock()
	if f.looked.IsZero() || time.Since(f.looked) > skipsLook {
		skips, err := f.skipsBefore(ctx, d)
		if err != nil {
			return err
		}
		f.skips, f.looked = skips, time.Now()
	}
	addSkips(stand, f.skips)
	return nil
}

// inherit implements database: the files of earlier versions may be deleted.
func (f *sqliteFile) inherit(tx *Tx, d *Definition) error {
	skips, err := f.skipsBefore(tx.ctx, d)
	if err != nil {
		return err
	}
	return keepAll(tx, d, skips)
}

// keepAll keeps skips of other versions.
func keepAll(tx *Tx, d *Definition, skips []kept) error {
	for _, s := range skips {
		if err := tx.Exec(skipSQL, d.name, s.version, s.part, id(s.EventID), s.Position, s.Reason, s.At); err != nil {
			return err
		}
	}
	return nil
}

// skipsBefore reads what was skipped in earlier versions.
func (f *sqliteFile) skipsBefore(ctx context.Context, d *Definition) (all []kept, err error) {
	siblings, err := f.siblings(d)
	if err != nil {
		return nil, err
	}
	for _, sibling := range siblings {
		if sibling.version > d.version {
			break
		}
		skips, err := sibling.skips(ctx, d.name)
		if err != nil {
			return nil, fmt.Errorf("read what was skipped in %s: %w", sibling.path, err)
		}
		all = append(all, skips...)
	}
	return all, nil
}

// skips reads what was skipped in the version, and in those before it.
func (s sibling) skips(ctx context.Context, name string) (skips []kept, err error) {
	err = s.with(ctx, true, func(conn *sql.Conn) error {
		c := newConnection(conn)
		skips, err = skipsOf(&Reader{ctx: ctx, s: &c}, name, s.version)
		return err
	})
	return skips, err
}

// with calls do with a connection to the file, if it is still there and has a table for
// what is skipped: one that no program has opened for long has none.
func (s sibling) with(ctx context.Context, readOnly bool, do func(*sql.Conn) error) (err error) {
	if _, err := os.Stat(s.path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	// It may be removed just now, and is not to be made anew.
	db, err := sql.Open("sqlite", address(s.path, readOnly)+"&mode=rw")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var tables int
	if err := conn.QueryRowContext(ctx, `select count(*) from sqlite_schema where name = 'daybook_skip'`).Scan(&tables); err != nil || tables == 0 {
		return err
	}
	return do(conn)
}

// remove implements database. Later versions are told first what was skipped.
func (f *sqliteFile) remove(ctx context.Context, d *Definition) error {
	var skips []kept
	err := f.read(ctx, func(rows *Reader) (err error) {
		skips, err = skipsOf(rows, d.name, d.version)
		return err
	})
	if err != nil {
		return err
	}
	siblings, err := f.siblings(d)
	if err != nil {
		return err
	}
	for _, sibling := range siblings {
		if sibling.version < d.version || len(skips) == 0 {
			continue
		}
		err := sibling.with(ctx, false, func(conn *sql.Conn) error {
			return newWriter(conn).transact(ctx, func(tx *Tx) error { return keepAll(tx, d, skips) })
		})
		if err != nil {
			return fmt.Errorf("tell %s what was skipped: %w", sibling.path, err)
		}
	}
	if err := f.close(); err != nil {
		return err
	}
	errs := []error{os.Remove(f.path)}
	for _, more := range []string{"-wal", "-shm"} {
		if err := os.Remove(f.path + more); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
