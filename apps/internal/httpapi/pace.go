package httpapi

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"
)

// A client may be slow, but not as slow as it likes: each piece of what it sends or reads
// has its time. That comes to 4 KiB a second, less than the slowest telephone manages. What
// a handler takes meanwhile does not count.
const (
	piece     = 64 << 10
	pieceTime = 16 * time.Second
)

// draining bounds what is done after an answer to a request whose body was not read to its
// end: what is left of it is read, so that the connection can be used again.
const draining = 2 * time.Second

// A pacedBody is a request's, read at the client's pace while that is no slower than it
// may be.
type pacedBody struct {
	io.ReadCloser
	control *http.ResponseController
	pieces  bool // each piece has its time; otherwise there is one for all

	left  time.Duration // for waiting for the rest of the piece
	bytes int           // of the piece
	ended bool
}

// pace bounds how slowly the client may send the request's body and read its answer. The
// caller calls the function that it returns after the answer.
//
// The body of a long request may take its time, piece by piece; that of any other comes
// within the time of the request, and is no larger than [Limits.Body].
func (s *Server) pace(w *StatusWriter, r *http.Request, long bool) (after func()) {
	w.control, w.long = http.NewResponseController(w.ResponseWriter), long
	if long {
		// The server's own times run from the beginning of the request, and over HTTP/2 it is
		// ended when they are over, even where nothing is read or written. A recorder in a
		// test has no connection to bound, here and below, and says so.
		_ = w.control.SetReadDeadline(time.Time{})
		_ = w.control.SetWriteDeadline(time.Time{})
	}
	body := &pacedBody{ReadCloser: r.Body, control: w.control, pieces: long, left: pieceTime, ended: r.Body == nil || r.Body == http.NoBody}
	if !long {
		body.left = s.Options.Timeout
		body.ReadCloser = http.MaxBytesReader(w.ResponseWriter, r.Body, s.gate.limits.Body)
	}
	if !body.ended {
		r.Body = body
	}
	return func() {
		if !body.ended {
			_ = w.control.SetReadDeadline(time.Now().Add(draining))
		}
		if long {
			_ = w.control.SetWriteDeadline(time.Now().Add(pieceTime))
		}
	}
}

// Read implements [io.Reader].
func (b *pacedBody) Read(p []byte) (int, error) {
	began := time.Now()
	_ = b.control.SetReadDeadline(began.Add(b.left))
	n, err := b.ReadCloser.Read(p)
	b.left -= time.Since(began)
	if b.bytes += n; b.pieces && b.bytes >= piece {
		b.left, b.bytes = pieceTime, 0
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		b.ended = true // the deadline stands: nothing more is read
	case err == io.EOF:
		// From now on the server itself reads, to hear whether the client goes away.
		b.ended = true
		_ = b.control.SetReadDeadline(time.Time{})
	case b.pieces:
		// The handler may take longer than that to read on.
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// write writes an answer at the client's pace while that is no slower than it may be. The
// server's own time for writing does for answers of one piece.
func (w *StatusWriter) write(p []byte) (n int, err error) {
	for {
		part := p[:min(len(p), piece)]
		if w.bytes += len(part); w.bytes > piece && !w.long {
			w.bytes = len(part)
			_ = w.control.SetWriteDeadline(time.Now().Add(pieceTime))
		}
		m, err := w.timed(func() (int, error) { return w.ResponseWriter.Write(part) })
		n, p = n+m, p[m:]
		if err != nil || len(p) == 0 {
			return n, err
		}
	}
}

// FlushError lets [http.ResponseController] send what was written so far.
func (w *StatusWriter) FlushError() error {
	_, err := w.timed(func() (int, error) { return 0, w.control.Flush() })
	return err
}

// timed bounds one act of a long answer, which has no time as a whole.
func (w *StatusWriter) timed(act func() (int, error)) (int, error) {
	if w.long {
		_ = w.control.SetWriteDeadline(time.Now().Add(pieceTime))
		defer func() { _ = w.control.SetWriteDeadline(time.Time{}) }()
	}
	return act()
}
