package pgstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/daybook-es/daybook"
)

const (
	leastVersion = 150000 // that of PostgreSQL 15
	usualPort    = 5432
)

// prepare makes what is not there yet, finds the log and greets the server.
func (s *Store) prepare(ctx context.Context) error {
	conn, err := pgx.ConnectConfig(ctx, s.config.Copy())
	if err != nil {
		return err
	}
	defer s.hangUp(conn)
	if err := s.examine(ctx, conn); err != nil {
		return err
	}
	if s.options.Existing {
		if err := s.exists(ctx, conn); err != nil {
			return err
		}
	}
	if err := s.migrate(ctx, conn); err != nil {
		return err
	}
	if err := s.enter(ctx, conn); err != nil {
		return err
	}
	return s.recognize(ctx, conn)
}

// exists returns an error if there is no log of the name.
func (s *Store) exists(ctx context.Context, conn *pgx.Conn) error {
	var table bool
	quoted := pgx.Identifier{s.options.Schema}.Sanitize()
	if err := conn.QueryRow(ctx, `select to_regclass($1 || '.daybook_log') is not null`, quoted).Scan(&table); err != nil {
		return err
	}
	err := pgx.ErrNoRows
	if table {
		err = conn.QueryRow(ctx, findSQL, s.options.Log).Scan(&s.number)
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("%w: there is no such log", errRefused)
	}
	return err
}

// hangUp closes a connection, and does not wait long for it.
func (s *Store) hangUp(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx) // the server finds out
}

// connect makes a connection that has greeted the server.
func (s *Store) connect(ctx context.Context) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, s.config.Copy())
	if err != nil {
		return nil, err
	}
	if err := s.greet(ctx, conn); err != nil {
		s.hangUp(conn)
		return nil, err
	}
	return conn, nil
}

// greet makes a new connection one of the store's: it examines the server, which may be
// another one since, and looks whether the log is the same.
func (s *Store) greet(ctx context.Context, conn *pgx.Conn) error {
	if err := s.examine(ctx, conn); err != nil {
		return err
	}
	return s.recognize(ctx, conn)
}

// examine looks at the server behind a new connection, and refuses what no log can be kept
// on. It takes note of the durability.
func (s *Store) examine(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.PgConn().Exec(ctx, sessionSQL).ReadAll(); err != nil {
		return err
	}
	schema := pgx.Identifier{s.options.Schema}.Sanitize()
	if _, err := conn.Exec(ctx, `select set_config('search_path', $1, false)`, schema); err != nil {
		return err
	}
	var (
		version                      int
		standby                      bool
		encoding, fsync, sync, names string
	)
	if err := conn.QueryRow(ctx, greetingSQL).Scan(&version, &standby, &encoding, &fsync, &sync, &names); err != nil {
		return err
	}
	switch {
	case version < leastVersion:
		return fmt.Errorf("%w: the server is PostgreSQL %d, and 15 is the least", errRefused, version/10000)
	case standby:
		return fmt.Errorf("%w: the server is a standby, on which nothing can be recorded and a reader may see what never happened", errRefused)
	case encoding != "UTF8":
		return fmt.Errorf("%w: the encoding of the database is %s, and names need UTF8", errRefused, encoding)
	}
	return s.promise(fsync, sync, names)
}

// promise takes note of what survives a commit on a server that is set up so, or refuses it
// if that is less than is required.
func (s *Store) promise(fsync, synchronousCommit, standbys string) error {
	durability := durabilityOf(fsync, synchronousCommit, standbys)
	if durability < s.options.Require {
		return fmt.Errorf("%w: durability %s is required, and with fsync = %s, synchronous_commit = %s, synchronous_standby_names = '%s' a commit is durable in the sense of %s",
			errRefused, s.options.Require, fsync, synchronousCommit, standbys, durability)
	}
	s.durability.Store(uint32(durability))
	return nil
}

// mostLost is how many connections in a row a question may lose: after a server went down, all
// that there were are lost.
const mostLost = 20

