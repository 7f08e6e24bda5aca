package logstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/daybook-es/daybook"
)

func TestWhatWasAppendedIsReadAfterOpeningAgain(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	s, err := Open(dir, &Options{SegmentBytes: 4096})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 50 {
				_, err := s.Append(ctx, []daybook.Event{{Stream: fmt.Sprintf("order-%d", w), Type: "Placed", Tags: []string{"a:1"}, Data: []byte(`{}`)}},
					daybook.At(fmt.Sprintf("order-%d", w), daybook.Version(i)))
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for round := range 3 {
		for w := range 8 {
			r, err := s.Read(ctx, daybook.Stream(fmt.Sprintf("order-%d", w)), daybook.Span{Backward: round == 1})
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for e, err := range r.Events() {
				if err != nil {
					t.Fatal(err)
				}
				n++
				want := daybook.Version(n)
				if round == 1 {
					want = daybook.Version(51 - n)
				}
				if e.Version != want {
					t.Errorf("round %d: version %d, want %d", round, e.Version, want)
				}
			}
			if n != 50 {
				t.Errorf("round %d: read %d events of a stream, want 50", round, n)
			}
		}
		r, _ := s.Read(ctx, daybook.All(), daybook.Span{})
		n := 0
		for e, err := range r.Events() {
			if err != nil {
				t.Fatal(err)
			}
			n++
			if e.Position != daybook.Position(n) {
				t.Errorf("round %d: position %d, want %d", round, e.Position, n)
			}
		}
		if n != 400 {
			t.Errorf("round %d: read %d events, want 400", round, n)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if s, err = Open(dir, &Options{SegmentBytes: 4096}); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
}

// The directory is the one that it was when the log was opened, wherever the program
// goes.
func TestAProgramMayChangeItsDirectory(t *testing.T) {
	home := t.TempDir()
	t.Chdir(home)
	s, err := Open("log", &Options{SegmentBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		t.Chdir(t.TempDir())
		if err := appendOne(s, n); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	t.Chdir(home)
	if s, err = Open("log", nil); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if info, err := s.Info(t.Context()); err != nil || info.Head.Position != 3 {
		t.Errorf("the log is at %v, %v; want 3", info.Head, err)
	}
}

// Whoever is told of a lock may take its file for a leftover and remove it. Two stores on
// one directory would each acknowledge events that the other overwrites.
func TestADirectoryStaysLockedWithoutTheLockFile(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := os.Remove(filepath.Join(dir, lockName)); err != nil {
		t.Fatal(err)
	}
	if other, err := Open(dir, nil); !errors.As(err, new(*LockedError)) {
		t.Errorf("it was opened again: %v", err)
		if err == nil {
			other.Close()
		}
	}
}

// A name that somebody forgot to fill in must not make the program's own directory a
// log.
func TestADirectoryWithoutANameIsInvalid(t *testing.T) {
	t.Chdir(t.TempDir())
	s, err := Open("", nil)
	if err == nil {
		s.Close()
	}
	if invalid := (*daybook.InvalidError)(nil); !errors.As(err, &invalid) {
		t.Errorf("Open of no directory: %v, want an InvalidError", err)
	}
	if names, err := os.ReadDir("."); err != nil || len(names) > 0 {
		t.Errorf("it left %v, %v", names, err)
	}
}
