package pgstore

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/pgtest"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/sqlview"
	"github.com/daybook-es/daybook/store/memstore"
)

// Seated says that somebody has a seat.
type Seated struct {
	Seat int    `json:"seat"`
	Who  string `json:"who"`
}

var (
	seatings = daybook.NewCodec(daybook.KindOf[Seated]("Seated", nil))
	errNoMen = errors.New("nobody is called nobody")
)

// newSeats returns a read model in which a seat is one person's, by a constraint.
func newSeats(version int) *sqlview.Definition {
	return sqlview.New("seats", version, seatings, `create table seats (seat bigint primary key, who text not null)`,
		sqlview.On(func(tx *sqlview.Tx, e Seated, _ daybook.Recorded) error {
			if e.Who == "nobody" {
				return errNoMen
			}
			return tx.Exec(`insert into seats values (?, ?)`, e.Seat, e.Who)
		}))
}

// with returns options with these read models.
func with(models ...Synchronous) Options { return Options{Synchronous: models} }

// seated returns the event that somebody has a seat.
func seated(t testing.TB, seat int, who string) daybook.Event {
	t.Helper()
	e, err := seatings.Event(Seated{seat, who})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// taken returns who has which seat by the tables, and makes sure that they are what the log
// says.
func taken(t testing.TB, s *subject, version int) []string {
	t.Helper()
	view, err := newSeats(version).Synchronous().OpenIn(t.Context(), s.url)
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	var all []string
	var at projection.Checkpoint
	err = view.Read(t.Context(), func(rows *sqlview.Reader, now projection.Checkpoint) error {
		at = now
		for row, err := range rows.Query(`select seat || ' ' || who from seats order by seat`) {
			var one string
			if err == nil {
				err = row.Scan(&one)
			}
			if err != nil {
				return err
			}
			all = append(all, one)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	reading, err := s.Read(t.Context(), daybook.Query{{Types: []string{"Seated"}}}, daybook.Span{Before: at.Position + 1})
	if err != nil {
		t.Fatal(err)
	}
	var logged []Seated
	for e, err := range reading.Events() {
		if err != nil {
			t.Fatal(err)
		}
		facts, err := seatings.Facts(e)
		if err != nil {
			t.Fatal(err)
		}
		logged = append(logged, facts[0].(Seated))
	}
	slices.SortFunc(logged, func(a, b Seated) int { return a.Seat - b.Seat })
	var want []string
	for _, e := range logged {
		want = append(want, fmt.Sprintf("%d %s", e.Seat, e.Who))
	}
	if !slices.Equal(all, want) {
		t.Errorf("the tables have %q, and the log up to %d has %q", all, at.Position, want)
	}
	if info, err := s.Info(t.Context()); err != nil || info.Head != at.Point {
		t.Errorf("the tables are at %v, and the log at %v, %v", at.Point, info.Head, err)
	}
	return all
}

func TestASynchronousReadModelHasWhatIsRecorded(t *testing.T) {
	s := open(t, pgtest.Database(t), with(newSeats(1).Synchronous()))
	for seat, who := range []string{"ada", "bob", "cyd"} {
		if _, err := s.Append(t.Context(), []daybook.Event{seated(t, seat, who)}, nil); err != nil {
			t.Fatal(err)
		}
		if all := taken(t, s, 1); len(all) != seat+1 {
			t.Errorf("%s is answered, and the tables have %q", who, all)
		}
	}
	if _, err := s.Append(t.Context(), []daybook.Event{{Type: "Noted"}}, nil); err != nil {
		t.Error(err)
	}
	s = s.reopen(t)
	if _, err := s.Append(t.Context(), []daybook.Event{seated(t, 9, "dee"), seated(t, 8, "eve")}, nil); err != nil {
		t.Error(err)
	}
	if all := taken(t, s, 1); len(all) != 5 {
		t.Errorf("the tables have %q", all)
	}
}

// Goal: a constraint of a table decides who gets a seat, and every answer is the append's
// own. Method: many ask for few seats through two stores at once, so that appends share
// transactions, while the server ends the connections of both now and then.
func TestWhatASynchronousReadModelRefusesIsNotRecorded(t *testing.T) {
	url := pgtest.Database(t)
	stores := []*subject{open(t, url, with(newSeats(1).Synchronous())), open(t, url, with(newSeats(1).Synchronous()))}
	killer, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer killer.Close(t.Context())
	const seats, people = 40, 12
	var got, refused, disturbed atomic.Int64
	var clients sync.WaitGroup
	for person := range people {
		clients.Go(func() {
			for seat := range seats {
				who := fmt.Sprintf("person-%d", person)
				if (person+seat)%7 == 0 {
					who = "nobody"
				}
				_, err := stores[person%2].Append(t.Context(), []daybook.Event{seated(t, seat, who)}, nil)
				no := (*daybook.RefusedError)(nil)
				switch {
				case err == nil && who != "nobody":
					got.Add(1)
				case errors.As(err, &no) && (who == "nobody") == errors.Is(err, errNoMen) && (who == "nobody" || strings.Contains(err.Error(), "duplicate key")):
					refused.Add(1)
				default:
					t.Errorf("%s asked for %d: %v", who, seat, err)
				}
			}
		})
	}
	over := make(chan struct{})
	go func() { clients.Wait(); close(over) }()
	for done := false; !done; {
		select {
		case <-over:
			done = true
		case <-time.After(20 * time.Millisecond):
			if tag, err := killer.Exec(t.Context(), `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and xact_start is not null limit 1`); err == nil {
				disturbed.Add(tag.RowsAffected())
			}
		}
	}
	if got.Load() != seats || refused.Load() != seats*(people-1) {
		t.Errorf("%d got a seat of %d, and %d were refused; %d connections were ended", got.Load(), seats, refused.Load(), disturbed.Load())
	}
	if all := taken(t, stores[0], 1); len(all) != seats {
		t.Errorf("the tables have %d seats", len(all))
	}
}

func TestAProgramThatLacksASynchronousReadModelIsRefused(t *testing.T) {
	url := pgtest.Database(t)
	without := open(t, url, Options{})
	if _, err := without.Append(t.Context(), []daybook.Event{seated(t, 1, "ada")}, nil); err != nil {
		t.Fatal(err)
	}
	s := open(t, url, with(newSeats(1).Synchronous()))
	if all := taken(t, s, 1); !slices.Equal(all, []string{"1 ada"}) {
		t.Errorf("built from what was there, the tables have %q", all)
	}
	const says = "the log is kept with the synchronous read models [seats/1], and this program has ["
	_, err := without.Append(t.Context(), []daybook.Event{seated(t, 2, "bob")}, nil)
	if unavailable := (*daybook.UnavailableError)(nil); !errors.As(err, &unavailable) || !strings.Contains(err.Error(), says) {
		t.Errorf("a program that had it open appended: %v", err)
	}
	for name, options := range map[string]Options{"none": {}, "another version": with(newSeats(2).Synchronous())} {
		if other, err := Open(t.Context(), url, &options); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("a program with %s opened it: %v", name, err)
			if err == nil {
				other.Close()
			}
		}
	}
	// Both versions for a while, and then the new one alone.
	both := open(t, url, with(newSeats(2).Synchronous(), newSeats(1).Synchronous()))
	if _, err := both.Append(t.Context(), []daybook.Event{seated(t, 2, "bob")}, nil); err != nil {
		t.Error(err)
	}
	if one, two := taken(t, both, 1), taken(t, both, 2); !slices.Equal(one, two) || len(two) != 2 {
		t.Errorf("version 1 has %q, and version 2 %q", one, two)
	}
	if err := RemoveSynchronous(t.Context(), url, nil, "seats", 1); err != nil {
		t.Fatal(err)
	}
	if err := RemoveSynchronous(t.Context(), url, nil, "seats", 1); !errors.As(err, new(*daybook.InvalidError)) {
		t.Errorf("removed twice: %v", err)
	}
	if _, err := both.Append(t.Context(), []daybook.Event{seated(t, 3, "cyd")}, nil); err == nil {
		t.Error("a program with a read model that was removed appended")
	}
	two := open(t, url, with(newSeats(2).Synchronous()))
	if _, err := two.Append(t.Context(), []daybook.Event{seated(t, 3, "cyd")}, nil); err != nil {
		t.Error(err)
	}
	if all := taken(t, two, 2); len(all) != 3 {
		t.Errorf("the tables have %q", all)
	}
	// It can come back, and goes on from where it was.
	again := open(t, url, with(newSeats(2).Synchronous(), newSeats(1).Synchronous()))
	if all := taken(t, again, 1); len(all) != 3 {
		t.Errorf("when it came back, the tables have %q", all)
	}
}

func TestASynchronousReadModelIsBuiltWhileOthersAppend(t *testing.T) {
	url := pgtest.Database(t)
	without := open(t, url, Options{})
	const before = 3*enrolBatch + 7
	for from := 0; from < before; from += 500 {
		var events []daybook.Event
		for seat := from; seat < min(from+500, before); seat++ {
			events = append(events, seated(t, seat, "ada"))
		}
		if _, err := without.Append(t.Context(), events, nil); err != nil {
			t.Fatal(err)
		}
	}
	begun, stopped := make(chan struct{}), make(chan int)
	go func() {
		for seat := before; ; seat++ {
			if _, err := without.Append(t.Context(), []daybook.Event{seated(t, seat, "bob")}, nil); err != nil {
				stopped <- seat - before
				return
			}
			if seat == before {
				close(begun)
			}
		}
	}()
	<-begun
	s := open(t, url, with(newSeats(1).Synchronous()))
	more := <-stopped // refused, once it is noted at the log
	if all := taken(t, s, 1); len(all) != before+more {
		t.Errorf("the tables have %d seats; want %d and %d that were taken meanwhile", len(all), before, more)
	}
}

func TestASynchronousReadModelThatCannotBeBuiltIsNotNoted(t *testing.T) {
	url := pgtest.Database(t)
	without := open(t, url, Options{})
	if _, err := without.Append(t.Context(), []daybook.Event{seated(t, 1, "ada"), seated(t, 1, "bob")}, nil); err != nil {
		t.Fatal(err)
	}
	options := with(newSeats(1).Synchronous())
	if s, err := Open(t.Context(), url, &options); err == nil || !strings.Contains(err.Error(), "duplicate key") {
		t.Errorf("opened with events that it refuses: %v", err)
		if err == nil {
			s.Close()
		}
	}
	if _, err := without.Append(t.Context(), []daybook.Event{seated(t, 2, "cyd")}, nil); err != nil {
		t.Errorf("the others: %v", err)
	}
}

func TestASynchronousReadModelThatStandsElsewhereStopsAppends(t *testing.T) {
	s := open(t, pgtest.Database(t), with(newSeats(1).Synchronous()))
	if _, err := s.Append(t.Context(), []daybook.Event{seated(t, 1, "ada")}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.NewIncarnation(t.Context(), "the whole database was put back"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), []daybook.Event{seated(t, 2, "bob")}, nil); err != nil {
		t.Errorf("in a new incarnation: %v", err)
	}
	if all := taken(t, s, 1); len(all) != 2 {
		t.Errorf("the tables have %q", all)
	}
	if _, err := s.pool.Exec(t.Context(), `update daybook_projections.daybook_projection set position = 1`); err != nil {
		t.Fatal(err)
	}
	before, _ := s.Info(t.Context())
	_, err := s.Append(t.Context(), []daybook.Event{seated(t, 3, "cyd")}, nil)
	if unavailable := (*daybook.UnavailableError)(nil); !errors.As(err, &unavailable) || !strings.Contains(err.Error(), "the tables show the log up to 1.") {
		t.Errorf("the tables were put back to an earlier moment, and the answer is %v", err)
	}
	if after, err := s.Info(t.Context()); err != nil || after.Head != before.Head {
		t.Errorf("the log went from %v to %v, %v", before.Head, after.Head, err)
	}
}

func TestWhatIsRestoredIsInTheSynchronousReadModel(t *testing.T) {
	from := memstore.New()
	for seat := range 5 {
		if _, err := from.Append(t.Context(), []daybook.Event{seated(t, seat, "ada")}, nil); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, pgtest.Database(t), with(newSeats(1).Synchronous()))
	for range 2 {
		if _, err := daybook.Copy(t.Context(), s, from); err != nil {
			t.Fatal(err)
		}
	}
	if all := taken(t, s, 1); len(all) != 5 {
		t.Errorf("the tables have %q", all)
	}
}

func TestSynchronousReadModelsHaveNamesOfTheirOwn(t *testing.T) {
	url := pgtest.Database(t)
	options := with(newSeats(1).Synchronous(), newSeats(1).Synchronous())
	if s, err := Open(t.Context(), url, &options); !errors.As(err, new(*daybook.InvalidError)) {
		t.Errorf("opened with one read model twice: %v", err)
		if err == nil {
			s.Close()
		}
	}
}
