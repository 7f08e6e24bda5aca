package memstore_test

import (
	"context"
	"errors"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/memstore"
)

func TestScavengingGivesMemoryBackAndReadingsKeepTheirs(t *testing.T) {
	ctx, store := t.Context(), memstore.New()
	if _, err := store.Append(ctx, []daybook.Event{{Stream: "order-1", Type: "Placed", Data: []byte("{}")}, daybook.Deleted("order-1")}, nil); err != nil {
		t.Fatal(err)
	}
	read := func() daybook.Reading {
		reading, err := store.Read(ctx, daybook.Stream("order-1"), daybook.Span{Forgotten: true})
		if err != nil {
			t.Fatal(err)
		}
		return reading
	}
	before := read()
	if err := store.Scavenge(ctx); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		reading daybook.Reading
		data    string
		stub    bool
	}{"before": {before, "{}", false}, "after": {read(), "", true}} {
		events, err := c.reading.Collect()
		if err != nil || len(events) != 1 || string(events[0].Data) != c.data || (events[0].Stub != nil) != c.stub {
			t.Errorf("a reading begun %s shows %+v, %v", what, events, err)
		}
	}
}

func TestScavengingSaysWhyItCannot(t *testing.T) {
	store := memstore.New()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	unavailable := (*daybook.UnavailableError)(nil)
	if err := store.Scavenge(ended); !errors.As(err, &unavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("in a context that has ended: %v", err)
	}
	if err := store.Scavenge(t.Context()); err != nil {
		t.Errorf("a store that was not used: %v", err)
	}
	store.Close()
	if err := store.Scavenge(t.Context()); !errors.Is(err, daybook.ErrClosed) {
		t.Errorf("a store that is closed: %v", err)
	}
}
