package jsonlines

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/daybook-es/daybook"
)

// A Reader reads events from lines. It holds one line at a time. Make it with
// [NewReader]; it is for one goroutine.
type Reader struct {
	from   *bufio.Reader
	parser parser
	long   []byte // a line that is longer than what from holds
	number int
}

// NewReader returns a Reader of the lines in from.
func NewReader(from io.Reader) *Reader {
	return &Reader{from: bufio.NewReaderSize(from, 64<<10)}
}

// Line returns the number of the line that was read last, counted from one.
func (r *Reader) Line() int { return r.number }

// Events yields the events of lines that are to be recorded. It ends after the last
// line, or with the one error that stopped it: a [*LineError], which says which line is
// wrong, or what the underlying reader returned. The caller owns the events.
func (r *Reader) Events() iter.Seq2[daybook.Event, error] {
	return func(yield func(daybook.Event, error) bool) {
		for recorded, err := range r.lines(false) {
			if !yield(recorded.Event, err) {
				return
			}
		}
	}
}

// Recorded yields the events of lines of recorded ones, as [Reader.Events] does.
func (r *Reader) Recorded() iter.Seq2[daybook.Recorded, error] { return r.lines(true) }

func (r *Reader) lines(recorded bool) iter.Seq2[daybook.Recorded, error] {
	return func(yield func(daybook.Recorded, error) bool) {
		for {
			line, err := r.line()
			if err == io.EOF {
				return
			}
			var event daybook.Recorded
			if err == nil {
				event, err = r.parser.parse(line, recorded)
			}
			if wrong := (*LineError)(nil); errors.As(err, &wrong) {
				wrong.Line = r.number
			}
			if err != nil {
				yield(daybook.Recorded{}, err)
				return
			}
			if !yield(event, nil) {
				return
			}
		}
	}
}

// line returns the next line that is not empty, which stays as it is until the next
// call.
func (r *Reader) line() ([]byte, error) {
	for {
		r.number++
		line, err := r.from.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			line, err = r.longLine(line)
		}
		if err != nil && err != io.EOF {
			if _, is := err.(*LineError); is {
				return nil, err
			}
			return nil, fmt.Errorf("read line %d: %w", r.number, err)
		}
		if len(bytes.TrimLeftFunc(line, func(c rune) bool { return c < 0x80 && space(byte(c)) })) > 0 {
			return line, nil
		}
		if err == io.EOF {
			r.number--
			return nil, io.EOF
		}
	}
}

// longLine returns a line that is longer than the buffer, of which this is the head.
func (r *Reader) longLine(head []byte) ([]byte, error) {
	r.long = append(r.long[:0], head...)
	for {
		part, err := r.from.ReadSlice('\n')
		r.long = append(r.long, part...)
		if len(bytes.TrimSuffix(r.long, []byte("\n"))) > MaxLineBytes {
			return nil, &LineError{Reason: fmt.Sprintf("is longer than %d bytes", MaxLineBytes)}
		}
		if err != bufio.ErrBufferFull {
			return r.long, err
		}
	}
}
