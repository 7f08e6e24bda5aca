package daybook

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"iter"
)

// A LogDigest stands for what a log holds up to a position. Two logs with equal digests
// hold the same events, whatever stores they are kept in: ids, positions with their gaps,
// versions, times, bytes, what is forgotten and what is left of it.
type LogDigest struct {
	// Events is how many there are, forgotten ones and stubs included.
	Events int
	// UpTo is the position that the digest goes up to.
	UpTo Position
	// Sum is the SHA-256 of the canonical encodings of the events, end to end in their
	// order. That of a log without events is the SHA-256 of nothing.
	Sum [sha256.Size]byte
}

// String returns the sum, as people compare it: 64 hexadecimal digits.
func (d LogDigest) String() string { return fmt.Sprintf("%x", d.Sum) }

// DigestLog reads a log from its beginning up to a position, or to its head if that is
// zero, and returns the digest. It calls each, unless it is nil, with every event, which is
// its own only until it returns (see [Span]). A position above the head is an
// [*InvalidError].
//
// The digest up to a position stays the same until something there is scavenged, which
// leaves stubs that have other encodings than the events that they were.
func DigestLog(ctx context.Context, store Store, upTo Position, each func(Recorded)) (LogDigest, error) {
	reading, upTo, err := whole(ctx, store, upTo)
	if err != nil {
		return LogDigest{}, err
	}
	sum := digester{hash: sha256.New()}
	for e, err := range reading.Events() {
		if err != nil {
			return LogDigest{}, err
		}
		sum.add(e)
		if each != nil {
			each(e)
		}
	}
	return sum.digest(upTo), nil
}

// whole reads a log up to a position, or to its head if that is zero.
func whole(ctx context.Context, store Store, upTo Position) (Reading, Position, error) {
	span := Span{Forgotten: true, Borrowed: true}
	if upTo > 0 {
		info, err := store.Info(ctx)
		if err != nil {
			return Reading{}, 0, err
		}
		if head := info.Head.Position; upTo > head {
			return Reading{}, 0, &InvalidError{What: "digest", Reason: fmt.Sprintf("goes up to position %d, and the log to %d", upTo, head)}
		}
		span.Before = upTo + 1
	}
	reading, err := store.Read(ctx, All(), span)
	if upTo == 0 {
		upTo = reading.Snapshot().Position
	}
	return reading, upTo, err
}

// A digester sums up events.
type digester struct {
	hash    hash.Hash
	encoded []byte // of the last event
	events  int
}

func (d *digester) add(e Recorded) {
	d.encoded, _ = e.AppendBinary(d.encoded[:0]) // appending to memory does not fail
	d.hash.Write(d.encoded)
	d.events++
}

func (d *digester) digest(upTo Position) LogDigest {
	return LogDigest{Events: d.events, UpTo: upTo, Sum: [sha256.Size]byte(d.hash.Sum(nil))}
}

// A Comparison is what came of comparing two logs that hold the same history.
type Comparison struct {
	// One and Other are the digests, which are equal unless Stubs is above zero.
	One, Other LogDigest
	// Stubs is how many events are a stub in only one of the two, which was scavenged
	// since one was copied from the other. All that a stub keeps is the same.
	Stubs int
}

// A DifferenceError reports the first position at which two logs are not the same.
type DifferenceError struct {
	Position Position
	Reason   string // such as "the data differs"
}

func (e *DifferenceError) Error() string {
	return fmt.Sprintf("daybook: the logs are not the same: at position %d %s", e.Position, e.Reason)
}

// CompareLogs reads two logs up to a position, event by event, and returns their digests.
// The first difference between them is a [*DifferenceError]. It calls each, unless it is
// nil, with every event of the first one, as [DigestLog] does.
func CompareLogs(ctx context.Context, one, other Store, upTo Position, each func(Recorded)) (Comparison, error) {
	if upTo == 0 {
		return Comparison{}, &InvalidError{What: "comparison", Reason: "goes up to no position"}
	}
	first, _, err := whole(ctx, one, upTo)
	if err != nil {
		return Comparison{}, err
	}
	second, _, err := whole(ctx, other, upTo)
	if err != nil {
		return Comparison{}, err
	}
	next, stop := iter.Pull2(second.Events())
	defer stop()

	var c Comparison
	a, b := digester{hash: sha256.New()}, digester{hash: sha256.New()}
	for e, err := range first.Events() {
		if err != nil {
			return Comparison{}, err
		}
		f, err, more := next()
		switch {
		case more && err != nil:
			return Comparison{}, err
		case !more || f.Position > e.Position:
			return Comparison{}, &DifferenceError{e.Position, "only the first has an event"}
		case f.Position < e.Position:
			return Comparison{}, &DifferenceError{f.Position, "only the second has an event"}
		}
		a.add(e)
		b.add(f)
		if string(a.encoded) != string(b.encoded) {
			if reason := difference(e, f); reason != "" {
				return Comparison{}, &DifferenceError{e.Position, reason}
			}
			c.Stubs++
		}
		if each != nil {
			each(e)
		}
	}
	if f, err, more := next(); err != nil {
		return Comparison{}, err
	} else if more {
		return Comparison{}, &DifferenceError{f.Position, "only the second has an event"}
	}
	c.One, c.Other = a.digest(upTo), b.digest(upTo)
	return c, nil
}

// difference says what differs between two events of one position whose encodings do, or
// nothing if one is what is left of the other.
func difference(a, b Recorded) string {
	if (a.Stub != nil) != (b.Stub != nil) {
		one, _ := a.AsStub().AppendBinary(nil)
		other, _ := b.AsStub().AppendBinary(nil)
		if string(one) == string(other) {
			return ""
		}
		return "one has a stub, and it is not what is left of the event that the other has"
	}
	for _, part := range []struct {
		what string
		same bool
	}{
		{"id", a.ID == b.ID},
		{"stream", a.Stream == b.Stream},
		{"version", a.Version == b.Version},
		{"time of recording", nanoseconds(a.RecordedAt) == nanoseconds(b.RecordedAt)},
		{"time at which it happened", nanoseconds(a.HappenedAt) == nanoseconds(b.HappenedAt)},
		{"type", a.Type == b.Type},
		{"content type", a.ContentType == b.ContentType},
		{"metadata", string(a.Metadata) == string(b.Metadata)},
		{"data", string(a.Data) == string(b.Data)},
	} {
		if !part.same {
			return "the " + part.what + " differs"
		}
	}
	if a.Stub != nil {
		return "the stubs differ"
	}
	return "the tags differ"
}
