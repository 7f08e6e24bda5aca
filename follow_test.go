package daybook_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/memstore"
)

func appended(t *testing.T, store daybook.Store, typ string) daybook.Point {
	t.Helper()
	receipt, err := store.Append(t.Context(), []daybook.Event{{Type: typ}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return receipt.Point
}

func TestFollowYieldsEachEventOnce(t *testing.T) {
	store := memstore.New()
	appended(t, store, "A")
	appended(t, store, "A")
	var seen []daybook.Position
	for reading, err := range daybook.Follow(t.Context(), store, daybook.All(), daybook.Point{}) {
		if err != nil {
			t.Fatal(err)
		}
		for e, err := range reading.Events() {
			if err != nil {
				t.Fatal(err)
			}
			seen = append(seen, e.Position)
		}
		if len(seen) == 5 {
			break
		}
		appended(t, store, "A")
	}
	for i, position := range seen {
		if position != daybook.Position(i+1) {
			t.Fatalf("saw positions %v", seen)
		}
	}
}

func TestFollowGoesOnFromACheckpoint(t *testing.T) {
	store := memstore.New()
	checkpoint := appended(t, store, "A")
	appended(t, store, "B")
	next := appended(t, store, "A")
	for range 2 { // each range begins anew
		for reading, err := range daybook.Follow(t.Context(), store, daybook.Query{{Types: []string{"A"}}}, checkpoint) {
			if err != nil {
				t.Fatal(err)
			}
			for e, err := range reading.Events() {
				if err != nil || e.Position != next.Position {
					t.Fatalf("after %v comes position %d (%v)", checkpoint, e.Position, err)
				}
			}
			if reading.Snapshot() != next {
				t.Errorf("the next checkpoint is %v, want %v", reading.Snapshot(), next)
			}
			break
		}
	}
}

func TestFollowRefusesForeignPoints(t *testing.T) {
	store := memstore.New()
	here := appended(t, store, "A")
	foreign := here
	foreign.Incarnation = uuid.New()
	for _, c := range []struct {
		from daybook.Point
		is   func(error) bool
	}{
		{foreign, func(err error) bool { var e *daybook.LifeError; return errors.As(err, &e) }},
		{here.At(2), func(err error) bool { var e *daybook.InvalidError; return errors.As(err, &e) }},
	} {
		n := 0
		for _, err := range daybook.Follow(t.Context(), store, daybook.All(), c.from) {
			if n++; !c.is(err) {
				t.Errorf("following from %v is answered %v", c.from, err)
			}
		}
		if n != 1 {
			t.Errorf("following from %v yields %d times, want the error alone", c.from, n)
		}
	}
}

// restored is a store whose log begins another incarnation after a few calls of Wait.
type restored struct {
	daybook.Store
	waits int
}

func (s *restored) Wait(ctx context.Context, q daybook.Query, after daybook.Position) (daybook.Position, error) {
	if s.waits--; s.waits == 0 {
		other := memstore.New()
		for range 5 {
			if _, err := other.Append(ctx, []daybook.Event{{Type: "Other"}}, nil); err != nil {
				return 0, err
			}
		}
		s.Store = other
	}
	return s.Store.Wait(ctx, q, after)
}

func TestFollowStopsWhenTheLogIsRestored(t *testing.T) {
	store := &restored{Store: memstore.New(), waits: 2}
	appended(t, store, "A")
	readings := 0
	for reading, err := range daybook.Follow(t.Context(), store, daybook.All(), daybook.Point{}) {
		if err != nil {
			var life *daybook.LifeError
			if !errors.As(err, &life) || readings != 1 {
				t.Errorf("after %d readings following ends with %v, want a LifeError", readings, err)
			}
			return
		}
		if readings++; readings > 1 {
			t.Fatalf("a reading of another life is yielded: %v", reading.Snapshot())
		}
	}
}

func TestFollowEndsWithItsContext(t *testing.T) {
	store := memstore.New()
	appended(t, store, "A")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for _, err := range daybook.Follow(ctx, store, daybook.All(), daybook.Point{}) {
		switch n++; n {
		case 1:
			if err != nil {
				t.Fatal(err)
			}
			cancel()
		default:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("following ends with %v", err)
			}
		}
	}
	if n != 2 {
		t.Errorf("following yields %d times, want a reading and the error", n)
	}
	store.Close()
	for _, err := range daybook.Follow(t.Context(), store, daybook.All(), daybook.Point{}) {
		if !errors.Is(err, daybook.ErrClosed) {
			t.Errorf("following a closed store is answered %v", err)
		}
	}
}
