package pgstore

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/pgtest"
	"github.com/daybook-es/daybook/store/memstore"
	"github.com/daybook-es/daybook/store/storetest"
)

// quiet is for tests that expect what would be logged.
var quiet = slog.New(slog.DiscardHandler)

// A subject is a store and where it was opened.
type subject struct {
	*Store
	url     string
	options Options
}

func open(t testing.TB, url string, options Options) *subject {
	t.Helper()
	options.Logger = quiet
	store, err := Open(t.Context(), url, &options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return &subject{store, url, options}
}

// reopen closes a store and opens it again.
func (s *subject) reopen(t testing.TB) *subject {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	return open(t, s.url, s.options)
}

// conformance hands stores to the suite: logs of one schema, of which each faulty one has a
// schema of its own.
func conformance(t testing.TB) storetest.Subject {
	database := pgtest.Database(t)
	cable, shared := pgtest.Lay(t, database)
	logs := 0
	another := func() Options {
		logs++
		return Options{Log: fmt.Sprintf("log %d", logs)}
	}
	return storetest.Subject{
		Open:   func(t testing.TB) daybook.Store { return open(t, shared, another()) },
		Reopen: func(t testing.TB, s daybook.Store) daybook.Store { return s.(*subject).reopen(t) },
		OpenAt: func(t testing.TB, now func() time.Time) daybook.Store {
			options := another()
			options.clock = now
			return open(t, shared, options)
		},
		// The table takes no row.
		OpenFaulty: func(t testing.TB) (daybook.Store, func(bool)) {
			logs++
			options := Options{Schema: fmt.Sprintf(`a "faulty" schema; %d`, logs)}
			return open(t, shared, options), func(on bool) {
				table := pgx.Identifier{options.Schema, "daybook_event"}.Sanitize()
				run(t, database, "alter table "+table+" drop constraint if exists nothing")
				if on {
					run(t, database, "alter table "+table+" add constraint nothing check (false) not valid")
				}
			}
		},
		// The context ends when the transaction is kept, and before that is said.
		LoseAnswer: func(t testing.TB, s daybook.Store, events []daybook.Event, cond daybook.Condition) error {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			release := make(chan struct{})
			held := func(said []byte) bool {
				if bytes.Contains(said, pgtest.Committed) {
					cancel()
					<-release
				}
				return false
			}
			cable.ToClient.Store(&held)
			_, err := s.Append(ctx, events, cond)
			cable.ToClient.Store(nil)
			close(release)
			return err
		},
		Scavenge: func(t testing.TB, s daybook.Store) {
			if _, err := s.(*subject).Scavenge(t.Context()); err != nil {
				t.Error(err)
			}
		},
		NewIncarnation: func(t testing.TB, s daybook.Store) daybook.Store {
			if _, err := s.(*subject).NewIncarnation(t.Context(), "a test"); err != nil {
				t.Error(err)
			}
			return s
		},
	}
}

// run carries out a statement as somebody else.
func run(t testing.TB, database, statement string, args ...any) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement, args...); err != nil {
		t.Fatal(err)
	}
}

func TestStore(t *testing.T) {
	storetest.Run(t, conformance(t))
}

// bindRecord is how the connection of a writer asks for the statement that inserts events.
var bindRecord = []byte("\x00daybook_6\x00")

// The promises about a failing disk, where what fails is the connection: it is cut whenever
// events are to be inserted.
func TestStoreOverACableThatIsCutAtEachAppend(t *testing.T) {
	cable, address := pgtest.Lay(t, pgtest.Database(t))
	logs := 0
	subject := conformance(t)
	subject.OpenFaulty = func(t testing.TB) (daybook.Store, func(bool)) {
		logs++
		s := open(t, address, Options{Log: fmt.Sprintf("log %d", logs), patience: 50 * time.Millisecond})
		return s, func(on bool) {
			cable.ToServer.Store(nil)
			if cut := func(asked []byte) bool { return bytes.Contains(asked, bindRecord) }; on {
				cable.ToServer.Store(&cut)
			}
		}
	}
	storetest.RunFaults(t, subject)
}

func TestRandomHistoriesGetTheAnswersOfTheModel(t *testing.T) {
	subject := conformance(t)
	operations, base := asked(t, "DAYBOOK_OPERATIONS", 500, 1500), uint64(0)
	if seed := os.Getenv("DAYBOOK_SOAK_SEED"); seed != "" { // another one for each piece of each soak
		soak, _ := strconv.ParseUint(seed, 10, 64)
		piece, _ := strconv.ParseUint(os.Getenv("DAYBOOK_SOAK_PIECE"), 10, 64)
		base = (soak<<20 + piece + 1) << 20
	}
	for seed := range uint64(2) {
		storetest.Compare(t, memstore.New(), subject, base+seed, operations)
	}
	t.Attr("cases", strconv.Itoa(2*operations))
}
