package publish

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// Where a StreamBookmark keeps its marks. No publisher sends the events of this category,
// nor what is recorded about its streams.
const (
	bookmarkCategory = "publish.bookmark"
	bookmarkMoved    = "BookmarkMoved"
)

// Of so many marks one takes those before it out of sight. Each truncation is an event
// about the stream, which stays: so they are to be few, and so are the marks between them.
const marksKept = 100

// StreamBookmark is a [Bookmark] in a stream of a store, which may be the one whose events
// are published: then bookmark and log are backed up and restored together. A mark survives
// what the store's receipts do.
//
// Each mark is an event in the stream publish.bookmark-NAME, recorded on the condition that
// the stream is as it was; every hundredth takes those before it out of sight, for
// scavenging to remove.
type StreamBookmark struct {
	store  daybook.Store
	stream string
}

// InStream returns the bookmark of a name in a store. The name is what an event's stream
// may have behind its category.
func InStream(store daybook.Store, name string) *StreamBookmark {
	return &StreamBookmark{store: store, stream: bookmarkCategory + "-" + name}
}

// passedOver reports whether no publisher sends an event: bookmarks would otherwise move
// because they moved.
func passedOver(e daybook.Recorded) bool {
	stream := e.Stream
	if about, is := daybook.AboutStream(stream); is {
		stream = about
	}
	return e.Forgotten || daybook.CategoryOf(stream) == bookmarkCategory
}

// Load implements [Bookmark].
func (b *StreamBookmark) Load(ctx context.Context) (Mark, error) {
	m, _, err := b.newest(ctx)
	return m, err
}

// newest returns the newest mark and the version of its event.
func (b *StreamBookmark) newest(ctx context.Context) (Mark, daybook.Version, error) {
	reading, err := b.store.Read(ctx, daybook.Stream(b.stream), daybook.Span{Backward: true, Limit: 1})
	if err != nil {
		return Mark{}, 0, err
	}
	for e, err := range reading.Events() {
		var m Mark
		if err == nil && e.Type != bookmarkMoved {
			err = fmt.Errorf("bookmark in %s: a %s at version %d is no mark", b.stream, e.Type, e.Version)
		}
		if err == nil {
			err = json.Unmarshal(e.Data, &m)
		}
		return m, e.Version, err
	}
	return Mark{}, 0, nil
}

// Save implements [Bookmark].
func (b *StreamBookmark) Save(ctx context.Context, from, to Mark) error {
	kept, version, err := b.newest(ctx)
	if err != nil {
		return err
	}
	if kept.ID == to.ID {
		return nil
	}
	if kept.ID != from.ID {
		return ErrMoved
	}
	data, err := json.Marshal(to)
	if err != nil {
		return fmt.Errorf("bookmark in %s: %w", b.stream, err)
	}
	events := []daybook.Event{{ID: to.ID, Stream: b.stream, Type: bookmarkMoved, Data: data}}
	if next := version + 1; next%marksKept == 0 {
		truncated := daybook.Truncated(b.stream, next)
		truncated.ID = daybook.DeriveID(to.ID, "truncated")
		events = append(events, truncated)
	}
	_, err = b.store.Append(ctx, events, b.still(kept, version))
	if conflict := (*daybook.ConflictError)(nil); errors.As(err, &conflict) {
		return ErrMoved
	}
	return err
}

// still is the condition that a mark is the newest one.
func (b *StreamBookmark) still(kept Mark, version daybook.Version) daybook.Condition {
	if kept.ID == uuid.Nil {
		return daybook.New(b.stream)
	}
	return daybook.At(b.stream, version)
}
