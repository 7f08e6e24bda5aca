package publish

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// Options adjust a publisher. The zero value, and nil, are right for most programs.
type Options struct {
	// Key returns what an event is ordered by. Nil means its stream. An event in no stream,
	// and one for which Key returns "", has its own id for a key: it waits for no other. Key
	// is a pure function and stays the same for as long as something is set aside.
	Key func(daybook.Recorded) string
	// FromHead has a bookmark that was never moved begin with what is recorded from now on.
	// Without it the whole log is published.
	FromHead bool
	// AtOnce is how many messages are sent at the same time, each of another key. Zero
	// means 16.
	AtOnce int
	// Timeout bounds one call of Send. Zero means 30 seconds.
	Timeout time.Duration
	// Window is how many events behind the saved bookmark are held or were sent already:
	// after a crash no more than that are sent again. Zero means 10,000. Besides, what is
	// held in memory is bounded by [WindowBytes].
	Window int
	// SaveEvery is how often the bookmark is saved while events are sent. Zero means every
	// second.
	SaveEvery time.Duration
	// Attempts is how often a message is tried before its key is set aside. An attempt
	// counts only if the sink took another message since the first one, so that a sink that
	// is down sets nothing aside. Zero means 5.
	Attempts int
	// MaxAside is how many keys may be set aside. When there are so many, a message that
	// fails is tried for as long as it takes, and the publisher goes on with the others as
	// far as the window reaches. Zero means 100.
	MaxAside int
	// RetryAfter is about how long the pause after the first failure is. Each further pause
	// is about twice as long. Zero means 100 milliseconds.
	RetryAfter time.Duration
	// RetryAtMost is about the longest pause. Zero means a minute.
	RetryAtMost time.Duration
	// StopWithin is how long Run waits, when its context has ended, for messages that are
	// being sent; then it ends their contexts. Zero means 10 seconds.
	StopWithin time.Duration
	// Logger is told when a key is set aside, when the publisher gets stuck and when it goes
	// on. Nil means slog.Default.
	Logger *slog.Logger
}

// WindowBytes bounds the events in memory that are yet to be sent. A window of ten
// thousand ordinary events takes five megabytes.
const WindowBytes = 32 << 20

// or returns the first value that is above zero.
func or[T int | time.Duration](value, otherwise T) T {
	if value > 0 {
		return value
	}
	return otherwise
}

func (o *Options) complete() Options {
	var c Options
	if o != nil {
		c = *o
	}
	c.AtOnce = or(c.AtOnce, 16)
	c.Timeout = or(c.Timeout, 30*time.Second)
	c.Window = or(c.Window, 10_000)
	c.SaveEvery = or(c.SaveEvery, time.Second)
	c.Attempts = or(c.Attempts, 5)
	c.MaxAside = or(c.MaxAside, 100)
	c.RetryAfter = or(c.RetryAfter, 100*time.Millisecond)
	c.RetryAtMost = or(c.RetryAtMost, time.Minute)
	c.StopWithin = or(c.StopWithin, 10*time.Second)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

// A Publisher follows a store and hands what a query selects to a sink, at least once and
// in order per key. It is safe for use by many goroutines.
type Publisher struct {
	store    daybook.Store
	query    daybook.Query
	sink     Sink
	bookmark Bookmark
	options  Options

	mu  sync.Mutex
	run *run // while Run runs
}

// New returns a publisher, which does nothing until [Publisher.Run] is called. Events in
// the streams of a [StreamBookmark] are never sent, whatever the query. Nil options mean
// the zero Options.
func New(store daybook.Store, query daybook.Query, sink Sink, bookmark Bookmark, options *Options) *Publisher {
	return &Publisher{store: store, query: query, sink: sink, bookmark: bookmark, options: options.complete()}
}

// Run sends what the log has behind the bookmark, and then events as they are recorded,
// until ctx ends. Then it waits for the messages that are being sent, saves the bookmark,
// and returns nil; if the bookmark cannot be saved, it returns that error, and the next
// Run sends again what this one sent since it was saved last.
//
// Run tries once more what is set aside: who mends a sink and starts the program again need
// not ask for it. It takes the bookmark over from a publisher that still has it, and that
// one's Run returns [ErrMoved].
//
// Whatever fails is tried again, with growing pauses, for as long as ctx lasts; see
// [Publisher.Status]. Run gives up only if trying again cannot help: with [ErrMoved], with
// a [*DivergedError] if the bookmark stands at an event that is not in the log, with a
// [*daybook.LifeError] if the log is restored meanwhile (run it again), with a
// [*daybook.InvalidError] if the query cannot be asked, and with [daybook.ErrClosed].
func (p *Publisher) Run(ctx context.Context) error {
	r := newRun(p)
	p.mu.Lock()
	if p.run != nil {
		p.mu.Unlock()
		return errors.New("publish: Run was called while it runs")
	}
	p.run = r
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.run = nil
	}()

	for {
		mark, stride, err := p.take(ctx)
		if err == nil {
			r.fine(ctx, bookmarkTrouble)
			return r.loop(ctx, mark, stride)
		}
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, ErrMoved) {
			continue // whoever has it saved it meanwhile
		}
		if hopeless(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(r.trouble(ctx, bookmarkTrouble, err)):
		}
	}
}

