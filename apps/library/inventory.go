package library

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/past"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/memview"
)

// What every application says about a moment, and about one event; see package past.
type (
	// Shown says which moment an answer shows.
	Shown = past.Shown
	// A Moment names a past of the library, or of a book in it.
	Moment = past.Moment
	// An Occurrence is one event in the history of a book or of a reader.
	Occurrence = past.Occurrence
)

// An Inventory follows a library's log and answers questions. It records nothing, so any
// number of programs may have one of the same library. It is safe for use by many
// goroutines.
//
// Its read model is in memory. Goroutines of its own keep it in step with the store, from
// [Open] to [Inventory.Close].
type Inventory struct {
	store   daybook.Store
	options InventoryOptions
	view    *memview.View[shelves]
	runner  *projection.Runner
	pasts   pastCache
	ready   atomic.Bool // it has once shown all that was recorded when it was opened

	stop context.CancelFunc
	done sync.WaitGroup
}

// InventoryOptions adjust an inventory. The zero value, and nil, are right for most.
type InventoryOptions struct {
	// Dir is a directory for a snapshot of the read model, which is made if it is not
	// there. An inventory that finds one reads only what was recorded since. No two at a
	// time have the same. Empty means no snapshot: the whole log is read.
	Dir string
	// Now tells which day it is, and with that what is overdue. Nil means time.Now.
	Now func() time.Time
	// Projection adjusts how the read model is kept in step.
	Projection projection.Options
	// Logger is told when the read model gets stuck. Nil means slog.Default.
	Logger *slog.Logger
}

// saveEvery is how often the snapshot is written, if something was applied since.
const saveEvery = time.Minute

// Open opens the inventory of the library that is recorded in a store. It returns before
// the read model shows anything: see [Inventory.Ready].
//
// The caller closes the inventory, and the store after it.
func Open(ctx context.Context, store daybook.Store, options *InventoryOptions) (*Inventory, error) {
	i := &Inventory{store: store, pasts: newPastCache()}
	if options != nil {
		i.options = *options
	}
	if i.options.Now == nil {
		i.options.Now = time.Now
	}
	if i.options.Logger == nil {
		i.options.Logger = slog.Default()
	}
	if err := i.load(ctx); err != nil {
		return nil, err
	}
	if i.options.Projection.Logger == nil {
		i.options.Projection.Logger = i.options.Logger
	}
	i.runner = projection.NewRunner(store, i.view, &i.options.Projection)
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	i.stop = stop
	i.done.Go(func() {
		// What makes Run give up it has logged, and Status tells.
		_ = i.runner.Run(running)
	})
	i.done.Go(func() { i.catchUp(running) })
	if i.options.Dir != "" {
		i.done.Go(func() { i.keepSaving(running) })
	}
	return i, nil
}

// load begins with the snapshot, if there is one of this log as it is. Any other is of no
// use, and neither is a damaged one: the log has all of it.
func (i *Inventory) load(ctx context.Context) error {
	i.view = newView()
	if i.options.Dir == "" {
		return nil
	}
	if err := os.MkdirAll(i.options.Dir, 0o750); err != nil {
		return fmt.Errorf("library: make the directory of the snapshot: %w", err)
	}
	loaded, err := i.view.Load(i.snapshot())
	if err != nil {
		i.options.Logger.WarnContext(ctx, "the snapshot is damaged; the whole log is read instead", "file", i.snapshot(), "error", err)
	}
	if !loaded {
		return nil
	}
	info, err := i.store.Info(ctx)
	if err != nil {
		return err
	}
	at, err := i.view.Stand(ctx, 0)
	if err != nil {
		return err
	}
	if !at.Checkpoint.SameLife(info.Head) {
		i.options.Logger.InfoContext(ctx, "the snapshot is of another log; the whole log is read instead", "file", i.snapshot())
		i.view = newView()
	}
	return nil
}

func (i *Inventory) snapshot() string { return filepath.Join(i.options.Dir, "inventory.snapshot") }

