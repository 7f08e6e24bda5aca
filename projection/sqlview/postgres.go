package sqlview

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/daybook-es/daybook/projection"
)

// A postgresSchema is a read model in a schema of a PostgreSQL database.
type postgresSchema struct {
	name  string // of the schema
	where string // host and database
	// shared is set where connections serve several read models. They keep what they have
	// prepared by its text, which must then be that of one read model alone: the same words
	// mean other tables in another.
	shared bool

	// Each pool keeps its connections to itself, so that many questions do not keep
	// those from writing who have to.
	readers *pgxpool.Pool
	writers *pgxpool.Pool

	mu        sync.Mutex
	rewritten map[string]string // statements, as PostgreSQL has them
}

// migrationLock is the key of the lock under which migrations are applied: "daybook" in
// ASCII.
const migrationLock = 0x64_61_79_62_6f_6f_6b

var (
	//go:embed sql/postgres/0*.sql
	postgresMigrations embed.FS
	//go:embed sql/postgres/migrations.sql
	migrationsSQL string
)

// longestSchema is PostgreSQL's limit for names, in bytes. It cuts off what is longer,
// and two versions would be one.
const longestSchema = 63

// openPostgres connects to the database.
func openPostgres(ctx context.Context, url string, d *Definition) (*postgresSchema, error) {
	if !strings.HasPrefix(url, "postgres://") && !strings.HasPrefix(url, "postgresql://") {
		return nil, errors.New("the address of a database begins with postgres://")
	}
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("the address of the database: %w", err) // which hides its password
	}
	p := &postgresSchema{
		name:      d.PostgresSchema(),
		where:     config.ConnConfig.Host + "/" + config.ConnConfig.Database,
		rewritten: make(map[string]string),
	}
	if len(p.name) > longestSchema {
		return nil, fmt.Errorf("the name %s is longer than %d bytes", p.name, longestSchema)
	}
	config.ConnConfig.RuntimeParams["search_path"] = p.path()
	// No setting of a role or a database is to change what a text is.
	config.ConnConfig.RuntimeParams["client_encoding"] = "UTF8"
	preset(config, "application_name", "daybook "+d.name)
	if !strings.Contains(url, "pool_max_conns") {
		config.MaxConns = maxReaders
	}
	writing := config.Copy()
	writing.MaxConns, writing.MinConns = int32(d.parts), 0 // each part is changed by one at a time
	// See the package's comment for what off means.
	preset(writing, "synchronous_commit", "off")
	// A process that is stopped in the middle of a transaction holds up the others for so
	// long. A batch takes some tens of milliseconds. Readers may take as long as they like.
	preset(writing, "idle_in_transaction_session_timeout", "20s")
	if p.writers, err = pgxpool.NewWithConfig(ctx, writing); err != nil {
		return nil, err
	}
	if p.readers, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		p.writers.Close()
		return nil, err
	}
	return p, nil
}

// preset sets what connections begin with. Who says otherwise in the address is heard.
func preset(config *pgxpool.Config, setting, value string) {
	if _, said := config.ConnConfig.RuntimeParams[setting]; !said {
		config.ConnConfig.RuntimeParams[setting] = value
	}
}

// path is the path by which statements find the read model's tables, and Daybook's own.
func (p *postgresSchema) path() string { return p.name + ", daybook_projections" }

func (p *postgresSchema) String() string { return p.name + " in " + p.where }

func (p *postgresSchema) schema(d *Definition) string { return d.postgres }

func (p *postgresSchema) now() string {
	return `(extract(epoch from clock_timestamp()) * 1000000000)::bigint`
}

// earlier implements database. All versions keep what they skip in one table.
func (p *postgresSchema) earlier(context.Context, *Definition, *projection.Stand) error { return nil }

func (p *postgresSchema) inherit(*Tx, *Definition) error { return nil }

