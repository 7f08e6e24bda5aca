package pgstore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/daybook-es/daybook"
)

// A group is the appends that are written in one transaction.
type group struct {
	requests []*request

	waiting int // how many were in the queue when these were answered

	// What the database answered, once the head is locked.
	head    head
	lasting [3]string // the settings that say which commits last
	byID    map[uuid.UUID]placed
	streams map[string]daybook.StreamState
	newest  [][]int64 // of each request's searches
	plan    *plan
	// sent is the plan that was sent with a commit of which it is not known whether it was
	// carried out.
	sent *plan
	// looking is set when nothing more is to be sent, but only to be found out.
	looking  bool
	recorded int64 // the head, if the group moved it
}

// A placed event is what an append must know of an event that is recorded, or will be by
// one before it in the group.
type placed struct {
	daybook.Recorded
}

// transact checks the group and records it, in one transaction and two journeys. If it
// returns nil the answers are those of the plan, and hold. Otherwise nothing was recorded,
// unless sent says that it may be.
func (g *group) transact(ctx context.Context, w *writer) error {
	if err := g.ask(ctx, w); err != nil {
		return err
	}
	if w.store.seen.beyond(g.head) {
		return errors.Join(errRewound, g.end(ctx, w))
	}
	if g.sent != nil {
		// Whoever has the lock knows that the transaction of the attempt before has ended. If
		// it was kept, its first event is where the plan had it.
		first := g.sent.events[0]
		if found, is := g.byID[first.ID]; is && found.Position == first.Position && found.RecordedAt.Equal(first.RecordedAt) {
			g.plan = g.sent
			g.recorded = g.sent.at
			return g.end(ctx, w)
		}
		g.sent = nil
	}
	if g.looking {
		return errors.Join(errUndone, g.end(ctx, w))
	}
	if err := w.store.synchronous.are(g.head.synchronous); err != nil {
		return errors.Join(err, g.end(ctx, w))
	}
	if err := w.store.promise(g.lasting[0], g.lasting[1], g.lasting[2]); err != nil {
		return errors.Join(err, g.end(ctx, w))
	}
	if err := g.decide(ctx, w); err != nil {
		return err
	}
	if len(g.plan.events) == 0 {
		return g.end(ctx, w)
	}
	if err := w.store.synchronous.move(ctx, w.conn, g.life(), g.here(), g.plan.events); err != nil {
		return err
	}
	return g.record(ctx, w)
}

// errUndone says that a transaction whose outcome was not known was undone, in the end.
var errUndone = errors.New("the connection was lost, and what was sent on it is not recorded")

// ask begins the transaction, locks the head, and asks all that the group has to know.
func (g *group) ask(ctx context.Context, w *writer) error {
	var ids [][16]byte
	names := make(map[string]bool)
	for _, r := range g.requests {
		for i := range r.events {
			ids = append(ids, r.events[i].ID)
			names[r.events[i].Stream] = true
		}
		for i := range r.cond {
			names[r.cond[i].Stream] = true
		}
	}
	delete(names, "")
	var streams, about []string
	for name := range names {
		streams, about = append(streams, name), append(about, daybook.StreamAbout(name))
	}

	number := w.store.number
	j := w.journey(ctx)
	j.send(beginSQL)
	j.send(lockSQL, number)
	j.send(durabilitySQL)
	if len(ids) > 0 {
		j.send(idsSQL, number, ids)
	}
	if len(streams) > 0 {
		j.send(streamsSQL, number, streams)
		j.send(aboutSQL, number, about, within(^daybook.Position(0)))
	}
	for _, r := range g.requests {
		for _, search := range r.searches {
			j.send(search.text, append([]any{number, search.after, within(^daybook.Position(0)), int64(1)}, search.args...)...)
		}
	}
	if err := j.depart(); err != nil {
		return j.failed(err)
	}
	if err := g.hear(j, len(ids) > 0, len(streams) > 0); err != nil {
		return j.failed(err)
	}
	g.head.clock = w.store.clock(g.head.clock)
	return j.end()
}

