package pgstore

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/daybook-es/daybook"
)

const (
	// queued is how many appends wait beside the group that is being written.
	queued = 4096
	// A group holds up everybody else for as long as it takes to insert, some tens of
	// milliseconds for so much. One append may be larger.
	groupEvents   = 4000
	groupBytes    = 4 << 20
	groupRequests = 1000

	// An attempt that takes longer is given up together with its connection. The server
	// ends what it can end before that: see writer.sql.
	attemptTime = 12 * time.Second
	// How long it is tried to find out whether a group was recorded, once it is no longer
	// tried to record it.
	lookTime = 10 * time.Second
	// From one attempt to the next, doubled each time up to the second.
	firstRetry, lastRetry = 10 * time.Millisecond, time.Second

	// Those who were answered just now are given a moment to hand over their next appends;
	// otherwise half of all would be in each of two groups, and a commit would serve half as
	// many as it could. Whoever appends again at once is back within some 20 µs, unless the
	// machine is busy. It is a quarter of what the last group took at most, and this.
	lingerMost = time.Millisecond
)

// sequence writes what was handed over, group by group, until the store is closed.
func (s *Store) sequence(ctx context.Context) {
	news := make(chan int64, 1)
	s.work(func(ctx context.Context) { s.notify(ctx, news) })
	w := &writer{store: s}
	defer w.hangUp()
	expected, took := 0, time.Duration(0)
	for {
		select {
		case r := <-s.queue:
			if r.taken.Swap(true) {
				continue
			}
			g := s.gather(r, expected, min(took/4, lingerMost))
			begun := time.Now()
			s.write(w, g)
			took = time.Since(begun)
			expected = len(g.requests) + g.waiting
			if g.recorded > 0 {
				s.synced.add(took)
				g.head.position = g.recorded
				s.seen.saw(g.head)
				s.arrivals.stands(g.recorded)
				tell(news, g.recorded)
			}
		case <-ctx.Done():
			return
		}
	}
}

// gather makes a group of a request and of those that wait behind it. If those are fewer
// than were expected it waits for them, at most so long.
func (s *Store) gather(first *request, expected int, linger time.Duration) *group {
	g := &group{requests: []*request{first}}
	events, bytes := len(first.events), first.bytes
	var begun time.Time
	for yields := 0; events < groupEvents && bytes < groupBytes && len(g.requests) < groupRequests; {
		select {
		case r := <-s.queue:
			if !r.taken.Swap(true) {
				g.requests = append(g.requests, r)
				events, bytes = events+len(r.events), bytes+r.bytes
			}
			continue
		default:
		}
		if len(g.requests) >= expected {
			break
		}
		if yields++; yields == 1 {
			begun = time.Now()
		} else if time.Since(begun) > linger {
			break
		}
		runtime.Gosched()
	}
	return g
}

// write records a group and answers its requests. What fails in a way that passes is tried
// again for a while, on a new connection if need be. After that it is only found out what
// became of what was sent.
func (s *Store) write(w *writer, g *group) {
	begun, retry := time.Now(), firstRetry
	for {
		over := time.Since(begun) > s.options.patience || s.closed.Load()
		g.looking = over && g.sent != nil
		err := s.attempt(w, g)
		if err == nil {
			s.health.appending(nil, g.head.behind())
			g.waiting = len(s.queue)
			g.answer()
			return
		}
		w.hangUp()
		if g.sent == nil && len(g.requests) > 1 && ofOne(err) {
			s.divide(w, g)
			return
		}
		s.options.Logger.Warn("pgstore: a group of appends failed", "log", s.where, "err", err, "appends", len(g.requests), "outcome known", g.sent == nil)
		if g.sent == nil && (over || !passes(err)) || time.Since(begun) > s.options.patience+lookTime {
			s.health.appending(err, 0)
			g.fail(s, err)
			return
		}
		time.Sleep(retry)
		retry = min(2*retry, lastRetry)
	}
}

// divide writes the halves of a group one after the other, so that in the end only what
// cannot be written fails.
func (s *Store) divide(w *writer, g *group) {
	half := len(g.requests) / 2
	for _, requests := range [][]*request{g.requests[:half], g.requests[half:]} {
		part := &group{requests: requests}
		if s.write(w, part); part.recorded > 0 {
			g.head, g.recorded = part.head, part.recorded
		}
	}
}

// attempt tries once to record a group, which may have been recorded before.
func (s *Store) attempt(w *writer, g *group) error {
	ctx, cancel := context.WithTimeout(context.Background(), attemptTime)
	defer cancel()
	if err := w.dial(ctx); err != nil {
		return err
	}
	if err := w.prepare(ctx, g); err != nil {
		return err
	}
	err := g.transact(ctx, w)
	if errors.Is(err, errRewound) {
		_, err = s.renew(ctx, w.conn, "it ends before what was recorded in it", s.seen.beyond)
		return errors.Join(errAgain, err)
	}
	return err
}

// errRewound says that the log ends before what this process has seen of it, and errAgain
// that the group is to be tried again.
var (
	errRewound = errors.New("the log ends before what was recorded in it")
	errAgain   = errors.New("it has begun a new incarnation")
)

// passes reports whether something may work when it is tried again: the connection was lost,
// or the server is not there, or broke off what it did for a reason that has nothing to do
// with it. What a class of errors is about is said in appendix A of PostgreSQL's manual.
func passes(err error) bool {
	if errors.Is(err, errRefused) {
		return false
	}
	failed := (*pgconn.PgError)(nil)
	if !errors.As(err, &failed) {
		return true
	}
	switch failed.Code[:2] {
	case "08", // connection
		"25", // a transaction that was ended by a timeout
		"40", // deadlock
		"55", // a lock that could not be had
		"57": // the server goes down, or the statement took too long
		return failed.Code != "25006" // a database that cannot be written
	}
	return failed.Code == "53300" // too many connections
}

// ofOne reports whether an error may be about one append of a group: a value that cannot be
// kept, a row that a constraint or a trigger refuses, a condition that is too much for a
// statement.
func ofOne(err error) bool {
	failed := (*pgconn.PgError)(nil)
	return errors.As(err, &failed) && slices.Contains([]string{"22", "23", "54", "P0"}, failed.Code[:2])
}

// fail answers the requests of a group that was given up.
func (g *group) fail(s *Store, err error) {
	for _, r := range g.requests {
		switch {
		case g.sent != nil && len(r.events) > 0:
			r.answer(daybook.Receipt{}, daybook.Unknown(r.events, fmt.Errorf("append %s: %w", s.where, err)))
		case s.closed.Load():
			r.answer(daybook.Receipt{}, daybook.ErrClosed)
		default:
			r.answer(daybook.Receipt{}, &daybook.UnavailableError{Doing: "append " + s.where, Err: err})
		}
	}
}