// hopeless reports whether trying again cannot help.
func hopeless(err error) bool {
	var diverged *DivergedError
	var life *daybook.LifeError
	var invalid *daybook.InvalidError
	return errors.Is(err, ErrMoved) || errors.Is(err, daybook.ErrClosed) ||
		errors.As(err, &diverged) || errors.As(err, &life) || errors.As(err, &invalid)
}

// take loads the bookmark, makes sure that it can go on in the log as it is now, and makes
// it this publisher's own. It returns the mark from which to go on.
func (p *Publisher) take(ctx context.Context) (to Mark, stride uint64, err error) {
	from, err := p.bookmark.Load(ctx)
	if err != nil {
		return Mark{}, 0, fmt.Errorf("publish: load the bookmark: %w", err)
	}
	info, err := p.store.Info(ctx)
	if err != nil {
		return Mark{}, 0, err
	}
	head := info.Head
	switch {
	case from.IsZero() && p.options.FromHead:
		to, err = markAt(ctx, p.store, head)
	case from.IsZero():
		to.Point = head.At(0)
	default:
		to, err = p.adopt(ctx, from, head)
	}
	if err != nil {
		return Mark{}, 0, err
	}
	to.ID = uuid.New()
	if err := p.bookmark.Save(ctx, from, to); err != nil {
		return Mark{}, 0, fmt.Errorf("publish: take the bookmark over: %w", err)
	}
	return to, info.Stride, nil
}

// adopt returns the mark with which to go on from another one in the log as it is now: the
// same one, if the log has the event that it stands at. In a restored log, which has a
// beginning of what it had and perhaps something else after that, that is right behind the
// event. A log whose files were put back from a copy is in the incarnation that it was in,
// so the event is looked for in any case.
func (p *Publisher) adopt(ctx context.Context, from Mark, head daybook.Point) (Mark, error) {
	diverged := &DivergedError{Mark: from, Log: head}
	if from.Point.Log != head.Log {
		return Mark{}, diverged
	}
	same := from.Point.Incarnation == head.Incarnation
	if same && from.Point.Position > head.Position {
		return Mark{}, diverged
	}
	if from.Last > 0 {
		there, err := p.has(ctx, from)
		if err != nil {
			return Mark{}, err
		}
		if !there {
			return Mark{}, diverged
		}
	}
	to := from.clone()
	if same {
		return to, nil
	}
	to.Point, to.Aside = head.At(from.Last), nil
	for _, a := range from.Aside {
		// What is behind the event is sent again, if it is there at all.
		if a.Position <= from.Last {
			to.Aside = append(to.Aside, a)
		}
	}
	p.options.Logger.WarnContext(ctx, "the log was restored; the publisher goes on in its new incarnation",
		"position", to.Point.Position, "incarnation", to.Point.Incarnation.String())
	return to, nil
}

// has reports whether the event that a mark stands at is where it was.
func (p *Publisher) has(ctx context.Context, m Mark) (bool, error) {
	reading, err := p.store.Read(ctx, daybook.Query{{IDs: []uuid.UUID{m.LastID}}}, daybook.Span{})
	if err != nil {
		return false, err
	}
	for e, err := range reading.Events() {
		return err == nil && e.Position == m.Last, err
	}
	return false, nil
}

// keyOf returns what an event is ordered by.
func (p *Publisher) keyOf(e daybook.Recorded) string {
	key := e.Stream
	if p.options.Key != nil {
		key = p.options.Key(e)
	}
	if key == "" {
		return e.ID.String()
	}
	return key
}

// deliver sends one message.
func (p *Publisher) deliver(ctx context.Context, m Message) (err error) {
	ctx, cancel := context.WithTimeout(daybook.WithTrace(ctx, m.Recorded.Trace().By(m.ID.String())), p.options.Timeout)
	defer cancel()
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("publish: the sink panicked: %v", v)
		}
	}()
	return p.sink.Send(ctx, m)
}
