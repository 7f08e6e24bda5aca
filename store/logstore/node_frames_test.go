package logstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
)

const answerBytes = 700

// framesGiven collects what a node has to give behind a position, an answer of few bytes at a time.
func framesGiven(t *testing.T, n node, after daybook.Position) (all []byte, err error) {
	t.Helper()
	for {
		b, err := n.Frames(t.Context(), after, n.Head(), answerBytes)
		if len(b) > answerBytes {
			t.Fatalf("an answer has %d bytes", len(b))
		}
		all = append(all, b...)
		if err != nil || len(b) == 0 {
			return all, err
		}
		for len(b) > 0 {
			f := frame.Frame(b[:frame.Length(b)])
			after, b = f.Last(), b[len(f):]
		}
	}
}

// sealedBytes returns the frames of the first segments of a store.
func sealedBytes(t *testing.T, s *Store, segments int) []byte {
	t.Helper()
	all, err := framesOf(s)
	if err != nil {
		t.Fatal(err)
	}
	n := int64(0)
	for i := range segments {
		n += s.view.Load().endOf(i) - segmentHeaderBytes
	}
	return all[:n]
}

// Goal: a node gives the frames that were committed, all that lie in sealed segments, and none that it has changed. Method:
// what it gives is compared with what the quorum took, before and after packing, scavenging and damage.
func TestANodeGivesTheFramesThatWereCommitted(t *testing.T) {
	c := twoNodes(t, 1, &Options{SegmentBytes: 2000, Logger: quiet})
	m := c.nodes[1]
	n := node{m.store}
	if b, err := framesGiven(t, n, 0); err != nil || len(b) > 0 {
		t.Errorf("an empty node gives %d bytes: %v", len(b), err)
	}
	for i := range 60 {
		mustAppend(t, c.nodes[0].store, placed(fmt.Sprintf("order-%d", i/30)), placed("order-0"))
	}
	c.settled(t)
	sealed := len(m.store.view.Load().segments) - 1
	if sealed < 5 {
		t.Fatalf("there are %d sealed segments", sealed)
	}
	want := sealedBytes(t, m.store, sealed)
	same := func(when string) {
		t.Helper()
		if b, err := framesGiven(t, n, 0); err != nil || !bytes.Equal(b, want) {
			t.Errorf("%s the node gives %d bytes, want %d: %v", when, len(b), len(want), err)
		}
	}
	same("at first")
	first := frame.Frame(want[:frame.Length(want)])
	if b, err := framesGiven(t, n, first.Last()); err != nil || !bytes.Equal(b, want[len(first):]) {
		t.Errorf("behind the first frame it gives %d bytes, want %d: %v", len(b), len(want)-len(first), err)
	}
	if b, err := n.Frames(t.Context(), 0, n.Head(), len(first)-1); err != nil || len(b) > 0 {
		t.Errorf("where the first frame has no room it gives %d bytes: %v", len(b), err)
	}
	if b, err := n.Frames(t.Context(), n.Head(), n.Head()+10, answerBytes); err != nil || len(b) > 0 {
		t.Errorf("behind the head it gives %d bytes: %v", len(b), err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	var unavailable *daybook.UnavailableError
	if _, err := n.Frames(ended, 0, n.Head(), answerBytes); !errors.As(err, &unavailable) {
		t.Errorf("with a context that has ended: %v", err)
	}
	if b, err := n.Frames(t.Context(), 0, first.Last()+1, answerBytes); err != nil || !bytes.Equal(b, first) {
		t.Errorf("up to the middle of the second frame it gives %d bytes, want %d: %v", len(b), len(first), err)
	}
	if report, err := m.store.Compress(t.Context()); err != nil || report.Rewritten == 0 {
		t.Fatalf("packing did %+v: %v", report, err)
	}
	same("packed")

	// Of what is forgotten some lies behind the first segments only.
	mustAppend(t, c.nodes[0].store, daybook.Deleted("order-1"))
	c.settled(t)
	report, err := m.store.Scavenge(t.Context(), nil)
	if err != nil || report.Rewritten == 0 {
		t.Fatalf("scavenging did %+v: %v", report, err)
	}
	kept, segments := 0, m.store.view.Load().segments
	for kept < len(segments) && segments[kept].generation < 2 {
		kept++
	}
	if kept == 0 || kept >= sealed {
		t.Fatalf("the first %d of %d segments are as they were", kept, sealed)
	}
	want = want[:len(sealedBytes(t, m.store, kept))]
	same("scavenged")
	if b, err := n.Frames(t.Context(), segments[kept].first-1, n.Head(), answerBytes); err != nil || len(b) > 0 {
		t.Errorf("of a segment that was scavenged %d bytes are given: %v", len(b), err)
	}

	// The other node has not scavenged; there a byte of the second segment changes.
	other := c.nodes[0]
	damaged := other.store.view.Load().segments[1]
	f, err := other.world.FS.OpenWrite(damaged.path())
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, damaged.end-20); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	if _, err := f.WriteAt(b, damaged.end-20); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	var corrupt *daybook.CorruptError
	some, err := framesGiven(t, node{other.store}, 0)
	if !errors.As(err, &corrupt) || !bytes.HasPrefix(want, some) || len(some) < len(first) {
		t.Errorf("a node with damage gives %d bytes: %v", len(some), err)
	}
	closed := node{m.store}
	if err := m.shut(); err != nil {
		t.Fatal(err)
	}
	if _, err := closed.Frames(t.Context(), 0, 10, answerBytes); !errors.Is(err, daybook.ErrClosed) {
		t.Errorf("a node that is closed: %v", err)
	}
}

// What another node gives is looked at before it is taken in.
func TestWhatCannotComeNextDoesNotFollow(t *testing.T) {
	c := twoNodes(t, 1, &Options{SegmentBytes: 2000, Logger: quiet})
	ahead, behind := c.nodes[0].store, c.nodes[1]
	mustAppend(t, ahead, placed("order-1"))
	c.settled(t)
	behind.sleep(true)
	for range 10 {
		mustAppend(t, ahead, placed("order-1"))
	}
	all, err := framesOf(ahead)
	if err != nil {
		t.Fatal(err)
	}
	n := node{behind.store}
	has := frame.Length(all)
	next := all[has:]
	if last, err := n.Follows(next); err != nil || last != 11 {
		t.Errorf("what comes next ends at position %d: %v", last, err)
	}
	flipped := bytes.Clone(next)
	flipped[len(flipped)/2] ^= 1
	for what, b := range map[string][]byte{
		"what is here already":   all,
		"what comes after that":  next[frame.Length(next):],
		"a changed bit":          flipped,
		"a part of a frame":      next[:len(next)-8],
		"what are no frames":     []byte("these are no frames at all, and too long to be nothing ........................."),
		"a frame that is double": append(bytes.Clone(next[:frame.Length(next)]), next...),
	} {
		var corrupt *daybook.CorruptError
		if last, err := n.Follows(b); !errors.As(err, &corrupt) || corrupt.Position != last {
			t.Errorf("%s follows, up to position %d: %v", what, last, err)
		}
	}
	if head := n.Head(); head != 1 {
		t.Errorf("the node has come to position %d", head)
	}
	behind.sleep(false)
	c.settled(t)
}
