package storetest

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// Waiting for what is recorded later, and following the log.
var followPromises = []promise{
	{sentence: "a wait for what is there already returns at once, above its position", check: checkWaitIsThere},
	{sentence: "a wait ends when something that its query selects is recorded", check: checkWaitWakes},
	{sentence: "a read begun after a wait sees what it returned for", check: checkReadAfterWait},
	{sentence: "a wait sleeps through what its query does not select, up to a stride", check: checkWaitSleeps},
	{sentence: "a wait ends when the head is a stride past its position", check: checkStride},
	{sentence: "a wait for a position that has not come yet waits", check: checkWaitAhead},
	{sentence: "every one of many waits ends", check: checkManyWaits},
	{sentence: "a wait whose context ends is unavailable and wraps the context's error", check: checkWaitContext},
	{sentence: "a wait ends with ErrClosed when the store is closed", check: checkWaitClosed},
	{sentence: "following shows every event once and in order, while others append", check: checkFollow},
	{sentence: "following a query shows what it selects once and in order, while others append", check: checkFollowQuery},
	{sentence: "following goes on from a checkpoint without skipping or repeating", check: checkFollowFromCheckpoint},
	{sentence: "following moves its checkpoint past what is not selected", check: checkFollowStride},
	{sentence: "following from a point of another log or incarnation is a LifeError", check: checkFollowForeign},
	{sentence: "following from a point that has not come yet is invalid", check: checkFollowAhead},
	{sentence: "following ends with its context, and when the store is closed", check: checkFollowEnds},
}

// waited is what a wait answered.
type waited struct {
	position daybook.Position
	err      error
}

// wait waits in a goroutine of its own, which has most likely begun when it returns.
// Nothing depends on that: a right store gives the same answers to whoever is late.
func (t *trial) wait(ctx context.Context, q daybook.Query, after daybook.Position) <-chan waited {
	begun, answer := make(chan struct{}), make(chan waited, 1)
	go func() {
		close(begun)
		position, err := t.store.Wait(ctx, q, after)
		answer <- waited{position, err}
	}()
	<-begun
	for range 20 {
		runtime.Gosched()
	}
	return answer
}

// returns expects that a wait ends, at a position of at least this.
func (t *trial) returns(what string, answer <-chan waited, least daybook.Position) {
	t.Helper()
	select {
	case got := <-answer:
		if got.err != nil || got.position < least {
			t.Errorf("%s returned position %d (%v), want at least %d", what, got.position, got.err, least)
		}
	case <-t.ctx.Done():
		t.Fatalf("%s does not return", what)
	}
}

func checkWaitIsThere(t *trial) {
	all := t.shelf()
	for _, c := range []struct {
		q     daybook.Query
		after daybook.Position
		least daybook.Position
	}{
		{daybook.All(), 0, 1}, {daybook.All(), 6, 7}, {tagged("book:1984"), 0, 1}, {tagged("book:1984"), 4, 5},
		{daybook.Stream("order-1"), 2, 3}, {typed("Closed"), 0, 7}, {identified(all[3].ID), 3, 4}, {daybook.Query{{Categories: []string{"refund"}}}, 1, 5},
	} {
		got, err := t.store.Wait(t.ctx, c.q, c.after)
		if err != nil || got < c.least || got > 7 {
			t.Errorf("waiting for %+v after %d returned %d (%v), want %d to 7", c.q, c.after, got, err, c.least)
		}
	}
}

func checkWaitWakes(t *trial) {
	e := event("order-1", "Placed", "book:1984", "reader:ada")
	answers := make(map[string]<-chan waited)
	for what, q := range queriesFor(e) {
		answers[what] = t.wait(t.ctx, q, 0)
	}
	t.record(e)
	for what, answer := range answers {
		t.returns("a wait for "+what, answer, 1)
	}
	// And again from where it stands, with an append between the question and it.
	for range 20 {
		after := t.head().Position
		answer := t.wait(t.ctx, tagged("book:1984"), after)
		t.record(event("order-2", "Placed", "book:1984"))
		t.returns("a wait for a tag", answer, after+1)
	}
}