// hear reads the answers to what was asked.
func (g *group) hear(j *journey, ids, streams bool) error {
	g.byID = make(map[uuid.UUID]placed)
	g.streams = make(map[string]daybook.StreamState)
	g.newest = make([][]int64, len(g.requests))
	if _, err := j.answer(nil); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	locked := false
	if _, err := j.answer(func(v [][]byte) {
		locked = true
		g.head = head{
			log: uuid.UUID(v[0]), incarnation: uuid.UUID(v[1]), position: int8Of(v[2]), stamp: int8Of(v[3]),
			known: int8Of(v[4]), about: int8Of(v[5]), origin: string(v[6]), synchronous: string(v[7]), clock: int8Of(v[8]),
		}
	}); err != nil {
		return fmt.Errorf("lock the head: %w", err)
	}
	if !locked {
		return fmt.Errorf("%w: the log is gone", errRefused)
	}
	if _, err := j.answer(func(v [][]byte) { g.lasting = [3]string{string(v[0]), string(v[1]), string(v[2])} }); err != nil {
		return fmt.Errorf("ask for the durability: %w", err)
	}
	if ids {
		if _, err := j.answer(g.hearID); err != nil {
			return fmt.Errorf("look for ids: %w", err)
		}
	}
	if streams {
		if _, err := j.answer(g.hearStream); err != nil {
			return fmt.Errorf("look at streams: %w", err)
		}
		forgotten := make(horizons)
		if _, err := j.answer(forgotten.add); err != nil {
			return fmt.Errorf("look at what is forgotten: %w", err)
		}
		for stream, horizon := range forgotten {
			state := g.streams[stream]
			state.Horizon = horizon
			g.streams[stream] = state
		}
	}
	for i, r := range g.requests {
		for range r.searches {
			newest := int64(0)
			if _, err := j.answer(func(v [][]byte) {
				if len(v[0]) == 8 {
					newest = int8Of(v[0])
				}
			}); err != nil {
				return fmt.Errorf("check a condition: %w", err)
			}
			g.newest[i] = append(g.newest[i], newest)
		}
	}
	return nil
}

// hearID takes note of an event whose id an append has.
func (g *group) hearID(v [][]byte) {
	e := placed{daybook.Recorded{Position: daybook.Position(int8Of(v[1])), RecordedAt: timeOf(int8Of(v[5]))}}
	e.ID, e.Stream = uuid.UUID(v[0]), string(v[2])
	if len(v[3]) == 8 {
		e.Version = daybook.Version(int8Of(v[3]))
	}
	if e.Type = string(v[4]); len(v[6]) == 2 {
		hash, _ := hashOf(e.Type) // of a row that is damaged no append is a repeat
		e.Type, e.Stub = "", &daybook.Stub{TypeHash: hash}
	}
	g.byID[e.ID] = e
}

// hearStream takes note of how a stream stands that an append is about.
func (g *group) hearStream(v [][]byte) {
	g.streams[string(v[0])] = daybook.StreamState{Version: daybook.Version(int8Of(v[1])), Newest: daybook.Position(int8Of(v[2]))}
}

// record writes what was decided, and commits. This is the whole of what a group changes.
func (g *group) record(ctx context.Context, w *writer) error {
	columns, tags := columnsOf(g.plan.events)
	number := w.store.number
	j := w.journey(ctx)
	j.send(recordSQL, append([]any{number}, columns...)...)
	if len(tags.hashes) > 0 {
		j.send(tagSQL, number, tags.hashes, tags.positions)
	}
	j.send(advanceSQL, number, g.plan.at, g.plan.stamp, g.plan.about)
	statements := []string{"record events", "advance the head"}
	if len(tags.hashes) > 0 {
		statements = slices.Insert(statements, 1, "record tags")
	}
	j.send(commitSQL)
	if j.err != nil { // it could not be encoded, and nothing was sent
		return j.failed(j.err)
	}
	g.sent = g.plan
	if err := j.depart(); err != nil {
		return j.failed(err)
	}
	for _, what := range statements {
		if _, err := j.answer(nil); err != nil {
			err = fmt.Errorf("%s: %w", what, err)
			if answered(err) { // and so it is undone, whatever comes of the commit
				g.sent = nil
			}
			return j.failed(err)
		}
	}
	tag, err := j.answer(nil)
	switch {
	case err == nil && tag.String() == "COMMIT":
		g.sent = nil
		g.recorded = g.plan.at
		if err := j.end(); err != nil {
			w.hangUp() // it is kept all the same
		}
		return nil
	case err == nil:
		g.sent = nil
		err = fmt.Errorf("commit: the transaction was undone, and the answer is %s", tag)
	case undone(err):
		g.sent = nil
	}
	return j.failed(fmt.Errorf("commit: %w", err))
}

// answered reports whether an error is what the server said to a statement, which then failed.
func answered(err error) bool {
	failed := (*pgconn.PgError)(nil)
	return errors.As(err, &failed)
}

// undone reports whether an error of a commit says that the transaction was undone. One
// that ends the connection does not: the server may have been told to go down after it had
// kept the transaction, and before it said so.
func undone(err error) bool {
	failed := (*pgconn.PgError)(nil)
	return errors.As(err, &failed) && failed.SeverityUnlocalized == "ERROR"
}

// end ends a transaction that changes nothing. The answers rest on what is committed.
func (g *group) end(ctx context.Context, w *writer) error {
	j := w.journey(ctx)
	j.send(commitSQL)
	if err := j.depart(); err != nil {
		return j.failed(err)
	}
	_, err := j.answer(nil)
	return errors.Join(err, j.end())
}

// answer answers all requests as was planned.
func (g *group) answer() {
	for i, r := range g.requests {
		r.answer(g.plan.receipts[i], g.plan.errs[i])
	}
}
