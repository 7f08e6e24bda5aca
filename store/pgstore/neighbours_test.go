package pgstore

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/pgtest"
)

// hold locks the head until it is let go of, so that what is appended meanwhile waits.
func hold(t *testing.T, database string) (release func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "begin; "+lockHead); err != nil {
		t.Fatal(err)
	}
	return func() { conn.Close(t.Context()) }
}

// What a trigger refuses, and a condition that no statement can hold, are appended beside
// others, in one group.
func TestWhatCannotBeRecordedFailsAlone(t *testing.T) {
	database := pgtest.Database(t)
	s := open(t, database, Options{})
	run(t, database, `create function refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$`)
	run(t, database, `create trigger refuse before insert on daybook.daybook_event for each row when (new.type = 'Bad') execute function public.refuse()`)
	endless := make(daybook.Query, 20_000)
	for i := range endless {
		endless[i].Types = []string{strconv.Itoa(i)}
	}

	release := hold(t, database)
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() {
			event, cond, good := daybook.Event{Stream: fmt.Sprint("order-", i), Type: "Placed"}, daybook.Condition(nil), true
			switch i {
			case 20, 31:
				event.Type, good = "Bad", false
			case 40:
				cond, good = daybook.Nothing(endless, daybook.Point{}), false
			}
			_, err := s.Append(t.Context(), []daybook.Event{event}, cond)
			if away := (*daybook.UnavailableError)(nil); good && err != nil || !good && !errors.As(err, &away) {
				t.Errorf("append %d: %v", i, err)
			}
		})
	}
	// The first is being written, and the others wait behind it.
	wait(t, "the appends wait", func() bool { return len(s.queue) >= 50 })
	release()
	all.Wait()
	if info, err := s.Info(t.Context()); err != nil || info.Head.Position != 57 {
		t.Errorf("the head is %+v (%v)", info.Head, err)
	}
}

// The planner takes time that grows with the square of the tables that a statement names.
func TestAConditionOverAsManyTagsAsAnEventHasIsCheckedAtOnce(t *testing.T) {
	s := open(t, pgtest.Database(t), Options{})
	tags := make([]string, daybook.MaxTags)
	for i := range tags {
		tags[i] = strconv.Itoa(i)
	}
	event := daybook.Event{Stream: "order-1", Type: "Placed", Tags: tags}
	query := daybook.Query{{Tags: tags}}
	receipt, err := s.Append(t.Context(), []daybook.Event{event}, daybook.Nothing(query, daybook.Point{}))
	if err != nil {
		t.Fatal(err)
	}
	conflict := (*daybook.ConflictError)(nil)
	if _, err := s.Append(t.Context(), []daybook.Event{event}, daybook.Nothing(query, daybook.Point{})); !errors.As(err, &conflict) {
		t.Errorf("a second event with the tags: %v", err)
	}
	if _, err := s.Append(t.Context(), []daybook.Event{daybook.Deleted("order-1")}, nil); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Scavenge(t.Context()); n != 1 || err != nil {
		t.Fatalf("%d events were scavenged (%v)", n, err)
	}
	if _, err := s.Append(t.Context(), nil, daybook.Nothing(query, daybook.Point{})); !errors.As(err, &conflict) || conflict.Position() != receipt.Position {
		t.Errorf("behind a stub with the tags: %v", err)
	}
	other := daybook.Query{{Tags: append([]string{"another"}, tags[1:]...)}}
	if _, err := s.Append(t.Context(), nil, daybook.Nothing(other, daybook.Point{})); err != nil {
		t.Errorf("with one tag that the stub has not: %v", err)
	}
}

func TestWhoWaitsIsToldAfterTheLogWasPutBack(t *testing.T) {
	database := pgtest.Database(t)
	s, other := open(t, database, Options{}), open(t, database, Options{})
	noted := []daybook.Event{{Type: "Noted"}}
	for range 10 {
		if _, err := s.Append(t.Context(), noted, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, waiting := range []*subject{s, other} {
		if _, err := waiting.Wait(t.Context(), daybook.All(), 9); err != nil {
			t.Fatal(err)
		}
	}
	// Both have been told of position 10.
	for _, told := range []*subject{s, other} {
		wait(t, "the head is known", func() bool {
			told.arrivals.mu.Lock()
			defer told.arrivals.mu.Unlock()
			return told.arrivals.head == 10
		})
	}
	run(t, database, `delete from daybook.daybook_event where position > 5; update daybook.daybook_log set position = 5`)
	told := make(chan error, 2)
	for _, waiting := range []*subject{s, other} {
		go func() {
			_, err := waiting.Wait(t.Context(), daybook.All(), 5)
			told <- err
		}()
	}
	if _, err := s.Append(t.Context(), noted, nil); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		select {
		case err := <-told:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("somebody waits still")
		}
	}
}
