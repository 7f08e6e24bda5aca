package jsonlines

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/daybook-es/daybook"
)

// Export writes the lines of everything that a log holds after a position, what is
// forgotten and what is left of it included, and returns the point up to which it did:
// the head when it began. Lines are handed to w in pieces of some tens of kilobytes. The
// function each, if there is one, is called for each event when its line was made.
//
// The lines of a log up to a position stay the same as long as nothing in it is forgotten
// or scavenged.
func Export(ctx context.Context, w io.Writer, from daybook.Store, after daybook.Position, each func(daybook.Recorded)) (daybook.Point, error) {
	reading, err := from.Read(ctx, daybook.All(), daybook.Span{After: after, Forgotten: true, Borrowed: true})
	if err != nil {
		return daybook.Point{}, err
	}
	if err := Write(w, reading, each); err != nil {
		return daybook.Point{}, err
	}
	return reading.Snapshot(), nil
}

// flushBytes is how much is handed to a writer at once: large enough that calls do not
// count, and small in memory.
const flushBytes = 64 << 10

// Write writes the lines of a reading's events to w, as [Export] does.
func Write(w io.Writer, reading daybook.Reading, each func(daybook.Recorded)) error {
	var lines []byte
	for event, err := range reading.Events() {
		if err != nil {
			return errors.Join(err, flush(w, lines))
		}
		if lines, err = AppendRecorded(lines, event); err != nil {
			return errors.Join(fmt.Errorf("line of position %d: %w", event.Position, err), flush(w, lines))
		}
		if len(lines) >= flushBytes {
			if err := flush(w, lines); err != nil {
				return err
			}
			lines = lines[:0]
		}
		if each != nil {
			each(event)
		}
	}
	return flush(w, lines)
}

func flush(w io.Writer, lines []byte) error {
	if len(lines) == 0 {
		return nil
	}
	_, err := w.Write(lines)
	return err
}

// Batches of an import: large enough that syncs do not count, and small in memory.
const (
	batchEvents = 4000
	batchBytes  = 4 << 20
)

// ImportOptions adjust [Import]. The zero value, and nil, are right for the whole export of
// a log whose positions have no gaps.
type ImportOptions struct {
	// Gaps takes lines whose positions have gaps between them. The positions of a log that
	// stores of this module have appended to have none; those of a log into which lines
	// with gaps were restored do.
	Gaps bool

	// UpTo is the position that the lines go up to, as [Export] returned it. Lines that end
	// at another one are a [*MissingError] or, if they go further, an error. Zero takes
	// lines that end anywhere: an export that was cut off at the end of a line is then as
	// good as a whole one, for its lines do not say how many they are.
	UpTo daybook.Position

	// Each is called with the last event of each batch that was recorded or passed over.
	// Nil is not called.
	Each func(daybook.Recorded)
}

// A MissingError reports that lines were left out of an export, or that its end was cut
// off. Nothing that comes after what is missing is recorded.
type MissingError struct {
	// Line is the number of the line before which lines are missing; of the last one, if
	// what is missing is the end.
	Line int
	// First and Last are the positions that are missing.
	First, Last daybook.Position
	// End reports that the lines end there.
	End bool
}

// Error names the line and the positions.
func (e *MissingError) Error() string {
	which := fmt.Sprintf("positions %d to %d are", e.First, e.Last)
	if e.First == e.Last {
		which = fmt.Sprintf("position %d is", e.First)
	}
	if e.End {
		return fmt.Sprintf("%s missing: the lines end with line %d", which, e.Line)
	}
	return fmt.Sprintf("line %d: %s missing before it", e.Line, which)
}

// Import reads lines of recorded events, as [Export] writes them, into a log that is
// empty or holds a prefix of them, and returns the log's head and the number of lines
// that it read. Events that are there already are compared and passed over, so an
// import that was interrupted goes on when it is called again with the same lines. Nil
// options mean the zero ImportOptions.
//
// A line that cannot be read is a [*LineError]. The positions of the lines follow each
// other without a gap, and the first one follows the log's head or lies before it;
// otherwise lines were lost on the way, which is a [*MissingError]. Lines that do not fit
// the log are a [*daybook.InvalidError], wrapped with the lines that were handed over.
// With each of them the appends before those lines may be recorded.
func Import(ctx context.Context, to daybook.Restorer, from io.Reader, o *ImportOptions) (head daybook.Point, lines int, err error) {
	if o == nil {
		o = new(ImportOptions)
	}
	info, err := to.Info(ctx)
	if err != nil {
		return daybook.Point{}, 0, err
	}
	reader := NewReader(from)
	b := batch{first: 1}
	restore := func() error {
		if len(b.events) == 0 {
			return nil
		}
		if err := to.Restore(ctx, b.events); err != nil {
			return fmt.Errorf("lines %d to %d: %w", b.first, b.last, err)
		}
		lines += len(b.events)
		if o.Each != nil {
			o.Each(b.events[len(b.events)-1])
		}
		return nil
	}
	last := info.Head.Position // behind which a line may come
	for event, err := range reader.Recorded() {
		if err == nil && !o.Gaps && event.Position > last+1 {
			err = &MissingError{Line: reader.Line(), First: last + 1, Last: event.Position - 1}
		}
		if err != nil {
			// The last events read may be a part of an append, which is recorded whole or
			// not at all.
			return info.Head, lines, err
		}
		if b.full(event, info.Limits) {
			if err := restore(); err != nil {
				return info.Head, lines, err
			}
			b = batch{events: b.events[:0], first: reader.Line()}
		}
		b.add(event, reader.Line())
		last = event.Position
	}
	// The last append is recorded only if nothing of it can be missing.
	if o.UpTo > 0 && last < o.UpTo {
		return info.Head, lines, &MissingError{Line: reader.Line(), First: last + 1, Last: o.UpTo, End: true}
	}
	if o.UpTo > 0 && last > o.UpTo {
		return info.Head, lines, fmt.Errorf("the lines go up to position %d, and %d was to be their last", last, o.UpTo)
	}
	if err := restore(); err != nil {
		return info.Head, lines, err
	}
	info, err = to.Info(ctx)
	return info.Head, lines, err
}

// A batch is what is handed to a store at once: whole appends.
type batch struct {
	events      []daybook.Recorded
	bytes       int
	appended    int // events of the last append
	first, last int // lines
}

// full reports whether the batch is handed over before a further event. The events of an
// append stay together, unless they are more than any append can have.
func (b *batch) full(next daybook.Recorded, limits daybook.Limits) bool {
	n := len(b.events)
	if n == 0 {
		return false
	}
	if b.events[n-1].RecordedAt.Equal(next.RecordedAt) {
		return b.appended > limits.AppendEvents || b.bytes > batchBytes+limits.AppendBytes
	}
	return n >= batchEvents || b.bytes >= batchBytes
}

func (b *batch) add(event daybook.Recorded, line int) {
	if n := len(b.events); n == 0 || !b.events[n-1].RecordedAt.Equal(event.RecordedAt) {
		b.appended = 0
	}
	b.events = append(b.events, event)
	b.bytes += event.Size()
	b.appended++
	b.last = line
}
