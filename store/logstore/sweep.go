package logstore

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
	"github.com/daybook-es/daybook/store/logstore/internal/term"
)

// A sweep goes over the frames of one segment's file, all of them, and goes on behind
// damage: from the next sound frame that has positions above those before. It reads the
// file from one end to the other in long stretches, each byte once unless something is
// wrong with it. One goroutine uses it.
type sweep struct {
	file vfs.File
	name string
	salt uint32

	// end is where the file's frames end, or the file.
	end int64
	// judged is up to where the frames are known to be durable. What is wrong before it is
	// damage; what is wrong behind it may be the remains of a crash, or an append that is
	// being written at this moment, and is damage only if a later frame proves that it was
	// durable.
	judged int64
	// limit is the last position before judged; zero if that is not known.
	limit daybook.Position

	// sound, if not nil, is handed each frame. It may be used until sound returns.
	sound func(offset int64, f frame.Frame)
	// damaged is handed each damage.
	damaged func(Damage)
	// passed, if not nil, is told of bytes that were gone over.
	passed func(n int64)

	tail     tail                       // how far it has come
	stamped  bool                       // the tail's stamp is that of a frame
	versions map[uint64]daybook.Version // the last one, by the term of the stream
	over     bool                       // behind the tail nothing is left that is to be judged
	lost     bool                       // the end of what was to be judged was not found
	window   []byte
	start    int64 // where the window lies in the file
}

// sweepBytes is read at once: enough for the call not to matter, and little enough to
// lie in the processor's cache when it is looked at.
const sweepBytes = 1 << 20

// run goes over the frames from where the tail ends. It returns an error only if it
// could not tell: reading failed, or the context has ended.
func (w *sweep) run(ctx context.Context) error {
	w.versions = make(map[uint64]daybook.Version)
	for w.tail.end < w.end && !w.over {
		if err := ctx.Err(); err != nil {
			return err
		}
		f, bad, err := w.next()
		if bad != nil {
			err = w.skip(ctx, bad)
		}
		if errors.Is(err, errCutShort) && w.tail.end >= w.judged {
			return nil // whoever writes the log has cut off space that was reserved
		}
		if err != nil {
			return err
		}
		if bad == nil {
			w.take(w.tail.end, f)
		}
	}
	return nil
}

// next returns the frame where the tail ends, if it is sound and follows; bad is why not.
func (w *sweep) next() (f frame.Frame, bad, err error) {
	if f, bad, err = w.frameAt(w.tail.end); bad == nil && err == nil {
		bad = w.follows(f)
	}
	return f, bad, err
}

// take notes a sound frame.
func (w *sweep) take(at int64, f frame.Frame) {
	w.tail.end, w.tail.head, w.tail.stamp, w.tail.checksum = at+int64(len(f)), f.Last(), f.Stamp(), f.Checksum()
	w.stamped = true
	if w.sound != nil {
		w.sound(at, f)
	}
	if w.passed != nil {
		w.passed(int64(len(f)))
	}
}

// follows returns what is wrong with a frame that is sound by itself.
func (w *sweep) follows(f frame.Frame) error {
	if err := follows(f, w.tail); err != nil {
		return err
	}
	if w.limit > 0 && w.tail.end < w.judged && f.Last() > w.limit {
		return fmt.Errorf("a frame has positions up to %d, and %d is the last one here", f.Last(), w.limit)
	}
	if w.stamped && f.Stamp() <= w.tail.stamp {
		return fmt.Errorf("a frame was recorded at %v, not after the one before", timeOf(f.Stamp()))
	}
	for _, e := range f.Events() {
		stream := e.Stream()
		if len(stream) == 0 {
			if e.Version() != 0 {
				return fmt.Errorf("position %d is in no stream and has version %d", positionOf(f, e), e.Version())
			}
			continue
		}
		hash := term.Hash(term.Stream, stream)
		// Two streams may share a term, one time in 2^64 / n²; then this would be wrong
		// about a log that is sound. It is not for logs that fit on a disk. A log that was
		// restored need not have all versions.
		before := w.versions[hash]
		if e.Version() <= before {
			return fmt.Errorf("position %d has version %d of stream %.80q, which was at version %d", positionOf(f, e), e.Version(), stream, before)
		}
		w.versions[hash] = e.Version()
	}
	return nil
}

