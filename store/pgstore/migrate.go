package pgstore

import (
	"context"
	"fmt"
	"hash/fnv"
	"path"

	"github.com/jackc/pgx/v5"
)

// migrate makes the schema, and applies the migrations that it has yet to have, under a lock
// of the database. Whoever opens what is there needs no right to create anything.
func (s *Store) migrate(ctx context.Context, conn *pgx.Conn) error {
	files, err := migrations.ReadDir("sql/migrations") // in order of name, which begins with the number
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock($1)`, lockOf(s.options.Schema)); err != nil {
			return err
		}
		quoted := pgx.Identifier{s.options.Schema}.Sanitize()
		var schema, table bool
		const looks = `select to_regnamespace($1) is not null, to_regclass($1 || '.daybook_migration') is not null`
		if err := tx.QueryRow(ctx, looks, quoted).Scan(&schema, &table); err != nil {
			return err
		}
		if !schema {
			if _, err := tx.Exec(ctx, "create schema "+quoted); err != nil {
				return err
			}
		}
		done := 0
		if !table {
			if _, err := tx.Exec(ctx, migrateSQL); err != nil {
				return err
			}
		} else if err := tx.QueryRow(ctx, `select count(*) from daybook_migration`).Scan(&done); err != nil {
			return err
		}
		if done > len(files) {
			return fmt.Errorf("%w: a newer version of Daybook has changed its tables here: migration %d is done, and this version has %d", errRefused, done, len(files))
		}
		for i, file := range files[done:] {
			statements, err := migrations.ReadFile(path.Join("sql/migrations", file.Name()))
			if err != nil {
				return err
			}
			if _, err := tx.Conn().PgConn().Exec(ctx, string(statements)).ReadAll(); err != nil {
				return fmt.Errorf("migration %s: %w", file.Name(), err)
			}
			if _, err := tx.Exec(ctx, `insert into daybook_migration (number) values ($1)`, done+i+1); err != nil {
				return err
			}
		}
		return nil
	})
}

// lockOf returns the key of the lock under which a schema is migrated.
func lockOf(schema string) int64 {
	hash := fnv.New64a()
	hash.Write([]byte("daybook migrates " + schema)) // a hash takes everything
	return int64(hash.Sum64())
}
