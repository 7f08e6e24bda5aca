package logstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook"
)

// several returns the directory of a log of three streams that was closed properly.
func several(t *testing.T) (dir string, log []daybook.Recorded) {
	t.Helper()
	dir = t.TempDir()
	s, err := Open(dir, &Options{SegmentBytes: 1200, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		stream := []string{"order-1", "order-2", "order-3"}[i%3]
		if i >= 30 {
			stream = "order-1" // the others end before
		}
		if _, err := s.Append(t.Context(), []daybook.Event{{Stream: stream, Type: "Placed", Data: fmt.Append(nil, i)}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if log, err = everything(s); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, log
}

// readUntil returns what a store reads of a query, and the error that ended it.
func readUntil(t *testing.T, s daybook.Store, q daybook.Query, span daybook.Span) ([]daybook.Position, error) {
	t.Helper()
	r, err := s.Read(t.Context(), q, span)
	if err != nil {
		t.Fatal(err)
	}
	var read []daybook.Position
	for e, err := range r.Events() {
		if err != nil {
			return read, err
		}
		read = append(read, e.Position)
	}
	return read, nil
}

func positions(log []daybook.Recorded, want func(daybook.Recorded) bool) (all []daybook.Position) {
	for _, e := range log {
		if want(e) {
			all = append(all, e.Position)
		}
	}
	return all
}

// wantLost checks that an error says that events were lost at a position.
func wantLost(t *testing.T, err error, what string) {
	t.Helper()
	if corrupt := (*daybook.CorruptError)(nil); !errors.As(err, &corrupt) || !errors.Is(err, ErrLost) {
		t.Errorf("%s: error %v, want a CorruptError of what was lost", what, err)
	}
}

func TestALogIsUsedWithoutWhatNobodyHasAnyMore(t *testing.T) {
	dir, log := several(t)
	name := "00000002.seg"
	flip(t, dir, name, placesOf(t, dir, name)[1]+80)
	first := verified(t, dir, nil).Damages[0].First
	gone := log[first-1]
	damaged := content(t, dir, name)
	if _, err := Repair(t.Context(), dir, nil); !errors.As(err, new(*daybook.CorruptError)) {
		t.Fatalf("without being told to it gave up what was lost: %v", err)
	}
	report, err := Repair(t.Context(), dir, &RepairOptions{Quarantine: true})
	if err != nil || len(report.Lost) != 1 || report.Lost[0].First != first || report.Lost[0].Last != first {
		t.Fatalf("%v: %v", err, report)
	}
	if kept := content(t, dir, report.Aside[0]); string(kept) != string(damaged) {
		t.Error("what was damaged is not kept as it was")
	}
	if v := verified(t, dir, &VerifyOptions{Indexes: true}); !v.Sound() || v.Events != 39 {
		t.Errorf("%v", v)
	}

	s, err := Open(dir, &Options{SegmentBytes: 1200, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { s.Close() }()
	everywhere := func(daybook.Recorded) bool { return true }
	read, err := readUntil(t, s, daybook.All(), daybook.Span{})
	wantLost(t, err, "reading everything")
	if want := positions(log[:first-1], everywhere); !slices.Equal(read, want) {
		t.Errorf("up to what was lost %v was read, want %v", read, want)
	}
	read, err = readUntil(t, s, daybook.All(), daybook.Span{Backward: true})
	wantLost(t, err, "reading everything backward")
	if want := positions(log[first:], everywhere); len(read) != len(want) {
		t.Errorf("down to what was lost %v was read, want %d events", read, len(want))
	}
	if read, err = readUntil(t, s, daybook.All(), daybook.Span{After: first}); err != nil || len(read) != len(log)-int(first) {
		t.Errorf("after what was lost: %v, %v", read, err)
	}
	for _, stream := range []string{"order-1", "order-2", "order-3"} {
		read, err := readUntil(t, s, daybook.Stream(stream), daybook.Span{})
		if stream == gone.Stream {
			wantLost(t, err, "reading the stream that lost an event")
			continue
		}
		want := positions(log, func(e daybook.Recorded) bool { return e.Stream == stream })
		if err != nil || !slices.Equal(read, want) {
			t.Errorf("%s is whole, and %v was read (%v), want %v", stream, read, err, want)
		}
		if _, err := s.Append(t.Context(), []daybook.Event{{Stream: stream, Type: "Placed"}}, daybook.At(stream, daybook.Version(len(want)))); err != nil {
			t.Errorf("appending to %s: %v", stream, err)
		}
	}
	// Its newest event is behind what was lost, and tells the version.
	if receipt, err := s.Append(t.Context(), []daybook.Event{{Stream: gone.Stream, Type: "Placed"}}, nil); err != nil || receipt.Versions[gone.Stream] <= gone.Version {
		t.Errorf("appending to the stream that lost an event: %v, %v", receipt, err)
	}
	nothing := daybook.Nothing(daybook.Stream(gone.Stream), daybook.Point{})
	nothing[0].After = s.life.At(first - 1)
	nothing[0].Query = daybook.Query{{Streams: []string{gone.Stream}, Types: []string{"Placed"}, Tags: []string{"none"}}}
	if _, err := s.Append(t.Context(), []daybook.Event{{Stream: "order-9", Type: "Placed"}}, nothing); err != nil {
		t.Errorf("what was lost had no such tag, and a decision on it is refused: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	if s, err = Open(dir, &Options{SegmentBytes: 1200, Logger: quiet, PastLost: true}); err != nil {
		t.Fatal(err)
	}
	if read, err := readUntil(t, s, daybook.All(), daybook.Span{}); err != nil || len(read) != 39+4 {
		t.Errorf("past what was lost %d events were read, want 43: %v", len(read), err)
	}
}

func TestNoDecisionRestsOnWhatMayHaveBeenLost(t *testing.T) {
	dir, log := several(t)
	// The whole segment is gone in which order-2 and order-3 have their newest events, and
	// the index that would tell.
	last := log[29].Position
	v := verified(t, dir, nil)
	stats, err := ReadStats(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if !v.Sound() {
		t.Fatal(v)
	}
	for _, part := range stats.Segments {
		if part.First <= last && last <= part.Last {
			if err := errors.Join(os.Remove(filepath.Join(dir, part.Name)), os.Remove(filepath.Join(dir, part.Name[:8]+".idx"))); err != nil {
				t.Fatal(err)
			}
		}
	}
	if s, err := Open(dir, quietly); err == nil {
		s.Close()
		t.Fatal("a log without a segment opens")
	}
	report, err := Repair(t.Context(), dir, &RepairOptions{Quarantine: true})
	if err != nil {
		t.Fatalf("%v: %v", err, report)
	}
	s, err := Open(dir, &Options{SegmentBytes: 1200, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	appendTo := func(stream string, cond daybook.Condition) error {
		_, err := s.Append(t.Context(), []daybook.Event{{Stream: stream, Type: "Placed"}}, cond)
		return err
	}
	wantLost(t, appendTo(log[29].Stream, nil), "appending to a stream whose newest event may be lost")
	wantLost(t, appendTo("order-9", daybook.New("order-9")), "appending to a stream that may have been there")
	wantLost(t, appendTo("", daybook.Nothing(daybook.Query{{Types: []string{"Shipped"}}}, daybook.Point{})), "appending if nothing was recorded that may have been lost")
	if err := appendTo("order-1", nil); err != nil {
		t.Errorf("appending to a stream whose newest event is there: %v", err)
	}
	if err := appendTo("", daybook.Nothing(daybook.Query{{Types: []string{"Shipped"}}}, s.life.At(report.Lost[0].Last))); err != nil {
		t.Errorf("appending if nothing was recorded since: %v", err)
	}
}

func TestAnActiveSegmentIsSealedWithoutWhatItLost(t *testing.T) {
	dir := crashed(t, 10, nil)
	name := "00000001.seg"
	flip(t, dir, name, placesOf(t, dir, name)[4]+80)
	if _, err := Open(dir, quietly); !errors.As(err, new(*daybook.CorruptError)) {
		t.Fatalf("it opens: %v", err)
	}
	report, err := Repair(t.Context(), dir, &RepairOptions{Quarantine: true})
	if err != nil || len(report.Lost) != 1 || report.Lost[0].First != 5 {
		t.Fatalf("%v: %v", err, report)
	}
	s, err := Open(dir, &Options{PastLost: true, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	fill(t, s, 11, 12)
	read, err := readUntil(t, s, daybook.All(), daybook.Span{})
	if diff := cmp.Diff([]daybook.Position{1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12}, read); err != nil || diff != "" {
		t.Errorf("%v: %s", err, diff)
	}
	info, err := s.Info(t.Context())
	if err != nil || info.Head.Position != 12 {
		t.Errorf("the head is %v (%v)", info.Head, err)
	}
}

func TestACompressedSegmentIsUsedWithoutWhatItLost(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, &Options{SegmentBytes: 200_000, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		events := make([]daybook.Event, 100)
		for j := range events {
			events[j] = daybook.Event{Stream: fmt.Sprintf("order-%d", i), Type: "Placed", Data: fmt.Appendf(nil, `{"number":%d,"of":%d,"words":"as there are many"}`, i, j)}
		}
		if _, err := s.Append(t.Context(), events, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Compress(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	name := "00000001-1.seg"
	flip(t, dir, name, int64(len(content(t, dir, name)))/2)
	if v := verified(t, dir, nil); v.Sound() {
		t.Fatal("the damage is not found")
	}
	report, err := Repair(t.Context(), dir, &RepairOptions{Quarantine: true})
	if err != nil || len(report.Lost) != 1 {
		t.Fatalf("%v: %v", err, report)
	}
	lost := report.Lost[0]
	if s, err = Open(dir, &Options{PastLost: true, Logger: quiet}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	read, err := readUntil(t, s, daybook.All(), daybook.Span{})
	if err != nil || len(read) != 3000-int(lost.Last-lost.First+1) || len(read) < 1000 {
		t.Errorf("%d events were read, and %d to %d were lost: %v", len(read), lost.First, lost.Last, err)
	}
}

func TestABackupOfALogWithAGapTellsAsMuchOfIt(t *testing.T) {
	dir, log := several(t)
	name := "00000002.seg"
	flip(t, dir, name, placesOf(t, dir, name)[1]+80)
	gone := log[verified(t, dir, nil).Damages[0].First-1]
	if _, err := Repair(t.Context(), dir, &RepairOptions{Quarantine: true}); err != nil {
		t.Fatal(err)
	}
	target, restored := filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "restored")
	if _, err := Backup(t.Context(), dir, target, nil); err != nil {
		t.Fatal(err)
	}
	if err := RestoreBackup(t.Context(), target, restored); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{target, restored} {
		r, err := OpenReader(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, stream := range []string{"order-1", "order-2", "order-3"} {
			read, err := readUntil(t, r, daybook.Stream(stream), daybook.Span{})
			if stream == gone.Stream {
				wantLost(t, err, "reading the stream that lost an event")
				continue
			}
			if want := positions(log, func(e daybook.Recorded) bool { return e.Stream == stream }); err != nil || !slices.Equal(read, want) {
				t.Errorf("%s is whole, and %v was read (%v), want %v", stream, read, err, want)
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}
