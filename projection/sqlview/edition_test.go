package sqlview_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/sqlview"
)

// runVersions runs versions until the function that it returns is called.
func runVersions(t *testing.T, v *projection.Versions[*sqlview.View]) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- v.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// editions lists the editions of a version there.
func editions(t *testing.T, d *sqlview.Definition, where place) []int {
	t.Helper()
	editions, err := d.Editions(where.Dir)
	if where.URL != "" {
		editions, err = d.EditionsIn(t.Context(), where.URL)
	}
	if err != nil {
		t.Fatal(err)
	}
	return editions
}

// Editions of one version lie beside each other: one answers while another is built, and
// readers are switched to it.
func TestAReadModelIsBuiltOnceMoreBesideItself(t *testing.T) {
	onEach(t, testAReadModelIsBuiltOnceMoreBesideItself)
}

func testAReadModelIsBuiltOnceMoreBesideItself(t *testing.T, where place) {
	store, definition := log(t, 9), newLedger(nil)
	first := open(t, definition, where)
	versions := projection.NewVersions(store, nil, first)
	stop := runVersions(t, versions)
	defer stop()
	if _, err := versions.Wait(t.Context(), fixedLife.At(9)); err != nil {
		t.Fatal(err)
	}
	next := open(t, definition.Edition(2), where)
	if at := consistent(t, next); at != (projection.Checkpoint{}) {
		t.Errorf("another edition begins at %+v", at)
	}
	if err := versions.Add(next); err != nil {
		t.Fatal(err)
	}
	if err := versions.Switch(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	if now, ok := versions.Answering(); !ok || now != next || now.Edition() != 2 || now.Version() != 1 {
		t.Errorf("%v answers; want the second edition", now)
	}
	for _, view := range []*sqlview.View{first, next} {
		if at := consistent(t, view); at.Position != 9 || at.Events != 9 {
			t.Errorf("edition %d is at %+v", view.Edition(), at)
		}
	}
	if editions := editions(t, definition, where); !slices.Equal(editions, []int{1, 2}) {
		t.Errorf("editions %v; want two", editions)
	}
	if err := versions.Remove(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if editions := editions(t, definition, where); !slices.Equal(editions, []int{2}) {
		t.Errorf("editions %v; want the second to be left", editions)
	}
	if err := store.grow(9, 12); err != nil {
		t.Fatal(err)
	}
	if view, err := versions.Wait(t.Context(), fixedLife.At(12)); err != nil || view != next {
		t.Errorf("waited for %v, %v", view, err)
	}
	if at := consistent(t, next); at.Position != 12 {
		t.Errorf("the second edition is at %d; want 12", at.Position)
	}
}

// What was skipped in one edition is known to the next.
func TestAnEditionInheritsWhatWasSkipped(t *testing.T) {
	onEach(t, testAnEditionInheritsWhatWasSkipped)
}

func testAnEditionInheritsWhatWasSkipped(t *testing.T, where place) {
	store := log(t, 5)
	definition := newLedger(func(at daybook.Recorded) error {
		if at.Position == 3 {
			return errors.New("poison")
		}
		return nil
	})
	first := open(t, definition, where)
	runner := projection.NewRunner(store, first, quiet)
	if err := runner.CatchUp(t.Context()); err == nil {
		t.Fatal("applied poison")
	}
	aside, err := runner.SetAside(t.Context())
	if err != nil || len(aside) != 1 {
		t.Fatalf("set aside: %v, %v", aside, err)
	}
	if err := runner.Skip(t.Context(), aside[0].EventID, "poison"); err != nil {
		t.Fatal(err)
	}
	next := open(t, definition.Edition(2), where)
	if err := projection.NewRunner(store, next, quiet).CatchUp(t.Context()); err != nil {
		t.Errorf("the next edition: %v; want it to skip what was skipped", err)
	}
}
