package command_test

import (
	"strings"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/store/memstore"
)

// forget records events about streams.
func forget(t *testing.T, store daybook.Store, events ...daybook.Event) {
	t.Helper()
	if _, err := store.Append(t.Context(), events, nil); err != nil {
		t.Fatal(err)
	}
}

func TestACommandWhoseEventsAreForgottenIsStillRecorded(t *testing.T) {
	ctx, store := t.Context(), memstore.New()
	bus := command.NewBus(store, handlers, nil)
	envelope := command.Envelope{Principal: "ada", Key: "k"}
	grabbed.Store(1) // the next decision is of three events
	first := must(bus.Do(ctx, envelope, Grab{Jar: "1"}))(t)
	decided := grabbed.Load()
	again := func(what string) {
		t.Helper()
		r, err := bus.Do(ctx, envelope, Grab{Jar: "1"})
		if err != nil || !r.Repeated || !same(first, r) || grabbed.Load() != decided {
			t.Errorf("%s: the answer is %+v (%v), want that of the first time, %+v", what, r, err, first)
		}
	}
	forget(t, store, daybook.Truncated("jar-1", 2))
	again("truncated")
	if err := store.Scavenge(ctx); err != nil {
		t.Fatal(err)
	}
	again("the first event scavenged")
	forget(t, store, daybook.Deleted("jar-1"))
	again("deleted")

	// While its first event is there, another command under its id is seen; a stub is
	// answered without comparing.
	other := command.Envelope{ID: command.KeyID("ada", "Grab", "k")}
	if r, err := bus.Do(ctx, other, FillJar{Jar: "1", Sweets: 1}); err != nil || !same(first, r) {
		t.Errorf("another command under the id of a stub: %+v (%v), want %+v", r, err, first)
	}
	filled := command.Envelope{ID: command.NewID()}
	must(bus.Do(ctx, filled, FillJar{Jar: "1", Sweets: 5}))(t)
	forget(t, store, daybook.Deleted("jar-1"))
	if _, err := bus.Do(ctx, filled, FillJar{Jar: "1", Sweets: 6}); !strings.Contains(as[*command.ReusedError](t, err).Error(), "other content") {
		t.Errorf("another command under the id of one that is forgotten: %v", err)
	}
	if err := store.Scavenge(ctx); err != nil {
		t.Fatal(err)
	}
	again("all of it scavenged")
	forget(t, store, daybook.Tombstoned("jar-1"))
	again("tombstoned")
}

func TestACommandOnATombstonedStreamIsInvalid(t *testing.T) {
	ctx, store := t.Context(), memstore.New()
	bus := command.NewBus(store, handlers, nil)
	must(bus.Do(ctx, command.Envelope{}, FillJar{Jar: "1", Sweets: 5}))(t)
	forget(t, store, daybook.Tombstoned("jar-1"))
	_, err := bus.Do(ctx, command.Envelope{If: daybook.Exists("jar-1")}, FillJar{Jar: "1", Sweets: 5})
	if invalid := as[*daybook.InvalidError](t, err); invalid.Value != "jar-1" || !strings.Contains(err.Error(), "was tombstoned at position 2") {
		t.Errorf("the error is %v, want it to name the stream and its tombstone", err)
	}
	// Nothing of the jar is left to eat, and that is the domain's to say.
	_, err = bus.Do(ctx, command.Envelope{}, EatSweets{Jar: "1", Sweets: 5})
	if as[*daybook.RefusedError](t, err).Err != error(errEmpty) {
		t.Errorf("the error is %v, want the refusal", err)
	}
}
