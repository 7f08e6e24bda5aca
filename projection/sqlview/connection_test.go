package sqlview

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
)

// readable returns a read model with the numbers from one to ten.
func readable(t *testing.T) *View {
	t.Helper()
	codec := daybook.NewCodec(daybook.KindOf[int]("Counted", nil))
	view, err := New("counts", 1, codec, `create table n (n integer) strict;
insert into n with recursive up(n) as (select 1 union all select n + 1 from up where n < 10) select n from up;`,
		On(func(*Tx, int, daybook.Recorded) error { return nil })).Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := view.Close(); err != nil {
			t.Error(err)
		}
	})
	return view
}

// sum adds up the numbers, each as often as there are some, by asking the same inside of
// itself.
func sum(rows *Reader) (all int, err error) {
	const query = "select n from n order by n\n"
	for row, err := range rows.Query(query) {
		var n, m int
		if err == nil {
			err = row.Scan(&n)
		}
		if err != nil {
			return 0, err
		}
		for row, err := range rows.Query(query) {
			if err == nil {
				err = row.Scan(&m)
			}
			if err != nil {
				return 0, err
			}
			all += n
		}
	}
	return all, nil
}

func TestReadersKeepWhatWasPrepared(t *testing.T) {
	view := readable(t)
	pool := view.db.(*sqliteFile).readers
	for range 3 {
		err := view.Read(t.Context(), func(rows *Reader, _ projection.Checkpoint) error {
			if got, err := sum(rows); err != nil || got != 550 {
				t.Errorf("the sum is %d, %v; want 550", got, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(pool.idle) != 1 {
		t.Fatalf("readers one after the other have left %d connections, want 1", len(pool.idle))
	}
	if s := pool.idle[0].prepared["select n from n order by n\n"]; s == nil {
		t.Error("the statement is not kept")
	}
}

// There are no more connections than there may be, and whoever finds none waits, for as long
// as its context lasts.
func TestReadersWaitForEachOther(t *testing.T) {
	view := readable(t)
	pool := view.db.(*sqliteFile).readers
	inside, leave := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	for range 3 * maxReaders {
		all.Go(func() {
			err := view.Read(t.Context(), func(rows *Reader, _ projection.Checkpoint) error {
				inside <- struct{}{}
				<-leave
				_, err := sum(rows)
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	for range maxReaders {
		<-inside
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := view.Read(ended, func(*Reader, projection.Checkpoint) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("without a connection, and with a context that has ended, reading returns %v", err)
	}
	close(leave)
	for range 2 * maxReaders {
		<-inside
	}
	all.Wait()
	if n := len(pool.idle); n > maxReaders {
		t.Errorf("%d connections are kept, want %d at most", n, maxReaders)
	}
}

// Whoever gives up in the middle, or panics, leaves nothing behind that others would see.
func TestAReaderThatGivesUpLeavesNothing(t *testing.T) {
	view := readable(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := view.Read(ctx, func(rows *Reader, _ projection.Checkpoint) error {
		for range rows.Query("select n from n") {
			cancel()
			break
		}
		for _, err := range rows.Query("select n from n") {
			return err
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("given up, reading returns %v", err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic is swallowed")
			}
		}()
		_ = view.Read(t.Context(), func(*Reader, projection.Checkpoint) error { panic("boom") })
	}()
	for range 2 * maxReaders {
		err := view.Read(t.Context(), func(rows *Reader, _ projection.Checkpoint) error {
			_, err := sum(rows)
			return err
		})
		if err != nil {
			t.Fatalf("afterwards, reading returns %v", err)
		}
	}
}

func TestAConnectionThatIsGivenUpIsLentToNobody(t *testing.T) {
	view := readable(t)
	pool := view.db.(*sqliteFile).readers
	broken := pool.with(t.Context(), func(c *connection) error {
		// What a context that ended just then left behind.
		return errors.Join(c.exec(t.Context(), "begin"), errBroken)
	})
	if !errors.Is(broken, errBroken) {
		t.Fatal(broken)
	}
	for range 2 * maxReaders {
		err := view.Read(t.Context(), func(rows *Reader, _ projection.Checkpoint) error {
			_, err := sum(rows)
			return err
		})
		if err != nil {
			t.Fatalf("the next to read is told: %v", err)
		}
	}
}

// Readers whose time is up at any moment leave nothing behind for those who come after.
func TestReadersThatAreCutOffDisturbNobody(t *testing.T) {
	view := readable(t)
	var cut sync.WaitGroup
	for n := range 4 * maxReaders {
		cut.Go(func() {
			for m := range 50 {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Duration((n*7+m*13)%400)*time.Microsecond, cancel)
				_ = view.Read(ctx, func(rows *Reader, _ projection.Checkpoint) error {
					_, err := sum(rows)
					return err
				})
				cancel()
				err := view.Read(t.Context(), func(rows *Reader, _ projection.Checkpoint) error {
					got, err := sum(rows)
					if err == nil && got != 550 {
						t.Errorf("it reads %d", got)
					}
					return err
				})
				if err != nil {
					t.Errorf("who comes after is told: %v", err)
					return
				}
			}
		})
	}
	cut.Wait()
}
