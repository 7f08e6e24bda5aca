package catalog

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/daybook-es/daybook/apps/internal/readmodel"
)

// A database that has gone back to an earlier moment, as one may that was killed or was
// restored from a backup, answers nothing until it has caught up with what was shown.
func TestWhatWasShownIsShownAfterTheDatabaseWentBack(t *testing.T) {
	dir := t.TempDir()
	s := open(t, readmodel.Place{Dir: dir})
	s.do(create("Lamp", 1))
	s.shown()
	// What a backup has: nothing but a read model of the first event.
	old := filepath.Join(t.TempDir(), "old.db")
	if err := s.showcase.Close(); err != nil { // or some of it is in another file
		t.Fatal(err)
	}
	file := filepath.Join(dir, "display-v1.db")
	early, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(old, early, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.showcase = OpenShowcase(s.store, readmodel.Place{Dir: dir}, &ShowcaseOptions{Logger: quiet})
	var last string
	for range 3000 {
		last = s.do(create("Rope", 1))
	}
	if _, err := s.shown().Product(t.Context(), last, Moment{}); err != nil {
		t.Fatal(err)
	}
	// The last changes are in files of their own, which are gone with it.
	if err := errors.Join(os.Remove(file), os.Remove(file+"-wal"), os.Remove(file+"-shm"), os.Rename(old, file)); err != nil {
		t.Fatal(err)
	}
	stale := 0
	end := time.Now().Add(time.Minute)
	for answered := 0; answered < 100; {
		if time.Now().After(end) {
			t.Fatalf("in a minute %d answers were stale, and %d after them were not", stale, answered)
		}
		a, err := s.showcase.Product(t.Context(), last, Moment{})
		switch {
		case err != nil:
			t.Fatalf("what was shown is answered %v", err)
		case a.Stale():
			stale++
		case stale > 0:
			answered++
		}
	}
}
