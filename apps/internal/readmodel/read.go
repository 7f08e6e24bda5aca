package readmodel

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/sqlview"
)

// A Standing says how far the read model has come that is asked, and which it is.
type Standing struct {
	projection.Checkpoint
	Edition int
}

// Tag names all that the read model shows: as long as it is the same, so is the answer to
// every question. It suits an ETag, without the quotes.
//
// The last event applied would do, but for events that had been set aside: these are
// applied later than others after them.
func (s Standing) Tag(version int) string {
	return fmt.Sprintf("%d-%d.%s.v%d.e%d", s.Applied, s.Events, s.Incarnation, version, s.Edition)
}

// An answer is what a question found out, as an error: whatever is one comes from what was
// asked, and not from the database.
type answer struct{ error }

func (a answer) Unwrap() error { return a.error }

// Answer marks an error that says what was found, such as that there is no such thing.
// Whatever else look returns is looked into: see [Keeper.Read].
func Answer(err error) error { return answer{err} }

// Read asks the read model that answers. All questions of look are about one moment; it may
// be called several times. While the read model cannot be asked the error is an [*AwayError];
// it is found to be away if look fails with an error that is no [Answer].
//
// What was shown once is shown for as long as the keeper lives: a database that has lost what
// it did last, as PostgreSQL may in a crash, cannot be asked until it has caught up with that.
func (k *Keeper) Read(ctx context.Context, look func(rows *sqlview.Reader, at Standing) error) error {
	for tries := 1; ; tries++ {
		open, away, _ := k.state()
		if away != nil {
			return away
		}
		view, answers := open.Answering()
		if !answers {
			return k.isAway()
		}
		err := view.Read(ctx, func(rows *sqlview.Reader, at projection.Checkpoint) error {
			if err := k.shown.behind(at.Point); err != nil {
				return answer{err}
			}
			err := look(rows, Standing{at, view.Edition()})
			if err == nil {
				k.shown.note(at.Point)
			}
			return err
		})
		said := answer{}
		switch {
		case err == nil:
			return nil
		case errors.As(err, &said):
			if k.shown.follow(ctx, said.error, open) {
				tries-- // it shows as much now
				continue
			}
			return said.error
		case ctx.Err() != nil:
			return err
		}
		// Was the edition switched, is the database away, or is it the question?
		if now, still := open.Answering(); still && now == view {
			if missing := k.missing(ctx, view); missing != nil {
				k.lost(open, missing)
				return missing
			}
		}
		if tries == attempts {
			return asAway(err) // what is being dropped, or ends a deadlock, is there and fails
		}
	}
}

// attempts is how often Read looks: an edition may be closed while it does, because another
// takes its place, and so may a connection that the database has ended.
const attempts = 3

// What was shown is the newest point that anybody was shown. The zero value is none.
type shown struct {
	mu sync.Mutex
	at daybook.Point
	// until is when nobody waits any more for as much to be shown again; zero while it is.
	until time.Time
}

// note notes that a point was shown. That of another life of the log counts from then on.
func (s *shown) note(at daybook.Point) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.until = time.Time{}
	if !s.at.SameLife(at) || at.Position > s.at.Position {
		s.at = at
	}
}

// A behindError reports that less is to be seen than was shown.
type behindError struct{ *AwayError }

func (e *behindError) Unwrap() error { return e.AwayError }

// behind returns a [*behindError] if less is to be seen at a point than was shown.
func (s *shown) behind(at daybook.Point) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at.IsZero() || at.Position >= s.at.Position || !at.IsZero() && !s.at.SameLife(at) {
		return nil
	}
	return &behindError{&AwayError{Since: time.Now(), Building: true, Progress: float64(at.Position) / float64(s.at.Position)}}
}

// following is how long whoever asks waits for an edition to show as much as was shown: one
// that has just taken the place of another lacks a few events, for some milliseconds.
const following = 500 * time.Millisecond

// follow waits until as much is shown as was, if that is what the error is about, and
// reports whether it is. Nobody waits long: one that has lost more takes its time.
func (s *shown) follow(ctx context.Context, err error, open *opened) bool {
	if behind := (*behindError)(nil); !errors.As(err, &behind) {
		return false
	}
	s.mu.Lock()
	if s.until.IsZero() {
		s.until = time.Now().Add(following)
	}
	at, until := s.at, s.until
	s.mu.Unlock()
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	_, err = open.Wait(ctx, at)
	return err == nil
}

