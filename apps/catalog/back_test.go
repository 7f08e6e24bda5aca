package catalog

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/daybook-es/daybook/apps/internal/readmodel"
	"github.com/daybook-es/daybook/projection"
)

// A database that has gone back to an earlier moment, as one may that was killed or was
// restored from a backup, answers nothing until it has caught up with what was shown.
func TestWhatWasShownIsShownAfterTheDatabaseWentBack(t *testing.T) {
	dir := t.TempDir()
	s := open(t, readmodel.Place{Dir: dir})
	s.do(create("Lamp", 1))
	s.shown()
	// What a backup has: nothing but a read model of the first event.
	if err := s.showcase.Close(); err != nil { // or some of it is in another file
		t.Fatal(err)
	}
	file, old := filepath.Join(dir, Display.File()), filepath.Join(t.TempDir(), "old.db")
	early, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(old, early, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	held := make(chan struct{}, 1) // whoever holds it keeps the read model from catching up
	behind := make(chan struct{})  // closed when that is so
	hold := func(ctx context.Context, _ projection.Batch, next func(context.Context) error) error {
		select {
		case held <- struct{}{}:
		default:
			close(behind)
			select {
			case held <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		<-held
		return next(ctx)
	}
	s.showcase = OpenShowcase(s.store, readmodel.Place{Dir: dir}, &ShowcaseOptions{Runner: projection.Options{Around: hold}, Logger: quiet})
	last := s.do(create("Rope", 1))
	if _, err := s.shown().Product(t.Context(), last, Moment{}); err != nil {
		t.Fatal(err)
	}
	held <- struct{}{}
	// The last changes are in files of their own, which are gone with it.
	if err := errors.Join(os.Remove(file), os.Remove(file+"-wal"), os.Remove(file+"-shm"), os.Rename(old, file)); err != nil {
		t.Fatal(err)
	}
	<-behind
	until(t, "the database is asked again", func() bool { return s.showcase.ReadModel().Away() == nil })
	stale := func() bool {
		a, err := s.showcase.Product(t.Context(), last, Moment{})
		if err != nil {
			t.Fatalf("what was shown is answered %v", err)
		}
		return a.Stale()
	}
	for range 10 {
		if !stale() {
			t.Fatal("a database that has not caught up answers")
		}
	}
	<-held
	until(t, "a database that has caught up answers", func() bool { return !stale() })
	for range 100 {
		if stale() {
			t.Fatal("it answers no more")
		}
	}
}

// Goal: the log says that the read model is away and for how long it was, and only then.
// Method: one is built for the first time, then dropped, and built again.
func TestTheLogTellsOfAReadModelThatWasAwayAndOfNoOther(t *testing.T) {
	s := open(t, readmodel.Place{Dir: t.TempDir()})
	if err := s.showcase.Close(); err != nil {
		t.Fatal(err)
	}
	var written bytes.Buffer
	logged := slog.New(slog.NewTextHandler(&written, nil))
	s.showcase = OpenShowcase(s.store, readmodel.Place{Dir: t.TempDir()}, &ShowcaseOptions{Logger: logged})
	s.do(create("Lamp", 1))
	s.shown()
	logged.Info("dropped")
	if err := s.showcase.ReadModel().Drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.shown()
	if err := s.showcase.Close(); err != nil {
		t.Fatal(err)
	}
	first, then, _ := strings.Cut(written.String(), "msg=dropped")
	if !strings.Contains(first, "the read model answers") || strings.Contains(first, "away") {
		t.Errorf("when it is built for the first time it is told\n%s", first)
	}
	if !strings.Contains(then, "the read model is away") || !strings.Contains(then, "the read model answers again") || !strings.Contains(then, "away=") {
		t.Errorf("when it was dropped it is told\n%s", then)
	}
}
