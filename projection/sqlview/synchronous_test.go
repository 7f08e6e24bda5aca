package sqlview_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/pgtest"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/sqlview"
)

// A clerk does by hand what a store does with synchronous read models: on one connection,
// in one transaction after the other.
type clerk struct {
	t    *testing.T
	url  string
	conn *pgx.Conn
	head daybook.Point
}

func newClerk(t *testing.T) *clerk {
	c := &clerk{t: t, url: pgtest.Database(t), head: daybook.Point{Log: uuid.New(), Incarnation: uuid.New()}}
	conn, err := pgx.Connect(t.Context(), c.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) }) // the database goes with the test
	c.conn = conn
	return c
}

func (c *clerk) exec(statement string) {
	c.t.Helper()
	if _, err := c.conn.Exec(c.t.Context(), statement); err != nil {
		c.t.Fatal(err)
	}
}

// make makes the tables in a transaction that is kept.
func (c *clerk) make(s *sqlview.Synchronous) daybook.Point {
	c.t.Helper()
	c.exec("begin")
	at, err := s.Make(c.t.Context(), c.conn)
	if err != nil {
		c.t.Fatal(err)
	}
	c.exec("commit")
	return at
}

// record has the read models apply one event after the other, each after a savepoint to
// which it returns if a read model refuses the event, and commits what was taken. It
// returns the errors.
func (c *clerk) record(events []any, models ...*sqlview.Synchronous) (refused []error) {
	c.t.Helper()
	c.exec("begin")
	var taken []daybook.Recorded
	to := c.head
	for _, fact := range events {
		e, err := codec.Event(fact)
		if err != nil {
			c.t.Fatal(err)
		}
		e.ID = uuid.New()
		recorded := daybook.Recorded{Event: e, Position: to.Position + 1}
		c.exec("savepoint before")
		for _, s := range models {
			if err = s.Apply(c.t.Context(), c.conn, []daybook.Recorded{recorded}); err != nil {
				break
			}
		}
		if err != nil {
			c.exec("rollback to before")
		} else {
			to.Position++
			taken = append(taken, recorded)
		}
		refused = append(refused, err)
		c.exec("release before")
	}
	from := c.head
	if from.Position == 0 {
		from = daybook.Point{}
	}
	for _, s := range models {
		if err := s.Move(c.t.Context(), c.conn, from, to, taken); err != nil {
			c.t.Fatal(err)
		}
	}
	c.exec("commit")
	c.head = to
	return refused
}