func (p *postgresSchema) clear(tx *Tx) error {
	return tx.s.script(tx.ctx, `drop schema if exists `+p.name+` cascade; create schema `+p.name)
}

func (p *postgresSchema) remove(ctx context.Context, d *Definition) error {
	err := p.write(ctx, func(tx *Tx) error {
		for _, table := range []string{"daybook_projection", "daybook_aside"} {
			if err := tx.Exec(`delete from `+table+` where name = ? and version = ?`, d.rows(), d.version); err != nil {
				return err
			}
		}
		return tx.s.script(tx.ctx, `drop schema if exists `+p.name+` cascade`)
	})
	if err != nil {
		return err
	}
	return p.close()
}

// migrate makes the schemas, and applies the migrations that the database has yet to
// have, under a lock of the database.
func (p *postgresSchema) migrate(tx *Tx) (made bool, err error) {
	if _, err := tx.ExecCount(`select pg_advisory_xact_lock(?)`, int64(migrationLock)); err != nil {
		return false, err
	}
	// Whoever opens what is there needs no right to create anything.
	var place, own bool
	err = tx.QueryRow(`select to_regclass('daybook_projections.daybook_migration') is not null, to_regnamespace(?::text) is not null`, p.name).Scan(&place, &own)
	if err == nil && !place {
		err = tx.s.script(tx.ctx, migrationsSQL)
	}
	if err == nil && !own {
		err = tx.s.script(tx.ctx, `create schema `+p.name)
	}
	if err != nil {
		return false, err
	}
	var done int
	if err := tx.QueryRow(`select count(*) from daybook_migration`).Scan(&done); err != nil {
		return false, err
	}
	return !own, migrate(tx, postgresMigrations, "sql/postgres", done, func(number int) error {
		return tx.Exec(`insert into daybook_migration (number) values (?)`, number)
	})
}

// write implements database. Statements whose answer nobody waits for are sent
// together, the last ones together with the commit. If one of them fails, do is called
// again and each is waited for: so it is known which one it was, and whose.
func (p *postgresSchema) write(ctx context.Context, do func(*Tx) error) error {
	conn, err := p.writers.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	defer conn.Release()
	s := &postgresSession{p: p, conn: conn.Conn()}
	err = s.transact(ctx, do)
	if err != nil && s.late && !s.worldly(s.broken) {
		s = &postgresSession{p: p, conn: conn.Conn(), patient: true}
		err = s.transact(ctx, do)
	}
	return err
}

// read implements database.
func (p *postgresSchema) read(ctx context.Context, look func(*Reader) error) error {
	conn, err := p.readers.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("begin to read: %w", err)
	}
	defer conn.Release()
	s := &postgresSession{p: p, conn: conn.Conn()}
	s.begin("begin isolation level repeatable read, read only")
	defer s.rollback(ctx)
	return look(&Reader{ctx: ctx, s: s})
}

// ask implements database: in one journey, where read needs three.
func (p *postgresSchema) ask(ctx context.Context, look func(*Reader) error) error {
	conn, err := p.readers.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("begin to read: %w", err)
	}
	defer conn.Release()
	return look(&Reader{ctx: ctx, s: &postgresSession{p: p, conn: conn.Conn()}})
}

// numbered returns a statement as PostgreSQL has it.
func (p *postgresSchema) numbered(statement string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if known, found := p.rewritten[statement]; found {
		return known
	}
	statement, asked := numbered(statement), statement
	if p.shared {
		statement = "/* " + p.name + " */ " + statement
	}
	if len(p.rewritten) < maxPrepared {
		p.rewritten[asked] = statement
	}
	return statement
}

// close implements database.
func (p *postgresSchema) close() error {
	p.writers.Close()
	p.readers.Close()
	return nil
}

// rollbackTime is how long it may take to undo a transaction whose context has ended.
// A connection that takes longer is closed, which undoes it too.
const rollbackTime = 5 * time.Second
