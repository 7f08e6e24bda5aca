package publish_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/publish"
	"github.com/daybook-es/daybook/store/memstore"
)

// A flaky bookmark fails now and then, before it has saved or after.
type flaky struct {
	publish.MemoryBookmark
	fails func() bool
}

var errFlaky = errors.New("the bookmark is flaky")

func (f *flaky) Load(ctx context.Context) (publish.Mark, error) {
	if f.fails() {
		return publish.Mark{}, errFlaky
	}
	return f.MemoryBookmark.Load(ctx)
}

func (f *flaky) Save(ctx context.Context, from, to publish.Mark) error {
	if f.fails() {
		return errFlaky
	}
	err := f.MemoryBookmark.Save(ctx, from, to)
	if err == nil && f.fails() {
		return errFlaky
	}
	return err
}

// A log is published by one run after another, each stopped in the middle, while the sink
// fails in every way, the bookmark fails, and somebody retries and skips what is set aside.
// When all is well again everything that was not skipped has been sent, in order per key.
func TestWhateverFailsEverythingIsSentInOrderPerKey(t *testing.T) {
	seed, piece, soaking := soak(t)
	first, lives := 0, 40
	if testing.Short() {
		lives = 10
	}
	if soaking {
		first, lives = piece*1000, 1000
	}
	t.Attr("cases", strconv.Itoa(lives))
	for life := first; life < first+lives; life++ {
		t.Run(fmt.Sprint("seed ", seed, ", life ", life), func(t *testing.T) {
			t.Parallel()
			chaos(t, rand.New(rand.NewPCG(seed, uint64(life))))
		})
	}
}

// soak says which piece of which seed `make soak` asks for, if it does.
func soak(t *testing.T) (seed uint64, piece int, asked bool) {
	t.Helper()
	text, asked := os.LookupEnv("DAYBOOK_SOAK_SEED")
	if !asked {
		return 7, 0, false
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err == nil {
		piece, err = strconv.Atoi(os.Getenv("DAYBOOK_SOAK_PIECE"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return seed, piece, true
}

func chaos(t *testing.T, random *rand.Rand) {
	var mu sync.Mutex
	well := false
	chance := func(of int) bool { // false when all is well
		mu.Lock()
		defer mu.Unlock()
		return !well && random.IntN(of) == 0
	}
	pick := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return random.IntN(n)
	}
	store, keys := memstore.New(), 1+pick(8)
	sink := &receiver{answer: func(m publish.Message) error {
		switch {
		case chance(8):
			return errors.New("no")
		case chance(15):
			return publish.Refused(errors.New("never"))
		case chance(20):
			return publish.Unavailable(errors.New("not now"))
		case chance(30):
			panic("oh")
		case chance(5):
			time.Sleep(time.Duration(pick(300)) * time.Microsecond)
		}
		return nil
	}}
	bookmark := &flaky{fails: func() bool { return chance(10) }}
	options := publish.Options{
		Window: 1 + pick(60), AtOnce: 1 + pick(6), Attempts: 1 + pick(4), MaxAside: 1 + pick(5),
		RetryAfter: 50 * time.Microsecond, RetryAtMost: 400 * time.Microsecond, SaveEvery: time.Duration(1+pick(1000)) * time.Microsecond,
	}
	if pick(2) == 0 { // the same key, and a log that must be read through to find it
		options.Key = func(e daybook.Recorded) string { return e.Stream }
	}

	skipped := make(map[uuid.UUID]bool)
	for range 12 {
		for range pick(60) {
			record(t, store, fmt.Sprintf("key-%d", pick(keys)), 1)
		}
		p := publish.New(store, daybook.All(), sink, bookmark, quick(options))
		stop := run(t, p)
		for range pick(20) {
			time.Sleep(time.Duration(pick(200)) * time.Microsecond)
			aside := p.Aside()
			if len(aside) == 0 {
				continue
			}
			switch a := aside[pick(len(aside))]; {
			case chance(2):
				if err := p.Retry(a.Key); err != nil && !errors.Is(err, publish.ErrNotSetAside) {
					t.Errorf("retry: %v", err)
				}
			case chance(4):
				err := p.Skip(a.Key, a.ID, "chaos")
				if err == nil {
					skipped[a.ID] = true
				} else if !errors.Is(err, publish.ErrNotSetAside) {
					t.Errorf("skip: %v", err)
				}
			}
		}
		if err := stop(); err != nil && !errors.Is(err, errFlaky) {
			t.Fatalf("Run: %v", err)
		}
	}

	mu.Lock()
	well = true
	mu.Unlock()
	p := publish.New(store, daybook.All(), sink, bookmark, quick(options))
	stop := run(t, p)
	until(t, "everything is sent", func() bool {
		s := status(t, p)
		return s.Running && !s.Mark.IsZero() && s.Lag == 0 && s.InHand == 0 && len(s.Mark.Aside) == 0
	})
	if held := p.Held(); held != 0 {
		t.Errorf("%d bytes are held though nothing is in hand", held)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}

	reading, err := store.Read(t.Context(), daybook.All(), daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	events, err := reading.Collect()
	if err != nil {
		t.Fatal(err)
	}
	// Of what was skipped, anything may have been sent before, or the skip was lost with its run.
	dropSkipped := func(positions []daybook.Position) []daybook.Position {
		return slices.DeleteFunc(positions, func(p daybook.Position) bool { return skipped[events[p-1].ID] })
	}
	for i := range keys {
		key := fmt.Sprintf("key-%d", i)
		var want []daybook.Position
		for _, e := range events {
			if e.Stream == key {
				want = append(want, e.Position)
			}
		}
		want = dropSkipped(want)
		if got := dropSkipped(sink.positions(key)); !inOrder(got, want) {
			t.Errorf("of %s there came %v; want %v in order, with nothing left out", key, got, want)
		}
	}
	for _, fault := range sink.faults {
		t.Error(fault)
	}
}