// skip reports what is wrong where the tail ends, and moves the tail behind the next sound
// frame.
func (w *sweep) skip(ctx context.Context, bad error) error {
	begin := w.tail.end
	f, at, err := w.find(ctx, begin)
	if err != nil {
		return err
	}
	if begin >= w.judged {
		if f == nil {
			w.over = true
			return nil
		}
		// When the frame was written that proves it, what lies here was on the disk. It may
		// not have been when it was read.
		w.window = w.window[:0]
		if _, bad, err = w.next(); bad == nil {
			return err
		}
		if f, at, err = w.find(ctx, begin); err != nil {
			return err
		}
	}

	d := Damage{File: w.name, Begin: begin, End: at, Harm: Loss, First: w.tail.head + 1, Last: w.limit, Sound: w.tail.head, Err: bad}
	if f != nil {
		d.Next, d.Last = f.First(), f.First()-1
		w.tail.head = f.First() - 1
	} else {
		d.End = max(begin, w.judged)
		w.over, w.lost = true, true
	}
	if d.Last < d.First {
		d.First, d.Last = 0, 0
	}
	w.damaged(d)
	if w.passed != nil {
		w.passed(d.End - begin)
	}
	clear(w.versions)
	w.tail.end = d.End
	if f != nil {
		// It is sound as far as a frame by itself can be. What it follows is gone.
		w.take(at, f)
	}
	return nil
}

// find looks for the next sound frame from an offset on that has positions above those
// before, and that proves damage if that needs a proof. It returns the end of the frames
// and no frame if there is none.
func (w *sweep) find(ctx context.Context, from int64) (frame.Frame, int64, error) {
	for at := from; at+frame.HeaderBytes <= w.end; at += frame.Align {
		if (at-from)%sweepBytes == 0 {
			if err := ctx.Err(); err != nil {
				return nil, 0, err
			}
		}
		if err := w.load(at, frame.HeaderBytes); err != nil {
			return nil, 0, err
		}
		if frame.Length(w.window[at-w.start:]) == 0 {
			continue
		}
		f, bad, err := w.frameAt(at)
		if err != nil {
			return nil, 0, err
		}
		if bad != nil || f.First() <= w.tail.head || from >= w.judged && f.Durable() <= w.tail.head {
			continue
		}
		if w.limit > 0 && at < w.judged && f.Last() > w.limit {
			continue
		}
		return f, at, nil
	}
	return nil, w.end, nil
}

// frameAt returns the frame at an offset; bad is why there is none.
func (w *sweep) frameAt(at int64) (f frame.Frame, bad, err error) {
	if at+frame.HeaderBytes > w.end {
		return nil, fmt.Errorf("%d bytes are left, too few for a frame", w.end-at), nil
	}
	if err := w.load(at, frame.HeaderBytes); err != nil {
		return nil, nil, err
	}
	n := frame.Length(w.window[at-w.start:])
	if n == 0 {
		return nil, frame.ErrNone, nil
	}
	if at+int64(n) > w.end {
		return nil, fmt.Errorf("a frame says that it has %d bytes where %d are left", n, w.end-at), nil
	}
	if err := w.load(at, n); err != nil {
		return nil, nil, err
	}
	f, bad = frame.Parse(w.window[at-w.start:], w.salt)
	return f, bad, nil
}

// errCutShort says that a file has become shorter while it was read.
var errCutShort = errors.New("the file was cut short")

// load sees to it that the window has n bytes from an offset on, which lie before the
// end.
func (w *sweep) load(at int64, n int) error {
	if at >= w.start && at+int64(n) <= w.start+int64(len(w.window)) {
		return nil
	}
	size := int(min(max(int64(n), sweepBytes), w.end-at))
	window := w.window[:0]
	if cap(window) < size {
		window = make([]byte, size)
	}
	// What the window has of it already is not read again.
	kept := 0
	if at >= w.start && at < w.start+int64(len(w.window)) {
		kept = copy(window[:size], w.window[at-w.start:])
	}
	w.window, w.start = window[:size], at
	got, err := w.file.ReadAt(w.window[kept:], at+int64(kept))
	if kept+got == size {
		return nil
	}
	if errors.Is(err, io.EOF) && kept+got >= n {
		w.window = w.window[:kept+got] // what was reserved behind it has been cut off
		return nil
	}
	w.window = w.window[:0]
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("logstore: read %s at %d: %w", w.file.Name(), at+int64(kept+got), errCutShort)
	}
	return fmt.Errorf("logstore: read %s: %w", w.file.Name(), err)
}
