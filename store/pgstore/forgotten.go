package pgstore

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/daybook-es/daybook"
)

// horizons are what is forgotten of streams, as far as somebody asked.
type horizons map[string]daybook.Horizon

// asker is whatever answers a question: a pool, a connection or a transaction.
type asker interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// learn adds the horizons of streams as they were at a position.
func (h horizons) learn(ctx context.Context, ask asker, log int32, streams []string, at int64) error {
	about := make([]string, 0, len(streams))
	for _, stream := range streams {
		if _, known := h[stream]; !known {
			h[stream] = daybook.Horizon{}
			about = append(about, daybook.StreamAbout(stream))
		}
	}
	if len(about) == 0 {
		return nil
	}
	rows, err := ask.Query(ctx, aboutSQL, pgx.QueryResultFormats{pgx.BinaryFormatCode}, log, about, at)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		h.add(rows.RawValues())
	}
	return rows.Err()
}

// add adds what a row of about.sql says.
func (h horizons) add(v [][]byte) {
	stream, _ := daybook.AboutStream(string(v[0]))
	h[stream] = h[stream].With(daybook.Recorded{
		Position: daybook.Position(int8Of(v[1])),
		Event:    daybook.Event{Type: string(v[2]), Data: v[3]},
	})
}
