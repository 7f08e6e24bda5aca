package logstore

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
)

// Compressed is what [Store.Compress] did.
type Compressed struct {
	// Segments is how many sealed segments there are, and Rewritten how many of them were
	// compressed now, and replaced by their next generation.
	Segments, Rewritten int
	// Bytes is by how much those are smaller.
	Bytes int64
}

// String returns what was done in one line, for people.
func (c *Compressed) String() string {
	return fmt.Sprintf("%s of %s compressed; %s", grouped(c.Rewritten), numbered(c.Segments, "segment"), givenBack(c.Bytes))
}

// leastPacked is what a segment must lose by being compressed: reading costs more
// afterwards, which nothing is gained with where most data is compressed or encrypted
// already.
const leastPacked = 0.1

// Compress compresses the sealed segments that are not compressed, one at a time, while
// appends and readings go on, except those that would not become a tenth smaller. What is
// said of [Store.Scavenge] about interruptions, errors and room on the disk goes for it
// too. With [Options.Compress] it is done in the background.
func (s *Store) Compress(ctx context.Context) (*Compressed, error) {
	report := new(Compressed)
	s.rewriting.Lock()
	defer s.rewriting.Unlock()
	if s.isClosed() {
		return report, daybook.ErrClosed
	}
	return report, s.compress(ctx, 0, report)
}

// compress compresses segments from a number on. The caller holds rewriting.
func (s *Store) compress(ctx context.Context, from uint64, report *Compressed) error {
	journal, can := s.journal.(scavenger)
	if !can {
		return errors.New("logstore: the journal of this log replaces no segments")
	}
	return s.eachSealed(ctx, "compress", from, func(_ *view, seg *segment) error {
		report.Segments++
		is, err := seg.isPacked()
		if is || err != nil {
			return err
		}
		next, err := s.rewrite(seg, true, copyFrame)
		if err != nil {
			return s.rewriteError(seg, err)
		}
		if float64(seg.size-next.size) < leastPacked*float64(seg.size) {
			journal.removeGeneration(next.name(), next.indexName())
			if err := next.close(); err != nil {
				return s.rewriteError(seg, err)
			}
			return nil
		}
		if err := s.replace(seg, next); err != nil {
			return s.rewriteError(seg, err)
		}
		report.Rewritten++
		report.Bytes += seg.size - next.size
		return nil
	})
}

// copyFrame leaves a frame as it is: what is before it stays so, too.
func copyFrame(b []byte, _ int64, f frame.Frame, _ uint32) []byte { return append(b, f...) }

// A compression compresses segments in the background, when one was sealed. It has a
// goroutine while there is something to do. The zero value is ready.
type compression struct {
	mu      sync.Mutex
	again   bool
	running bool
	wait    sync.WaitGroup

	from uint64 // the first segment that was not looked at; the goroutine's
}

// compressSoon has what was sealed compressed, if it is to be.
func (s *Store) compressSoon() {
	c := &s.compression
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.again = true; !c.running && !s.isClosed() {
		c.running = true
		c.wait.Go(s.compressSealed)
	}
}

func (s *Store) compressSealed() {
	c := &s.compression
	for {
		c.mu.Lock()
		if !c.again || s.isClosed() {
			c.running = false
			c.mu.Unlock()
			return
		}
		c.again = false
		c.mu.Unlock()

		s.rewriting.Lock()
		last := s.view.Load().endPlace().segment
		err := s.compress(context.Background(), c.from, new(Compressed))
		s.rewriting.Unlock()
		if err == nil {
			c.from = last
		} else if !errors.Is(err, daybook.ErrClosed) {
			s.home.log.Warn("a segment could not be compressed; it is tried again when the next one is sealed", "err", err)
		}
	}
}

// stop returns when nothing is compressed any more. The store is closed.
func (c *compression) stop() {
	c.mu.Lock()
	c.again = false // whoever comes to mu behind this sees that the store is closed
	c.mu.Unlock()
	c.wait.Wait()
}
