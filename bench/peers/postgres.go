package peers

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/daybook-es/daybook"
)

// Postgres is a PostgreSQL server of its own, in the peer's directory, which listens on
// a socket there and nowhere else.
type Postgres struct {
	server  *exec.Cmd
	pool    *pgxpool.Pool
	groups  grouper
	grouped bool
}

const postgresSchema = `
CREATE TABLE IF NOT EXISTS events (
	position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id uuid NOT NULL UNIQUE, stream text NOT NULL, category text NOT NULL,
	type text NOT NULL, tag text NOT NULL, recorded_at timestamptz NOT NULL DEFAULT now(), metadata bytea, data bytea);
CREATE INDEX IF NOT EXISTS events_stream ON events (stream, position);
CREATE INDEX IF NOT EXISTS events_category ON events (category, position);
CREATE INDEX IF NOT EXISTS events_type ON events (type, position);
CREATE INDEX IF NOT EXISTS events_tag ON events (tag, position)`

const (
	postgresRow  = `INSERT INTO events (id, stream, category, type, tag, data) VALUES ($1, $2, $3, $4, $5, $6)`
	postgresRows = `INSERT INTO events (id, stream, category, type, tag, data)
		SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bytea[])`
)

// OpenPostgres starts a server whose appends are each a transaction.
func OpenPostgres(dir string) (Peer, error) { return openPostgres(dir, false) }

// OpenPostgresGrouped starts a server whose appends share transactions.
func OpenPostgresGrouped(dir string) (Peer, error) { return openPostgres(dir, true) }

func openPostgres(dir string, grouped bool) (_ Peer, err error) {
	p := &Postgres{grouped: grouped}
	p.groups = grouper{commit: p.commit, most: 1000}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := p.start(dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Close())
		}
	}()
	p.pool, err = pgxpool.New(context.Background(), fmt.Sprintf("host=%s user=postgres dbname=postgres pool_max_conns=64", dir))
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if _, err = p.pool.Exec(context.Background(), postgresSchema, pgx.QueryExecModeSimpleProtocol); err == nil {
			return p, nil
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("PostgreSQL did not answer within 30 s: %w", err)
		}
	}
}

// start starts the server, in a new cluster if there is none.
func (p *Postgres) start(dir string) error {
	bin, err := postgresBinaries()
	if err != nil {
		return err
	}
	data := filepath.Join(dir, "data")
	run := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, name), args...)
		cmd.Dir = dir
		// The server must not outlive a benchmark that is killed.
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
		if os.Geteuid() == 0 { // as which it refuses to run
			cmd.SysProcAttr.Credential, err = ownedByPostgres(dir)
		}
		return cmd
	}
	if _, statErr := os.Stat(data); errors.Is(statErr, os.ErrNotExist) {
		cmd := run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C")
		if err != nil {
			return err
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("initdb: %w: %s", err, out)
		}
	}
	p.server = run("postgres", "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "shared_buffers=256MB",
		"-c", "max_wal_size=4GB", "-c", "max_connections=80", "-c", "log_min_messages=fatal")
	if err != nil {
		return err
	}
	return p.server.Start()
}

// postgresBinaries returns the directory of the newest installed server, or the one
// that POSTGRES_BIN names.
func postgresBinaries() (string, error) {
	if dir := os.Getenv("POSTGRES_BIN"); dir != "" {
		return dir, nil
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres") // the pattern is well-formed
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), nil
	}
	path, err := exec.LookPath("postgres")
	if err != nil {
		return "", errors.New("no PostgreSQL is installed; install the package postgresql, or set POSTGRES_BIN")
	}
	return filepath.Dir(path), nil
}

// ownedByPostgres gives the directory to the user postgres, and says who that is.
func ownedByPostgres(dir string) (*syscall.Credential, error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(dir, uid, gid)
}

// Database makes another database on the server, and returns its address.
func (p *Postgres) Database(ctx context.Context, name string) (string, error) {
	if _, err := p.pool.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		return "", err
	}
	return "postgres:///" + name + "?user=postgres&host=" + url.QueryEscape(p.pool.Config().ConnConfig.Host), nil
}

// Process implements [Served].
func (p *Postgres) Process() int { return p.server.Process.Pid }

// Append implements [Peer].
func (p *Postgres) Append(ctx context.Context, events []daybook.Event) error {
	if p.grouped {
		return p.groups.append(events)
	}
	if len(events) > 1 {
		return p.commit(events)
	}
	e := &events[0]
	_, err := p.pool.Exec(ctx, postgresRow, e.ID, e.Stream, e.Category(), e.Type, e.Tags[0], e.Data)
	return err
}

// commit inserts the events in one statement, which is a transaction.
func (p *Postgres) commit(events []daybook.Event) error {
	n := len(events)
	ids, data := make([][16]byte, n), make([][]byte, n)
	streams, categories, types, tags := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	for i := range events {
		e := &events[i]
		ids[i], streams[i], categories[i], types[i], tags[i], data[i] = e.ID, e.Stream, e.Category(), e.Type, e.Tags[0], e.Data
	}
	_, err := p.pool.Exec(context.Background(), postgresRows, ids, streams, categories, types, tags, data)
	return err
}

// Replay implements [Peer].
func (p *Postgres) Replay(ctx context.Context, visit func([]byte)) error {
	return p.read(ctx, visit, `SELECT data FROM events ORDER BY position`)
}

// Load implements [Peer].
func (p *Postgres) Load(ctx context.Context, stream string, visit func([]byte)) error {
	return p.read(ctx, visit, `SELECT data FROM events WHERE stream = $1 ORDER BY position`, stream)
}

func (p *Postgres) read(ctx context.Context, visit func([]byte), query string, args ...any) error {
	rows, err := p.pool.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		visit(rows.RawValues()[0])
	}
	return rows.Err()
}

// Head implements [Peer].
func (p *Postgres) Head(ctx context.Context, stream string) (position uint64, err error) {
	err = p.pool.QueryRow(ctx, `SELECT max(position) FROM events WHERE stream = $1`, stream).Scan(&position)
	return position, err
}

// Close implements [Peer].
func (p *Postgres) Close() error {
	if p.pool != nil {
		p.pool.Close()
	}
	if err := p.server.Process.Signal(syscall.SIGINT); err != nil { // a fast shutdown
		return err
	}
	return p.server.Wait()
}
