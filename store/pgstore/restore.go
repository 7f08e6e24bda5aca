package pgstore

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/daybook-es/daybook"
)

// Restore implements [daybook.Restorer]. All events that it is given are restored in one
// transaction, or none are; appends wait meanwhile.
func (s *Store) Restore(ctx context.Context, events []daybook.Recorded) error {
	events, err := daybook.PrepareRestored(events, limits)
	if err != nil {
		return err
	}
	if err := s.records(ctx, "restore"); err != nil {
		return err
	}
	if len(events) == 0 {
		return nil
	}
	retry := firstRetry
	for {
		at, err := s.restoreOnce(ctx, events)
		if err == nil {
			s.arrivals.arrived(at)
			_, _ = s.pool.Exec(ctx, notifySQL, s.channel(), fmt.Sprint(at)) // who waits elsewhere finds out in any case
			return nil
		}
		if invalid, is := err.(*daybook.InvalidError); is {
			return invalid
		}
		// What may have been restored is passed over when it is restored again.
		if !passes(err) || retry > lastRetry || !s.pause(ctx, retry) {
			return s.unavailable("restore", err)
		}
		retry *= 2
	}
}

// restoreOnce restores events in a transaction, and returns the head.
func (s *Store) restoreOnce(ctx context.Context, events []daybook.Recorded) (at int64, err error) {
	err = s.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		return pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
			at, err = s.restore(ctx, tx, events)
			return err
		})
	})
	return at, err
}

// restore restores events in a transaction.
func (s *Store) restore(ctx context.Context, tx pgx.Tx, events []daybook.Recorded) (int64, error) {
	// Whoever is stopped in here holds the others up for this long.
	if _, err := tx.Exec(ctx, `set local idle_in_transaction_session_timeout = '2s'`); err != nil {
		return 0, err
	}
	at, err := headOf(tx.QueryRow(ctx, lockSQL, s.number))
	if err != nil {
		return 0, err
	}
	if err := s.synchronous.are(at.synchronous); err != nil {
		return 0, err
	}
	events, err = s.behind(ctx, tx, events, at)
	if err != nil || len(events) == 0 {
		return at.position, err
	}
	if err := s.follow(ctx, tx, events, at); err != nil {
		return 0, err
	}
	about := at.about
	for i := range events {
		if _, is := daybook.AboutStream(events[i].Stream); is {
			about = int64(events[i].Position)
		}
	}
	if err := s.insert(ctx, tx, events); err != nil {
		return 0, err
	}
	last := events[len(events)-1]
	if err := s.synchronous.restore(ctx, tx.Conn(), at.point(), events); err != nil {
		return 0, err
	}
	_, err = tx.Exec(ctx, advanceSQL, s.number, int64(last.Position), last.RecordedAt.UnixNano(), about)
	return int64(last.Position), err
}

// insert inserts events and their tags, so many at a time as fit into a statement. The
// server has a statement whole before it begins with it. Of COPY it has the beginning, and
// waits for the rest as long as the client is there, whatever time it is given.
func (s *Store) insert(ctx context.Context, tx pgx.Tx, events []daybook.Recorded) error {
	for len(events) > 0 {
		n, bytes := 0, 0
		for n < len(events) && n < groupEvents && bytes < groupBytes {
			bytes += events[n].Size()
			n++
		}
		columns, tags := restoredColumns(events[:n])
		if _, err := tx.Exec(ctx, restoreSQL, append([]any{s.number}, columns...)...); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, tagSQL, s.number, tags.hashes, tags.positions); err != nil {
			return err
		}
		events = events[n:]
	}
	return nil
}

// behind returns the events behind the head. Those at or before it must be in the log.
func (s *Store) behind(ctx context.Context, tx pgx.Tx, events []daybook.Recorded, at head) ([]daybook.Recorded, error) {
	var positions []int64
	for _, e := range events {
		if int64(e.Position) > at.position {
			break
		}
		positions = append(positions, int64(e.Position))
	}
	if len(positions) == 0 {
		return events, nil
	}
	rows, err := tx.Query(ctx, heldSQL, pgx.QueryResultFormats{pgx.BinaryFormatCode}, s.number, positions)
	if err != nil {
		return nil, err
	}
	held, err := collect(rows)
	if err != nil {
		return nil, err
	}
	digests := make(map[daybook.Position][32]byte, len(held))
	for _, e := range held {
		digests[e.Position] = e.Digest()
	}
	for _, e := range events[:len(positions)] {
		if digest, is := digests[e.Position]; !is || digest != e.Digest() {
			return nil, daybook.NotRestorable(e, "is not what the log has there")
		}
	}
	return events[len(positions):], nil
}

// follow returns an error if an event cannot be recorded behind the log as it is.
func (s *Store) follow(ctx context.Context, tx pgx.Tx, events []daybook.Recorded, at head) error {
	var ids [][16]byte
	var streams, about []string
	for _, e := range events {
		ids = append(ids, e.ID)
		if e.Stream != "" {
			streams = append(streams, e.Stream)
		}
	}
	streams = distinct(streams)
	for _, stream := range streams {
		about = append(about, daybook.StreamAbout(stream))
	}
	g := group{byID: make(map[uuid.UUID]placed), streams: make(map[string]daybook.StreamState)}
	forgotten := make(horizons)
	for _, question := range []struct {
		text string
		args []any
		hear func(values [][]byte)
	}{
		{idsSQL, []any{s.number, ids}, g.hearID},
		{streamsSQL, []any{s.number, streams}, g.hearStream},
		{aboutSQL, []any{s.number, about, at.position}, forgotten.add},
	} {
		rows, err := tx.Query(ctx, question.text, append([]any{pgx.QueryResultFormats{pgx.BinaryFormatCode}}, question.args...)...)
		if err != nil {
			return err
		}
		for rows.Next() {
			question.hear(rows.RawValues())
		}
		if err := rows.Err(); err != nil {
			return err
		}
	}
	last := time.Time{}
	if at.stamp != noTime {
		last = timeOf(at.stamp)
	}
	for _, e := range events {
		if !last.IsZero() && !e.RecordedAt.After(last) {
			return daybook.NotRestorable(e, "was recorded no later than what the log ends with")
		}
		if before, is := g.byID[e.ID]; is {
			return daybook.NotRestorable(e, fmt.Sprintf("has the id of position %d", before.Position))
		}
		if state := g.streams[e.Stream]; e.Stream != "" && e.Version <= state.Version {
			return daybook.NotRestorable(e, fmt.Sprintf("has version %d, and its stream is at %d", e.Version, state.Version))
		}
		if tombstoned := forgotten[e.Stream].Tombstoned; e.Stream != "" && tombstoned > 0 {
			return daybook.NotRestorable(e, fmt.Sprintf("is in a stream that was tombstoned at position %d", tombstoned))
		}
	}
	return nil
}
