package pgstore

import (
	"context"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/daybook-es/daybook"
)

// noTime is how a time that there is not is kept: the lowest value, which is below all.
const noTime = math.MinInt64

// A head is the row of a log.
type head struct {
	log, incarnation uuid.UUID
	position         int64
	stamp            int64 // of the newest event
	known            int64 // nothing is recorded at that time, or before it, any more
	about            int64 // position of the newest event about a stream; zero if nothing is forgotten
	origin           string
	synchronous      string // the read models that are changed by whoever appends
	clock            int64  // the time of the server when the row was read
}

// point returns the newest point of the log.
func (h head) point() daybook.Point {
	return daybook.Point{Log: h.log, Incarnation: h.incarnation, Position: daybook.Position(h.position)}
}

// latest returns the time that the next stamp must be above.
func (h head) latest() int64 { return max(h.stamp, h.known) }

// behind returns by how much the clock is behind the last stamp.
func (h head) behind() time.Duration {
	if h.latest() <= h.clock {
		return 0
	}
	return time.Duration(h.latest() - h.clock)
}

// headOf reads the row that a statement returns.
func headOf(row pgx.Row) (h head, err error) {
	var log, incarnation [16]byte
	err = row.Scan(&log, &incarnation, &h.position, &h.stamp, &h.known, &h.about, &h.origin, &h.synchronous, &h.clock)
	h.log, h.incarnation = log, incarnation
	return h, err
}

// head reads the head of the log.
func (s *Store) head(ctx context.Context) (head, error) {
	var h head
	err := s.persist(ctx, func() (err error) {
		h, err = headOf(s.pool.QueryRow(ctx, headSQL, s.number))
		return err
	})
	h.clock = s.clock(h.clock)
	if err == nil {
		s.seen.saw(h)
	}
	return h, err
}

// clock returns the time by which events are recorded, when the server's clock shows one.
func (s *Store) clock(server int64) int64 {
	if s.options.clock != nil {
		return s.options.clock().UnixNano()
	}
	return server
}

// timeOf returns a time that was kept.
func timeOf(nanoseconds int64) time.Time { return time.Unix(0, nanoseconds).UTC() }