// persist asks again, at once, as long as what was lost was the connection. The server may be
// there all the same.
func (s *Store) persist(ctx context.Context, ask func() error) error {
	for tries := 1; ; tries++ {
		err := ask()
		if err == nil || tries == mostLost || ctx.Err() != nil || s.closed.Load() || !lost(err) {
			return err
		}
	}
}

// lost reports whether an error says that a connection was lost that there was.
func lost(err error) bool {
	failed, never := (*pgconn.PgError)(nil), (*pgconn.ConnectError)(nil)
	if errors.As(err, &failed) {
		return failed.Code == "57P01" || failed.Code == "57P02" // the server goes down, or has crashed
	}
	return !errors.As(err, &never) && !errors.Is(err, pgx.ErrNoRows) && !errors.As(err, new(*daybook.CorruptError))
}

// whereOf says where a log is: host, database, schema and name, for people.
func whereOf(server *pgx.ConnConfig, o Options) string {
	host := server.Host
	if server.Port != usualPort {
		host = net.JoinHostPort(host, strconv.Itoa(int(server.Port)))
	}
	return fmt.Sprintf("%s/%s, schema %s, log %s", host, server.Database, o.Schema, o.Log)
}

// plainly returns an error in one line, if it is that of a connection that was not to be
// had. The driver tells what each attempt met, with and without TLS, which is often the
// same, and begins with who it is that connects, which is no news.
func plainly(err error) error {
	var never *pgconn.ConnectError
	if !errors.As(err, &never) {
		return err
	}
	met := strings.Split(never.Unwrap().Error(), "\n")
	for i := range met {
		met[i] = strings.TrimSpace(met[i])
	}
	return &notConnected{strings.Join(slices.Compact(met), "; "), err}
}

// A notConnected is an error of connecting in fewer words.
type notConnected struct {
	text string
	err  error
}

func (e *notConnected) Error() string { return e.text }
func (e *notConnected) Unwrap() error { return e.err }

// durabilityOf says what survives a commit on a server that is set up so.
func durabilityOf(fsync, synchronousCommit, standbys string) daybook.Durability {
	switch {
	case fsync != "on" || synchronousCommit == "off":
		return daybook.Memory
	case standbys != "" && (synchronousCommit == "on" || synchronousCommit == "remote_apply"):
		return daybook.Quorum // a commit waits until a standby has flushed it, too
	}
	return daybook.Disk
}

// enter finds the log, or makes it.
func (s *Store) enter(ctx context.Context, conn *pgx.Conn) error {
	err := conn.QueryRow(ctx, findSQL, s.options.Log).Scan(&s.number)
	if errors.Is(err, pgx.ErrNoRows) {
		var origin string
		if err := conn.QueryRow(ctx, originSQL).Scan(&origin); err != nil {
			return err
		}
		err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			incarnation := uuid.New()
			made, err := tx.Exec(ctx, createSQL, s.options.Log, uuid.New(), incarnation, noTime, origin)
			if err != nil {
				return err
			}
			if err := tx.QueryRow(ctx, findSQL, s.options.Log).Scan(&s.number); err != nil || made.RowsAffected() == 0 {
				return err
			}
			_, err = tx.Exec(ctx, lifeSQL, s.number, incarnation, "the log was made")
			return err
		})
	}
	if err != nil {
		return err
	}
	at, err := headOf(conn.QueryRow(ctx, headSQL, s.number))
	s.log = at.log
	return err
}

// recognize begins a new incarnation if the log is not where it was when this one began.
func (s *Store) recognize(ctx context.Context, conn *pgx.Conn) error {
	var origin string
	if err := conn.QueryRow(ctx, originSQL).Scan(&origin); err != nil {
		return err
	}
	at, err := headOf(conn.QueryRow(ctx, headSQL, s.number))
	if err != nil {
		return err
	}
	if at.log != s.log {
		return fmt.Errorf("%w: the log %s is now another one: its id was %s, and is %s", errRefused, s.options.Log, s.log, at.log)
	}
	if at.origin == origin {
		return nil
	}
	_, err = s.renew(ctx, conn, "it is not where it was: "+at.origin+" has become "+origin, func(at head) bool { return at.origin != origin })
	return err
}
