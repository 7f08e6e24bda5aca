package pgstore

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/daybook-es/daybook"
)

var (
	_ daybook.Store    = (*Store)(nil)
	_ daybook.Restorer = (*Store)(nil)
)

// A Store is a log in a PostgreSQL database. It is safe for use by many goroutines, and any
// number of processes may have the same log open.
//
// Up to three goroutines work for it until it is closed: one writes what was appended, in
// groups; one tells other processes that there is something new, and one is told by them.
// The first two begin with the first append, the last with the first Wait.
type Store struct {
	options Options
	where   string // host, database, schema and log, for people
	config  *pgx.ConnConfig
	pool    *pgxpool.Pool // of connections that read
	number  int32         // of the log in its schema
	log     uuid.UUID

	synchronous roster

	durability atomic.Uint32 // as the newest connection or group of appends found it
	queue      chan *request
	arrivals   arrivals
	seen       seen
	health     health
	synced     synced

	writing, listening sync.Once
	starting           sync.Mutex // held while a goroutine begins, or the store is closed to new ones
	working            sync.WaitGroup
	closed             atomic.Bool
	closing            chan struct{} // closed by Close
	closeOnce          sync.Once
}

// CheckURL returns what is wrong with a URL that [Open] is to be given, without connecting to
// anybody. A parameter that only the server knows is not looked at.
func CheckURL(url string) error {
	_, err := pgxpool.ParseConfig(url)
	return err
}

// Open opens a log in the database at a URL such as postgres://user@host/database, and
// makes schema, tables and log where they are not there yet. What the URL may say is what
// pgx understands, which is what libpq does, and pool_max_conns; the names of log and schema
// are among the Options, and in a URL only of package storeurl. The connections must be to
// the server itself or through a pooler that keeps sessions apart: they prepare statements,
// and listen. Close ends the use of the store.
//
// Open refuses a server older than PostgreSQL 15, a standby, a database whose encoding is
// not UTF8, and a durability below the one that Options require; the error says which. Names
// that cannot be are a [*daybook.InvalidError]. If the server is not there or not ready, the
// error is a [*daybook.UnavailableError], and Open may be tried again; no other error passes
// by itself. The context is for opening only.
//
// Synchronous read models that the log did not have before are built first, from the events
// that are there. A log that has others than the Options name is refused, because they would
// miss what is appended here; see [RemoveSynchronous].
func Open(ctx context.Context, url string, options *Options) (*Store, error) {
	s, err := openLog(ctx, url, options)
	if err != nil {
		return nil, err
	}
	if err := s.enrol(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("pgstore: open %s: %w", s.where, err), s.Close())
	}
	return s, nil
}

// openLog opens a log, whatever read models it is kept with.
func openLog(ctx context.Context, url string, options *Options) (*Store, error) {
	filled, err := options.filled()
	if err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("pgstore: the address of the database: %w", err) // which hides its password
	}
	s := &Store{
		options:  filled,
		config:   config.ConnConfig,
		where:    whereOf(config.ConnConfig, filled),
		queue:    make(chan *request, queued),
		closing:  make(chan struct{}),
		arrivals: arrivals{changed: make(chan struct{})},
	}
	if s.synchronous, err = newRoster(filled.Synchronous); err != nil {
		return nil, err
	}
	if err := s.prepare(ctx); err != nil {
		return nil, s.notOpened(err)
	}
	switch {
	case filled.MaxConns > 0:
		config.MaxConns = int32(min(filled.MaxConns, math.MaxInt32))
	case !strings.Contains(url, "pool_max_conns"):
		config.MaxConns = defaultConns
	}
	config.AfterConnect = s.greet
	if s.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, fmt.Errorf("pgstore: open %s: %w", s.where, err)
	}
	return s, nil
}

// notOpened returns the error of an Open that the server did not allow.
func (s *Store) notOpened(err error) error {
	err = plainly(err)
	if passes(err) {
		return &daybook.UnavailableError{Doing: "open " + s.where, Err: err}
	}
	return fmt.Errorf("pgstore: open %s: %w", s.where, err)
}

// String says where the log is, without a password.
func (s *Store) String() string { return s.where }

// Info implements [daybook.Store].
func (s *Store) Info(ctx context.Context) (daybook.Info, error) {
	if err := s.usable(ctx, "info"); err != nil {
		return daybook.Info{}, err
	}
	at, err := s.head(ctx)
	if err != nil {
		return daybook.Info{}, s.unavailable("info", err)
	}
	return daybook.Info{Head: at.point(), Durability: s.promised(), Limits: limits, Stride: s.options.Stride}, nil
}

// Close ends the use of the store: every later call returns [daybook.ErrClosed]. Appends
// that have been handed over are answered first, those that are yet to be written with
// ErrClosed. Closing again does nothing. The error is always nil.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		s.starting.Lock()
		s.closed.Store(true)
		s.starting.Unlock()
		close(s.closing)
		s.working.Wait()
		s.pool.Close()
	})
	return nil
}

// usable returns the error of a call on a store that is closed, or in a context that has
// ended, or nil.
func (s *Store) usable(ctx context.Context, doing string) error {
	if s.closed.Load() {
		return daybook.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return &daybook.UnavailableError{Doing: doing, Err: err}
	}
	return nil
}

// records returns the error of a call that would record something, if it must not or cannot.
func (s *Store) records(ctx context.Context, doing string) error {
	if err := s.usable(ctx, doing); err != nil {
		return err
	}
	if s.options.ReadOnly {
		return &daybook.UnavailableError{Doing: doing + " " + s.where, Err: daybook.ErrReadOnly}
	}
	return nil
}

// unavailable returns the error of a call that the database did not answer.
func (s *Store) unavailable(doing string, err error) error {
	if s.closed.Load() {
		return daybook.ErrClosed
	}
	return &daybook.UnavailableError{Doing: doing + " " + s.where, Err: err}
}

// promised returns what receipts state.
func (s *Store) promised() daybook.Durability { return daybook.Durability(s.durability.Load()) }

// work begins a goroutine that ends when the store is closed, unless it is closed already.
func (s *Store) work(do func(ctx context.Context)) {
	s.starting.Lock()
	defer s.starting.Unlock()
	if s.closed.Load() {
		return
	}
	s.working.Go(func() {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		stop := make(chan struct{})
		defer close(stop)
		go func() {
			select {
			case <-s.closing:
				cancel()
			case <-stop:
			}
		}()
		do(ctx)
	})
}

// pause waits, and reports whether the store is still open and the context goes on.
func (s *Store) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-s.closing:
	}
	return false
}

// channel is what a process listens on that waits for this log.
func (s *Store) channel() string { return "daybook_" + hex.EncodeToString(s.log[:]) }

// checkName returns what is wrong with the name of a schema or a log, or "".
func checkName(name string, most int) string {
	switch {
	case len(name) > most:
		return fmt.Sprintf("is %d bytes long, and %d are allowed", len(name), most)
	case !utf8.ValidString(name):
		return "is not valid UTF-8"
	case strings.ContainsFunc(name, unicode.IsControl):
		return "has a control character"
	}
	return ""
}

// within returns a number of the vocabulary as PostgreSQL has it: what is beyond its
// greatest is beyond every position and version too.
func within[N ~uint64](n N) int64 { return int64(min(uint64(n), math.MaxInt64)) }

// errRefused is why a server is not used. Trying again does not help.
var errRefused = errors.New("refused")
