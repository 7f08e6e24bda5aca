//go:build !race

package logstore

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs/crashfs"
)

// Goal: a disk that gives back a block of another place is found out, though each frame in it is sound. Method: all
// frames are of one length, and some of them, in turn, become copies of others; the log is asked in every way.
func TestAFrameInTheWrongPlaceIsNotServed(t *testing.T) {
	const segments, copied = 3, 3
	opts := &Options{SegmentBytes: 6000, Logger: quiet}
	disk := crashfs.New(1)
	s, err := open(disk.World(), "db", opts)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; len(s.view.Load().segments) <= segments; n++ {
		e := daybook.Event{ID: uuid.New(), Stream: fmt.Sprintf("order-%d", n%2), Type: "Placed", Data: fmt.Appendf(nil, "%0400d", n)}
		if _, err := s.Append(t.Context(), []daybook.Event{e}, nil); err != nil {
			t.Fatal(err)
		}
	}
	log, err := everything(s)
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	recording := disk.Recording()

	contents := make([][]byte, segments)
	for i := range contents {
		contents[i] = contentOf(t, disk, segmentName(uint64(i+1)))
	}
	frames := offsets(contents[0])
	length := frames[1] - frames[0]
	perSegment := len(frames) - 1
	at := 1 // of the second segment
	for _, n := range []int{1, copied} {
		for from := range segments * perSegment {
			source, first := contents[from/perSegment], from%perSegment
			if first+n > perSegment || from/perSegment == 1 && first == at {
				continue
			}
			cut := recording.Cut(recording.Calls(), crashfs.All, 1)
			f, err := cut.OpenWrite(filepath.Join("db", segmentName(2)))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteAt(source[frames[first]:][:n*length], int64(frames[at])); err != nil {
				t.Fatal(err)
			}
			s, err := open(cut.World(), "db", opts)
			if err != nil {
				t.Fatal(err)
			}
			what := fmt.Sprintf("%d frames from frame %d of segment %d on", n, first+1, from/perSegment+1)
			wantNotServed(t, s, what, log, perSegment+at, n)
			abandonStore(s)
		}
	}
}

// wantNotServed asks a store for events in every way, of which some are not where they were.
func wantNotServed(t *testing.T, s *Store, what string, log []daybook.Recorded, missing, n int) {
	t.Helper()
	for _, q := range []daybook.Query{daybook.All(), daybook.Stream("order-0"), daybook.Stream("order-1")} {
		for _, span := range []daybook.Span{{}, {Backward: true}, {After: daybook.Position(missing)}, {After: daybook.Position(missing), Limit: 1}} {
			told := false
			reading, err := s.Read(t.Context(), q, span)
			if err != nil {
				t.Fatal(err)
			}
			for e, err := range reading.Events() {
				if told = isCorrupt(err); told {
					break
				}
				if err != nil || !same(e, log[e.Position-1]) {
					t.Fatalf("in the place of %s: %v, %+v gives %s, %v", what, q, span, describe(e), err)
				}
			}
			if touched := q.Selects(log[missing].Event) || n > 1; touched && !told {
				t.Errorf("in the place of %s: %v, %+v tells nothing", what, q, span)
			}
		}
	}
	for i := missing; i < missing+n; i++ {
		if _, err := s.Append(t.Context(), []daybook.Event{log[i].Event}, nil); !isCorrupt(err) {
			t.Errorf("in the place of %s: the append at %d, repeated, answers %v, want corrupt", what, i+1, err)
		}
	}
	if _, err := s.Append(t.Context(), []daybook.Event{log[missing-1].Event}, nil); err != nil {
		t.Errorf("in the place of %s: the append before, repeated, answers %v", what, err)
	}
}

func isCorrupt(err error) bool {
	var corrupt *daybook.CorruptError
	return errors.As(err, &corrupt)
}
