package logstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/internal/vfs/crashfs"
)

// manySegments returns a store of so many segments with one event each, and more events
// in the active one.
func manySegments(t *testing.T, segments int, options Options) (*Store, string) {
	t.Helper()
	dir := t.TempDir()
	options.SegmentBytes = 4096
	s, err := Open(dir, &options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	for i := range segments {
		e := daybook.Event{Stream: fmt.Sprintf("order-%d", i), Type: "Placed", Data: make([]byte, 4000)}
		if _, err := s.Append(t.Context(), []daybook.Event{e}, nil); err != nil {
			t.Fatal(err)
		}
	}
	return s, dir
}

func TestALogHasNoMoreFilesOpenThanItMay(t *testing.T) {
	s, _ := manySegments(t, 40, Options{OpenFiles: 5})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 40 {
				r, err := s.Read(context.Background(), daybook.Stream(fmt.Sprintf("order-%d", i)), daybook.Span{})
				if err != nil {
					t.Error(err)
					return
				}
				if events, err := r.Collect(); len(events) != 1 || err != nil {
					t.Errorf("stream %d has %d events, %v; want 1", i, len(events), err)
				}
			}
		})
	}
	wg.Wait()
	s.home.open.mu.Lock()
	defer s.home.open.mu.Unlock()
	if n := len(s.home.open.sources); n != 5 {
		t.Errorf("%d files are open, want 5", n)
	}
}

// Goal: a segment that somebody cuts while the store has it mapped is told as what it is.
func TestASegmentThatIsCutWhileItIsReadIsCorrupt(t *testing.T) {
	s, dir := manySegments(t, 3, Options{})
	read := func() error {
		r, err := s.Read(t.Context(), daybook.Stream("order-0"), daybook.Span{})
		if err != nil {
			return err
		}
		_, err = r.Collect()
		return err
	}
	if err := read(); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, segmentName(1)), 0); err != nil {
		t.Fatal(err)
	}
	var corrupt *daybook.CorruptError
	if err := read(); !errors.As(err, &corrupt) {
		t.Errorf("reading gives %v, want a CorruptError", err)
	}
}

func TestClosingWhileReadersReadEndsThemWithErrClosed(t *testing.T) {
	s, _ := manySegments(t, 20, Options{OpenFiles: 3})
	var wg sync.WaitGroup
	begun := make(chan struct{}, 4)
	for range 4 {
		wg.Go(func() {
			for n := 0; ; n++ {
				r, err := s.Read(context.Background(), daybook.All(), daybook.Span{})
				if err == nil {
					_, err = r.Collect()
				}
				if err != nil {
					if !errors.Is(err, daybook.ErrClosed) {
						t.Errorf("a reading ends with %v, want ErrClosed", err)
					}
					return
				}
				if n == 0 {
					begun <- struct{}{}
				}
			}
		})
	}
	for range 4 {
		<-begun
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
}

// opensLate is a file system that holds up who opens a file until release is closed.
type opensLate struct {
	vfs.FS
	waiting, release chan struct{}
}

func (o opensLate) Open(name string) (vfs.File, error) {
	close(o.waiting)
	<-o.release
	return o.FS.Open(name)
}

// Goal: who is about to open a file, when somebody else has it stay open and then takes its
// name away, reads it.
func TestAFileIsReadThatLosesItsNameWhileItIsOpened(t *testing.T) {
	machine := crashfs.New(1)
	name := filepath.Join(t.TempDir(), "00000001.seg")
	if err := machine.MkdirAll(filepath.Dir(name)); err != nil {
		t.Fatal(err)
	}
	f, err := machine.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("once"), 0); err != nil {
		t.Fatal(err)
	}

	late := opensLate{machine, make(chan struct{}), make(chan struct{})}
	s := &source{home: &home{dir: filepath.Dir(name), world: vfs.World{FS: late}}, name: filepath.Base(name)}
	read := make(chan error)
	go func() {
		b := make([]byte, 4)
		_, err := s.ReadAt(b, 0)
		if err == nil && string(b) != "once" {
			err = fmt.Errorf("it reads %q", b)
		}
		read <- err
	}()
	<-late.waiting
	s.attach(f)
	if err := s.keep(); err != nil {
		t.Fatal(err)
	}
	if err := machine.Remove(name); err != nil {
		t.Fatal(err)
	}
	close(late.release)
	if err := <-read; err != nil {
		t.Error(err)
	}
}