// missing returns why a view cannot be asked, nil if it can.
func (k *Keeper) missing(ctx context.Context, view *sqlview.View) *AwayError {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	gone, err := view.Gone(ctx)
	if !gone && err == nil {
		return nil
	}
	return &AwayError{Since: time.Now(), Building: gone, Err: err}
}

// lost notes that the read model is away, before it is looked next.
func (k *Keeper) lost(open *opened, away *AwayError) {
	if k.has(open) {
		k.set(open, away)
	}
}

// Wait returns when the read model that answers shows everything up to a point. While it
// cannot be asked the error is an [*AwayError].
func (k *Keeper) Wait(ctx context.Context, token daybook.Point) error {
	for {
		open, away, changed := k.state()
		if away != nil {
			return away
		}
		waiting, stop := context.WithCancel(ctx)
		go func() {
			select {
			case <-changed:
				stop()
			case <-waiting.Done():
			}
		}()
		view, err := open.Wait(waiting, token)
		stop()
		select {
		case <-changed:
			continue
		default:
		}
		foreign, aside := (*daybook.LifeError)(nil), (*projection.SetAsideError)(nil)
		if err == nil || ctx.Err() != nil || errors.As(err, &foreign) || errors.As(err, &aside) {
			return err
		}
		if now, still := open.Answering(); !still || now != view {
			continue // another answers, and this one may have been removed
		}
		if missing := k.missing(ctx, view); missing != nil {
			k.lost(open, missing)
			return missing
		}
		return err
	}
}

// Status says where the read model stands that answers, or will. While nothing is open the
// error is an [*AwayError].
func (k *Keeper) Status(ctx context.Context) (projection.Status, error) {
	for {
		open, away, _ := k.state()
		if open == nil {
			return projection.Status{}, away
		}
		view, answers := open.Answering()
		if !answers {
			view = open.Views()[0]
		}
		runner := open.Runner(view)
		if runner == nil {
			continue // it was removed meanwhile, and another answers
		}
		status, err := runner.Status(ctx)
		if err == nil || ctx.Err() != nil || k.has(open) && open.Runner(view) != nil {
			return status, err
		}
	}
}

// Standing returns how far the read model has come that answers. It was so at a moment
// after Standing was called; however many ask at once, the database is asked about once.
func (k *Keeper) Standing(ctx context.Context) (Standing, error) { return k.standing.get(ctx) }

// standings ask where the read model stands for everybody who wants to know.
type standings struct {
	keeper *Keeper

	mu   sync.Mutex
	busy bool     // whether the database is being asked
	next *whereat // what those wait for who came since; nil if nobody did
}

// A whereat is one answer that several wait for.
type whereat struct {
	done chan struct{}
	at   Standing
	err  error
}

// get returns an answer to a question that is asked from now on: one that is under way may
// be about a moment before.
func (s *standings) get(ctx context.Context) (Standing, error) {
	s.mu.Lock()
	if s.next == nil {
		s.next = &whereat{done: make(chan struct{})}
	}
	mine := s.next
	if !s.busy {
		s.busy = true
		s.next = nil
		s.mu.Unlock()
		s.ask(mine)
	} else {
		s.mu.Unlock()
	}
	select {
	case <-mine.done:
		return mine.at, mine.err
	case <-ctx.Done():
		return Standing{}, ctx.Err()
	}
}

// ask asks for those who wait, and has somebody else ask for those who came meanwhile.
func (s *standings) ask(w *whereat) {
	ctx, cancel := context.WithTimeout(context.Background(), lookWithin)
	defer cancel()
	w.err = s.keeper.Read(ctx, func(_ *sqlview.Reader, at Standing) error {
		w.at = at
		return nil
	})
	if away := (*AwayError)(nil); ctx.Err() != nil && !errors.As(w.err, &away) {
		w.err = asAway(w.err) // a database that does not answer is as good as none
	}
	close(w.done)
	s.mu.Lock()
	next := s.next
	s.next = nil
	s.busy = next != nil
	s.mu.Unlock()
	if next != nil {
		go s.ask(next)
	}
}
