package pgstore

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/pgtest"
)

// settle has a database begin every connection with a setting.
func settle(t testing.TB, database, setting string) {
	t.Helper()
	config, err := pgx.ParseConfig(database)
	if err != nil {
		t.Fatal(err)
	}
	run(t, database, "alter database "+pgx.Identifier{config.Database}.Sanitize()+" set "+setting)
}

func TestANameIsTheSameWhateverEncodingAClientAsksFor(t *testing.T) {
	database := pgtest.Database(t)
	one := open(t, database, Options{})
	settle(t, database, "client_encoding = 'LATIN1'")
	other := open(t, database, Options{})
	e := daybook.Event{Stream: "café-1", Type: "Placed", Tags: []string{"größe"}, ContentType: "text/ü"}
	if _, err := other.Append(t.Context(), []daybook.Event{e}, nil); err != nil {
		t.Fatal(err)
	}
	conflict := (*daybook.ConflictError)(nil)
	if _, err := one.Append(t.Context(), []daybook.Event{e}, daybook.New("café-1")); !errors.As(err, &conflict) {
		t.Errorf("the stream is new to another process: %v", err)
	}
	reading, err := one.Read(t.Context(), daybook.Query{{Streams: []string{"café-1"}, Tags: e.Tags}}, daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	events, err := reading.Collect()
	if err != nil || len(events) != 1 || events[0].ContentType != e.ContentType {
		t.Errorf("another process reads %+v (%v)", events, err)
	}
}

func TestARoleThatBeginsWithAnotherIsolationChangesNothing(t *testing.T) {
	for _, level := range []string{"repeatable read", "serializable"} {
		database := pgtest.Database(t)
		settle(t, database, "default_transaction_isolation = '"+level+"'")
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				s, err := Open(t.Context(), database, &Options{Logger: quiet})
				if err != nil {
					t.Errorf("with %s: %v", level, err)
					return
				}
				defer s.Close()
				for range 20 {
					_, err := s.Append(t.Context(), []daybook.Event{{Type: "Noted"}}, nil)
					if err == nil {
						_, err = s.Read(t.Context(), daybook.All(), daybook.Span{KnownAt: time.Now()})
					}
					if err != nil {
						t.Errorf("with %s: %v", level, err)
						return
					}
				}
			})
		}
		all.Wait()
	}
}