// amounts returns what is in the table of a tally, and where the read model stands.
func (c *clerk) amounts(s *sqlview.Synchronous) (all []string, at projection.Checkpoint) {
	c.t.Helper()
	view, err := s.OpenIn(c.t.Context(), c.url)
	if err != nil {
		c.t.Fatal(err)
	}
	defer view.Close()
	err = view.Read(c.t.Context(), func(rows *sqlview.Reader, now projection.Checkpoint) error {
		at = now
		for row, err := range rows.Query(`select amount::text from tally order by amount`) {
			var amount string
			if err == nil {
				err = row.Scan(&amount)
			}
			if err != nil {
				return err
			}
			all = append(all, amount)
		}
		return nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return all, at
}

var errThirteen = errors.New("thirteen is not taken")

// newTally returns a read model of amounts that no two events may have, in a column of a type.
func newTally(name, kind string) *sqlview.Definition {
	return sqlview.New(name, 1, codec, `create table tally (amount `+kind+` primary key, twin `+kind+`, foreign key (twin) references tally deferrable initially deferred)`,
		sqlview.On(func(tx *sqlview.Tx, e Earned, _ daybook.Recorded) error {
			if e.Cents == 13 {
				return errThirteen
			}
			// Asked again, the answer has another type in another read model.
			for _, err := range tx.Query(`select amount from tally where amount = ?`, -e.Cents) {
				return errors.Join(err, fmt.Errorf("%d is there, and was never earned", -e.Cents))
			}
			twin := any(e.Cents)
			if e.Cents == 99 {
				twin = e.Cents + 1 // which is not there
			}
			return tx.Exec(`insert into tally values (?, ?)`, e.Cents, twin)
		}))
}

func TestASynchronousReadModelIsChangedInTheTransactionOfItsStore(t *testing.T) {
	c, tally := newClerk(t), newTally("tally", "bigint").Synchronous()
	if at := c.make(tally); !at.IsZero() {
		t.Errorf("a new read model shows the log up to %v", at)
	}
	for _, err := range c.record([]any{Earned{1}, Earned{2}}, tally) {
		if err != nil {
			t.Error(err)
		}
	}
	all, at := c.amounts(tally)
	if !cmp.Equal(all, []string{"1", "2"}) || at.Point != c.head || at.Applied != 2 || at.Events != 2 {
		t.Errorf("the tables have %v, at %+v; want 1 and 2 at %v", all, at, c.head)
	}
	// What the transaction did not keep, the tables do not show.
	c.exec("begin")
	e, _ := codec.Event(Earned{3})
	if err := tally.Apply(t.Context(), c.conn, []daybook.Recorded{{Event: e, Position: 3}}); err != nil {
		t.Fatal(err)
	}
	if err := tally.Move(t.Context(), c.conn, c.head, c.head.At(3), nil); err != nil {
		t.Fatal(err)
	}
	c.exec("rollback")
	if all, now := c.amounts(tally); !cmp.Equal(all, []string{"1", "2"}) || now != at {
		t.Errorf("the tables have %v, at %+v, after a transaction that was undone", all, now)
	}
	if again := c.make(tally); again != c.head {
		t.Errorf("made again, it shows the log up to %v; want %v", again, c.head)
	}
}

// Of appends that are recorded together each is refused by itself: by its handler, by a
// statement, or by a constraint that PostgreSQL checks when the transaction ends.
func TestWhatASynchronousReadModelRefusesIsNotBlamedOnOthers(t *testing.T) {
	c, tally, other := newClerk(t), newTally("tally", "bigint").Synchronous(), newTally("other", "numeric").Synchronous()
	c.make(tally)
	c.make(other)
	refused := c.record([]any{Earned{1}, Earned{13}, Earned{1}, Earned{99}, Earned{2}}, tally, other)
	for i, want := range []string{"", errThirteen.Error(), "duplicate key", "foreign key", ""} {
		if got := fmt.Sprint(refused[i]); want == "" && refused[i] != nil || !strings.Contains(got, want) {
			t.Errorf("event %d: %s; want %q", i, got, want)
		}
	}
	if !errors.Is(refused[1], errThirteen) {
		t.Errorf("what the handler returned is lost in %v", refused[1])
	}
	for _, s := range []*sqlview.Synchronous{tally, other} {
		if all, at := c.amounts(s); !cmp.Equal(all, []string{"1", "2"}) || at.Events != 2 || at.Point != c.head {
			t.Errorf("%s has %v, at %+v", s.Name(), all, at)
		}
	}
}

func TestASynchronousReadModelThatStandsElsewhereIsNotMoved(t *testing.T) {
	c, tally := newClerk(t), newTally("tally", "bigint").Synchronous()
	c.make(tally)
	c.record([]any{Earned{1}}, tally)
	_, before := c.amounts(tally)
	for what, from := range map[string]daybook.Point{
		"a point before":  c.head.At(0),
		"the beginning":   {},
		"another log":     {Log: uuid.New(), Incarnation: c.head.Incarnation, Position: 1},
		"a point further": c.head.At(2),
	} {
		c.exec("begin")
		if err := tally.Move(t.Context(), c.conn, from, c.head.At(3), nil); err == nil || !strings.Contains(err.Error(), "the tables show the log up to") {
			t.Errorf("moved from %s: %v", what, err)
		}
		c.exec("rollback")
	}
	if _, now := c.amounts(tally); now != before {
		t.Errorf("it went from %+v to %+v", before, now)
	}
}

// The connection is the store's: it finds its own tables as before, and what was prepared
// for one read model is not used for another.
func TestSynchronousReadModelsLeaveAConnectionAsItWas(t *testing.T) {
	c := newClerk(t)
	tally, words := newTally("tally", "bigint").Synchronous(), newTally("words", "numeric").Synchronous()
	c.exec(`create table tally (own text, other text, another text)`)
	c.exec(`insert into tally values (7)`)
	c.make(tally)
	c.make(words)
	for n := range 3 {
		for _, err := range c.record([]any{Earned{10 + n}}, tally, words) {
			if err != nil {
				t.Fatal(err)
			}
		}
		var own string
		if err := c.conn.QueryRow(t.Context(), `select own from tally`).Scan(&own); err != nil || own != "7" {
			t.Fatalf("the store's own table has %s, %v", own, err)
		}
	}
}

func TestAViewOfTheSameVersionLiesBesideASynchronousOne(t *testing.T) {
	c, tally := newClerk(t), newTally("tally", "bigint")
	c.make(tally.Synchronous())
	c.record([]any{Earned{5}}, tally.Synchronous())
	view := open(t, tally, place{URL: c.url})
	if stand, err := view.Stand(t.Context(), 0); err != nil || !stand.IsZero() {
		t.Errorf("the view stands at %+v, %v, and nothing was applied to it", stand.Checkpoint, err)
	}
	if err := view.Remove(t.Context()); err != nil {
		t.Fatal(err)
	}
	if all, _ := c.amounts(tally.Synchronous()); !cmp.Equal(all, []string{"5"}) {
		t.Errorf("with the view went %v", all)
	}
	if editions, err := tally.EditionsIn(t.Context(), c.url); err != nil || len(editions) != 0 {
		t.Errorf("the store's read model counts as one of the editions %v, %v", editions, err)
	}
}

func TestASynchronousReadModelThatNoStoreHasMadeDoesNotOpen(t *testing.T) {
	view, err := newTally("tally", "bigint").Synchronous().OpenIn(t.Context(), pgtest.Database(t))
	if err == nil {
		view.Close()
		t.Fatal("it opened")
	}
}

func TestLineageIsNotedForASynchronousReadModelToo(t *testing.T) {
	c, tally := newClerk(t), newTally("tally", "bigint").WithLineage().Synchronous()
	c.make(tally)
	c.record([]any{Earned{5}, Earned{6}}, tally)
	view, err := tally.OpenIn(t.Context(), c.url)
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	touches, err := view.Lineage(t.Context(), "tally", 6)
	if err != nil || len(touches) != 1 || touches[0].Position != 2 || touches[0].Did != "inserted" {
		t.Errorf("the lineage is %+v, %v", touches, err)
	}
}
