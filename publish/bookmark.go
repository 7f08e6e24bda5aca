package publish

import (
	"context"
	"fmt"
	"sync"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// A Bookmark keeps a [Mark]: in a file, in a stream of a store, or wherever a program can
// compare and set. It may be called by many goroutines.
type Bookmark interface {
	// Load returns what was saved last; the zero Mark if nothing was.
	Load(ctx context.Context) (Mark, error)

	// Save keeps to in place of from. If what is kept is neither from nor, from an earlier
	// attempt, to itself, as their ids tell, it returns [ErrMoved] and changes nothing. Any
	// other error leaves from or to behind. When it returns nil, to survives what the
	// bookmark promises to survive.
	Save(ctx context.Context, from, to Mark) error
}

// Place moves a bookmark to a point of a log, so that a publisher begins with what comes
// after it, and forgets what was set aside. It is for the beginning, where not all of the
// past is to be published, and for a bookmark that has diverged. The position zero is the
// beginning of the log. Publishers that have the bookmark meanwhile are told [ErrMoved].
//
// A point of another log or incarnation is a [*daybook.LifeError], one after the head a
// [*daybook.InvalidError].
func Place(ctx context.Context, bookmark Bookmark, store daybook.Store, at daybook.Point) error {
	before, err := bookmark.Load(ctx)
	if err != nil {
		return fmt.Errorf("publish: load the bookmark: %w", err)
	}
	to, err := markAt(ctx, store, at)
	if err != nil {
		return err
	}
	if err := bookmark.Save(ctx, before, to); err != nil {
		return fmt.Errorf("publish: place the bookmark at position %d: %w", at.Position, err)
	}
	return nil
}

// markAt returns a mark at a point of a log.
func markAt(ctx context.Context, store daybook.Store, at daybook.Point) (Mark, error) {
	info, err := store.Info(ctx)
	if err != nil {
		return Mark{}, err
	}
	if err := at.Precedes(info.Head); err != nil {
		return Mark{}, err
	}
	to := Mark{ID: uuid.New(), Point: info.Head.At(at.Position)}
	if at.Position == 0 {
		return to, nil
	}
	reading, err := store.Read(ctx, daybook.All(), daybook.Span{Before: at.Position + 1, Backward: true, Limit: 1, Forgotten: true})
	if err != nil {
		return Mark{}, err
	}
	for e, err := range reading.Events() {
		if err != nil {
			return Mark{}, err
		}
		to.Last, to.LastID = e.Position, e.ID
	}
	return to, nil
}

// MemoryBookmark is a [Bookmark] that the end of the process takes, for tests and for
// sinks in the same process. The zero MemoryBookmark was never moved.
type MemoryBookmark struct {
	mu   sync.Mutex
	mark Mark
}

// Load implements [Bookmark].
func (b *MemoryBookmark) Load(context.Context) (Mark, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mark.clone(), nil
}

// Save implements [Bookmark].
func (b *MemoryBookmark) Save(_ context.Context, from, to Mark) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.mark.ID != from.ID && b.mark.ID != to.ID {
		return ErrMoved
	}
	b.mark = to.clone()
	return nil
}
