package pgstore

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/daybook-es/daybook"
)

// A batch of events that are scavenged is read, hashed and written in a transaction of its
// own, so that it holds nobody up.
const scavengeBatch = 500

// Scavenge replaces what is forgotten by stubs, and returns how many events it made stubs
// of. Appends and readings go on meanwhile; readings that were begun before show what they
// did, and stubs from now on. It may be called by several processes at once, and again
// after an error: what was done is done.
//
// PostgreSQL gives the space back when it vacuums the table, and keeps what was there in
// its log and in backups for as long as these are kept.
//
// The error is [daybook.ErrClosed] or a [*daybook.UnavailableError].
func (s *Store) Scavenge(ctx context.Context) (events int, err error) {
	if err := s.records(ctx, "scavenge"); err != nil {
		return 0, err
	}
	at, err := s.head(ctx)
	if err != nil {
		return 0, s.unavailable("scavenge", err)
	}
	for last := daybook.StreamAbout(""); ; {
		abouts, err := s.abouts(ctx, last)
		if err != nil {
			return events, s.unavailable("scavenge", err)
		}
		if len(abouts) == 0 {
			return events, nil
		}
		for _, about := range abouts {
			stream, _ := daybook.AboutStream(about)
			n, err := s.scavengeStream(ctx, stream, at)
			if events += n; err != nil {
				return events, s.unavailable("scavenge", err)
			}
		}
		last = abouts[len(abouts)-1]
	}
}

// abouts returns some of the streams about streams, in order of name, after one of them.
func (s *Store) abouts(ctx context.Context, after string) ([]string, error) {
	rows, err := s.pool.Query(ctx, aboutsSQL, s.number, after)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// scavengeStream leaves stubs of what is forgotten of one stream.
func (s *Store) scavengeStream(ctx context.Context, stream string, at head) (events int, err error) {
	hidden := make(horizons)
	if err := hidden.learn(ctx, s.pool, s.number, []string{stream}, at.position); err != nil {
		return 0, err
	}
	horizon := hidden[stream]
	// What is hidden stands before what hides it.
	for low, high := int64(0), int64(horizon.Newest); low < high; {
		rows, err := s.pool.Query(ctx, wholeSQL, pgx.QueryResultFormats{pgx.BinaryFormatCode}, s.number, stream, low, high, scavengeBatch)
		if err != nil {
			return events, err
		}
		read, err := collect(rows)
		if err != nil || len(read) == 0 {
			return events, err
		}
		low = int64(read[len(read)-1].Position)
		n, err := s.leaveStubs(ctx, read, horizon)
		if events += n; err != nil {
			return events, err
		}
	}
	return events, nil
}

// leaveStubs replaces those events by stubs that are hidden.
func (s *Store) leaveStubs(ctx context.Context, events []row, horizon daybook.Horizon) (int, error) {
	var (
		positions   []int64
		types, tags []string
		digests     [][]byte
	)
	for _, e := range events {
		if !horizon.Hides(e.Version, e.Position) {
			continue
		}
		stub := e.AsStub().Stub
		positions, types = append(positions, int64(e.Position)), append(types, hashed(stub.TypeHash))
		tags, digests = append(tags, arrayOf(hashes(stub))), append(digests, stub.Digest[:])
	}
	if len(positions) == 0 {
		return 0, nil
	}
	done, err := s.pool.Exec(ctx, scavengeSQL, s.number, positions, types, tags, digests)
	return int(done.RowsAffected()), err
}

// hashes returns what stands for the tags of a stub.
func hashes(stub *daybook.Stub) []string {
	hashes := make([]string, len(stub.TagHashes))
	for i, hash := range stub.TagHashes {
		hashes[i] = hashed(hash)
	}
	return hashes
}

// collect reads whole events.
func collect(rows pgx.Rows) ([]row, error) {
	defer rows.Close()
	var events []row
	known := make(names)
	for rows.Next() {
		e, err := eventOf(rows.RawValues(), known)
		if err != nil {
			return nil, err
		}
		events = append(events, e)
	}
	return events, rows.Err()
}
