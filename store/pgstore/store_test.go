package pgstore

import (
	"log/slog"
	"testing"
	"time"

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

func conformance(t testing.TB) storetest.Subject {
	shared := pgtest.Database(t)
	logs := 0
	another := func() Options {
		logs++
		return Options{Log: string(rune('a'+logs%26)) + time.Now().String()}
	}
	return storetest.Subject{
		Open:   func(t testing.TB) daybook.Store { return open(t, shared, another()) },
		Reopen: func(t testing.TB, s daybook.Store) daybook.Store { return s.(*subject).reopen(t) },
		OpenAt: func(t testing.TB, now func() time.Time) daybook.Store {
			options := another()
			options.clock = now
			return open(t, shared, options)
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

func TestStore(t *testing.T) {
	storetest.Run(t, conformance(t))
}

func TestRandomHistoriesGetTheAnswersOfTheModel(t *testing.T) {
	subject := conformance(t)
	for seed := range uint64(2) {
		storetest.Compare(t, memstore.New(), subject, seed, 1500)
	}
}