func checkReadAfterWait(t *trial) {
	const rounds = 40
	done := make(chan error, 1)
	go func() {
		for i := range rounds {
			if _, err := t.store.Append(t.ctx, events(1+i%3, "order-1", "Placed", "x"), nil); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for after := daybook.Position(0); ; {
		position, err := t.store.Wait(t.ctx, tagged("x"), after)
		if err != nil {
			t.Fatalf("wait: %v", err)
		}
		if position <= after {
			t.Fatalf("a wait after %d returned %d", after, position)
		}
		reading := t.reading(tagged("x"), daybook.Span{After: after})
		if reading.Snapshot().Position < position {
			t.Fatalf("a wait returned %d, and a read begun then goes up to %d", position, reading.Snapshot().Position)
		}
		if got := t.events(reading); len(got) == 0 || got[0].Position != after+1 {
			t.Fatalf("after a wait that returned %d, reading after %d shows %s", position, after, recordedList(got))
		}
		after = reading.Snapshot().Position
		if after == 79 {
			break
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func checkWaitSleeps(t *trial) {
	quiet := min(t.info().Stride, 50) - 1
	answer := t.wait(t.ctx, tagged("x"), 0)
	for range quiet {
		t.record(event("order-1", "Placed", "y"))
	}
	// However short the nap, it must not be ended by what is there.
	nap, cancel := context.WithTimeout(t.ctx, 20*time.Millisecond)
	defer cancel()
	if position, err := t.store.Wait(nap, tagged("x"), 0); kind(err) != "unavailable" {
		t.Errorf("a wait returned position %d (%v), and nothing that it waits for was recorded", position, err)
	}
	selected := t.record(event("order-1", "Placed", "x")).Position
	t.returns("a wait past events that are not selected", answer, selected)
}

// longestStride is how many events the suite records to move the head a stride on.
const longestStride = 200_000

func checkStride(t *trial) {
	stride := t.info().Stride
	if stride == 0 {
		t.Fatal("the store states no stride")
	}
	if stride > longestStride {
		t.Skipf("a stride of %d is too long to be walked here", stride)
	}
	answer := t.wait(t.ctx, tagged("nobody"), 0)
	zero := t.wait(t.ctx, nil, 0)
	t.walk(stride)
	t.returns("a wait for nothing that comes", answer, daybook.Position(stride))
	t.returns("a wait for the zero query", zero, daybook.Position(stride))
	t.returns("a wait begun late", t.wait(t.ctx, tagged("nobody"), 0), daybook.Position(stride))
}

// walk moves the head on by at least a number of positions.
func (t *trial) walk(positions uint64) {
	t.Helper()
	for walked := uint64(0); walked < positions; walked += 1000 {
		t.record(events(1000, "", "Step")...)
	}
}

func checkWaitAhead(t *trial) {
	t.record(event("order-1", "Placed"))
	answer := t.wait(t.ctx, daybook.All(), 3)
	for range 3 {
		t.record(event("order-1", "Paid"))
	}
	t.returns("a wait after position 3", answer, 4)
}

func checkManyWaits(t *trial) {
	var answers []<-chan waited
	for i := range 200 {
		answers = append(answers, t.wait(t.ctx, []daybook.Query{tagged("x"), daybook.All(), daybook.Stream("order-1")}[i%3], 0))
	}
	t.record(event("order-1", "Placed", "x"))
	for _, answer := range answers {
		t.returns("one of many waits", answer, 1)
	}
}

func checkWaitContext(t *trial) {
	t.record(event("order-1", "Placed"))
	cancelled, cancel := context.WithCancel(t.ctx)
	answer := t.wait(cancelled, tagged("nobody"), 0)
	cancel()
	t.endsWith("a wait whose context is cancelled", answer, context.Canceled)
	t.endsWith("a wait with a context cancelled before", t.wait(cancelled, tagged("nobody"), 0), context.Canceled)

	short, cancel := context.WithTimeout(t.ctx, time.Millisecond)
	defer cancel()
	t.endsWith("a wait whose time is over", t.wait(short, tagged("nobody"), 0), context.DeadlineExceeded)
}

func (t *trial) endsWith(what string, answer <-chan waited, want error) {
	t.Helper()
	select {
	case got := <-answer:
		if kind(got.err) != "unavailable" || !errors.Is(got.err, want) {
			t.Errorf("%s answers %v, want it to be unavailable and wrap %q", what, got.err, want)
		}
	case <-t.ctx.Done():
		t.Fatalf("%s does not return", what)
	}
}

func checkWaitClosed(t *trial) {
	t.record(event("order-1", "Placed"))
	answers := []<-chan waited{t.wait(t.ctx, tagged("nobody"), 0), t.wait(t.ctx, daybook.All(), 1), t.wait(t.ctx, nil, 0)}
	t.close()
	for _, answer := range answers {
		select {
		case got := <-answer:
			if !errors.Is(got.err, daybook.ErrClosed) {
				t.Errorf("a wait answers %v when the store is closed, want ErrClosed", got.err)
			}
		case <-t.ctx.Done():
			t.Fatal("a wait does not return when the store is closed")
		}
	}
}

// appenders starts goroutines that append until each has recorded so many, and
// returns a function that waits for them and the number of events that they record.
func (t *trial) appenders(n, each int) (wait func(), total int) {
	var wg sync.WaitGroup
	for a := range n {
		stream := string(rune('a'+a)) + "-1"
		for i := range each {
			total += 1 + i%4
		}
		wg.Go(func() {
			for i := range each {
				batch := events(1+i%4, stream, "Placed", "x", "appender:"+stream)
				if i%3 == 0 {
					batch[0].Tags = []string{"y"}
				}
				if _, err := t.store.Append(t.ctx, batch, nil); err != nil {
					t.Errorf("append: %v", err)
					return
				}
			}
		})
	}
	return wg.Wait, total
}

// followUntil follows a query from a point until the checkpoint is at a position,
// and returns what it saw. It may be used in any goroutine.
func (t *trial) followUntil(q daybook.Query, from daybook.Point, until func(daybook.Point) bool) ([]daybook.Recorded, daybook.Point, error) {
	var seen []daybook.Recorded
	for reading, err := range daybook.Follow(t.ctx, t.store, q, from) {
		if err != nil {
			return seen, from, err
		}
		got, err := reading.Collect()
		seen = append(seen, got...)
		if err != nil {
			return seen, from, err
		}
		if from = reading.Snapshot(); until(from) {
			break
		}
	}
	return seen, from, nil
}

func checkFollow(t *trial)      { t.follows(daybook.All()) }
func checkFollowQuery(t *trial) { t.follows(tagged("x")) }

// follows lets several followers run beside several appenders, and compares what
// each saw with what a reading shows in the end.
func (t *trial) follows(q daybook.Query) {
	const followers = 4
	type sight struct {
		seen []daybook.Recorded
		err  error
	}
	sights := make(chan sight, followers)
	wait, total := t.appenders(4, 60)
	for range followers {
		go func() {
			seen, _, err := t.followUntil(q, daybook.Point{}, func(p daybook.Point) bool { return p.Position >= daybook.Position(total) })
			sights <- sight{seen, err}
		}()
	}
	wait()
	t.record(event("", "End", "x")) // whatever is followed, this ends it
	want := t.read(q, daybook.Span{Before: daybook.Position(total) + 1})
	for range followers {
		got := <-sights
		if got.err != nil {
			t.Errorf("a follower ended: %v", got.err)
			continue
		}
		seen := got.seen
		for len(seen) > 0 && seen[len(seen)-1].Type == "End" {
			seen = seen[:len(seen)-1]
		}
		t.same("followed", seen, want)
	}
}

func checkFollowFromCheckpoint(t *trial) {
	wait, total := t.appenders(3, 40)
	var seen []daybook.Recorded
	for checkpoint := (daybook.Point{}); checkpoint.Position < daybook.Position(total); {
		// One reading at a time, as a program that is started again and again.
		got, next, err := t.followUntil(daybook.All(), checkpoint, func(daybook.Point) bool { return true })
		if err != nil {
			t.Fatalf("following from %v: %v", checkpoint, err)
		}
		seen, checkpoint = append(seen, got...), next
	}
	wait()
	t.same("followed in pieces", seen, t.all())
}

func checkFollowStride(t *trial) {
	stride := t.info().Stride
	if stride > longestStride {
		t.Skipf("a stride of %d is too long to be walked here", stride)
	}
	first := t.record(event("", "E", "x")).Position
	t.walk(stride)
	seen, checkpoint, err := t.followUntil(tagged("x"), daybook.Point{}, func(p daybook.Point) bool { return p.Position >= daybook.Position(stride) })
	if err != nil {
		t.Fatalf("follow: %v", err)
	}
	if len(seen) != 1 || seen[0].Position != first || checkpoint.Position < daybook.Position(stride) {
		t.Errorf("saw %s up to %d", recordedList(seen), checkpoint.Position)
	}
}

func checkFollowForeign(t *trial) {
	here := t.record(event("order-1", "Placed")).Point
	otherLog, otherIncarnation := here, here
	otherLog.Log = uuid.New()
	otherIncarnation.Incarnation = uuid.New()
	for what, from := range map[string]daybook.Point{"another log": otherLog, "another incarnation": otherIncarnation} {
		seen, _, err := t.followUntil(daybook.All(), from, func(daybook.Point) bool { return true })
		var life *daybook.LifeError
		if !errors.As(err, &life) || life.Given != from || len(seen) != 0 {
			t.Errorf("following from a point of %s: %d events and %v, want a LifeError that names the point", what, len(seen), err)
		}
	}
}

func checkFollowAhead(t *trial) {
	here := t.record(event("order-1", "Placed")).Point
	if _, _, err := t.followUntil(daybook.All(), here.At(2), func(daybook.Point) bool { return true }); kind(err) != "invalid" {
		t.Errorf("following from after the head: %v, want it to be invalid", err)
	}
}

func checkFollowEnds(t *trial) {
	t.record(event("order-1", "Placed"))
	ctx, cancel := context.WithCancel(t.ctx)
	n := 0
	for reading, err := range daybook.Follow(ctx, t.store, daybook.All(), daybook.Point{}) {
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("following ends with %v, want the context's error", err)
			}
			break
		}
		if n += len(t.events(reading)); n > 1 {
			t.Fatalf("followed %d events of one", n)
		}
		cancel()
	}
	cancel()

	n = 0
	for _, err := range daybook.Follow(t.ctx, t.store, daybook.All(), daybook.Point{}) {
		if err != nil {
			if !errors.Is(err, daybook.ErrClosed) {
				t.Errorf("following ends with %v, want ErrClosed", err)
			}
			break
		}
		if n++; n == 1 {
			t.close()
		}
	}
}