// catchUp notes when the read model shows all that was recorded when it was opened.
func (i *Inventory) catchUp(ctx context.Context) {
	for ctx.Err() == nil {
		info, err := i.store.Info(ctx)
		if err == nil {
			err = i.runner.Wait(ctx, info.Head)
		}
		if aside := (*projection.SetAsideError)(nil); err == nil || errors.As(err, &aside) {
			i.ready.Store(true)
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// keepSaving writes the snapshot now and then, and at the end.
func (i *Inventory) keepSaving(ctx context.Context) {
	var saved uint64
	save := func() {
		var events uint64
		i.view.Read(func(_ shelves, at projection.Checkpoint) { events = at.Events })
		if events == saved {
			return
		}
		if err := i.view.Save(i.snapshot()); err != nil {
			i.options.Logger.WarnContext(ctx, "the snapshot cannot be written", "file", i.snapshot(), "error", err)
			return
		}
		saved = events
	}
	ticker := time.NewTicker(saveEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			save()
		case <-ctx.Done():
			save()
			return
		}
	}
}

// Close stops following the log. What was recorded stays recorded.
func (i *Inventory) Close() error {
	i.stop()
	i.done.Wait()
	return nil
}

// Ready reports whether the read model has shown all that was recorded when it was opened.
// Until then its answers may be those of long ago, or none.
func (i *Inventory) Ready() bool { return i.ready.Load() }

// Today returns which day it is.
func (i *Inventory) Today() Day { return DayOf(i.options.Now()) }

// Wait returns when the read model shows everything up to a point, such as that of a
// command's receipt. See [projection.Runner.Wait].
func (i *Inventory) Wait(ctx context.Context, token daybook.Point) error {
	return i.runner.Wait(ctx, token)
}

// Status says where the read model stands.
func (i *Inventory) Status(ctx context.Context) (projection.Status, error) {
	return i.runner.Status(ctx)
}

// Now returns the newest point of the log.
func (i *Inventory) Now(ctx context.Context) (daybook.Point, error) {
	info, err := i.store.Info(ctx)
	return info.Head, err
}

// A Change says that something happened to a book, and that the read model shows it.
type Change struct {
	// At is the point of the event: a token, and where to go on from.
	At   daybook.Point `json:"at"`
	ISBN ISBN          `json:"isbn"`
	// Reader is who it happened with; empty if it is about the book alone.
	Reader     Card            `json:"reader,omitempty"`
	Version    daybook.Version `json:"version"`
	Type       string          `json:"type"`
	RecordedAt time.Time       `json:"recorded_at"`
}

// Changes yields what happens to books after a point, each when the read model shows it,
// for as long as ctx lasts. It ends with the error that stopped it, the context's included.
func (i *Inventory) Changes(ctx context.Context, after daybook.Point) iter.Seq2[Change, error] {
	return past.Changes(ctx, i.store, i.view.Query(), after, i.Wait, func(at daybook.Point, e daybook.Recorded) Change {
		return Change{At: at.At(e.Position), ISBN: BookIn(e.Stream), Reader: readerIn(e.Tags), Version: e.Version, Type: e.Type, RecordedAt: e.RecordedAt}
	})
}

// ask looks at the read model as it is, or as it was, and says what an answer shows that
// every event may change.
func (i *Inventory) ask(ctx context.Context, m Moment, look func(shelves) error) (shown Shown, err error) {
	view := i.view
	if m != (Moment{}) {
		if view, err = i.past(ctx, m); err != nil {
			return Shown{}, err
		}
	}
	view.Read(func(s shelves, at projection.Checkpoint) {
		shown = past.ShownOf(at.Point, uint64(at.LastApplied().Position), inventoryVersion)
		err = look(s)
	})
	return shown, err
}

// Books answers a filter, now or as of a moment.
func (i *Inventory) Books(ctx context.Context, f Filter, m Moment) (page Page, shown Shown, err error) {
	shown, err = i.ask(ctx, m, func(s shelves) (err error) {
		page, err = s.page(f)
		return err
	})
	return page, shown, err
}

// Book returns a book with its loans, or [ErrNoSuchBook].
func (i *Inventory) Book(ctx context.Context, isbn ISBN, m Moment) (book Book, shown Shown, err error) {
	if m != (Moment{}) {
		return BookAsOf(ctx, i.store, isbn, m)
	}
	shown, err = i.ask(ctx, m, func(s shelves) (err error) {
		book, err = s.book(isbn)
		return err
	})
	return book, past.ShownOf(shown.At, uint64(book.Version), inventoryVersion), err
}

// Loans answers a filter of loans, now or as of a moment. What is overdue is so today, at
// whichever moment it was lent.
func (i *Inventory) Loans(ctx context.Context, f LoanFilter, m Moment) (page LoanPage, shown Shown, err error) {
	today := i.Today()
	if !m.AsOf.IsZero() {
		today = DayOf(m.AsOf)
	}
	shown, err = i.ask(ctx, m, func(s shelves) (err error) {
		page, err = s.loans(f, today)
		return err
	})
	if f.Overdue {
		shown.Tag += "." + string(today) // tomorrow more is
	}
	return page, shown, err
}

// Reader returns what a reader has, now or as of a moment, or [ErrNoSuchReader].
func (i *Inventory) Reader(ctx context.Context, card Card, m Moment) (reader Reader, shown Shown, err error) {
	var newest daybook.Position
	shown, err = i.ask(ctx, m, func(s shelves) (err error) {
		reader, newest, err = s.person(card)
		return err
	})
	return reader, past.ShownOf(shown.At, uint64(newest), inventoryVersion), err
}

// Totals returns what the library comes to.
func (i *Inventory) Totals(ctx context.Context) (t Totals, shown Shown, err error) {
	shown, err = i.ask(ctx, Moment{}, func(s shelves) error {
		t = s.totals(i.Today())
		return nil
	})
	return t, shown, err
}

// History returns every event of a book, the oldest first, or [ErrNoSuchBook].
func (i *Inventory) History(ctx context.Context, isbn ISBN) ([]Occurrence, Shown, error) {
	history, at, err := past.Events(ctx, i.store, AboutBook(isbn), Books.Codec())
	if err == nil && len(history) == 0 {
		err = ErrNoSuchBook
	}
	return history, past.ShownOf(at, past.Version(history), inventoryVersion), err
}

// ReaderHistory returns every event about a reader, the oldest first, or
// [ErrNoSuchReader].
func (i *Inventory) ReaderHistory(ctx context.Context, card Card) ([]Occurrence, Shown, error) {
	history, at, err := past.Events(ctx, i.store, AboutReader(card), Books.Codec())
	if err != nil {
		return nil, Shown{}, err
	}
	if len(history) == 0 {
		return nil, Shown{}, ErrNoSuchReader
	}
	return history, past.ShownOf(at, uint64(history[len(history)-1].Position), inventoryVersion), nil
}
