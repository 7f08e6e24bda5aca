package decider

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/daybook-es/daybook"
)

// A Plan is one decision, bound to what it is about. Make it with [Decider.At] or
// [Boundary.Within], and run it with [Decide]. It never changes, and may be run any
// number of times and by many goroutines. Running the zero Plan is an
// [*daybook.InvalidError].
type Plan struct {
	about   string
	query   daybook.Query
	begin   func() subject
	final   daybook.Condition
	invalid error
}

// If returns the plan with a condition of the caller's own, such as that a stream
// is still at the version that somebody was shown. It is final: if it does not
// hold, Decide returns a [*daybook.ConflictError] with the clauses that failed and
// does not decide again. It is checked even if the decision returns no facts, but
// not if it refuses: then the refusal is the answer. Several conditions must all
// hold.
func (p Plan) If(cond daybook.Condition) Plan {
	p.final = slices.Concat(p.final, cond)
	return p
}

// About returns what the plan is about: a stream, or the name of a boundary.
func (p Plan) About() string { return p.about }

// read returns the plan's subject with its past folded into it, and the point up to
// which the log was read.
func (p Plan) read(ctx context.Context, store daybook.Store, snapshots snapshots) (subject, daybook.Point, error) {
	subject := p.begin()
	from := snapshots.restore(ctx, subject)
	for stale := false; ; stale = true {
		at, folded, err := p.fold(ctx, store, subject, from)
		if errors.Is(err, errNotThePast) {
			subject, from = p.begin(), daybook.Point{}
			continue
		}
		if err == nil {
			snapshots.keep(ctx, subject, at, folded, stale)
		}
		return subject, at, err
	}
}

// errNotThePast says that what was folded is not the past: that the snapshot is of
// another life of the log, or that something of it was forgotten since.
var errNotThePast = errors.New("decider: what was folded is not the past any more")

// fold folds what was recorded after a point, and returns the point up to which it did
// and how many events there were.
func (p Plan) fold(ctx context.Context, store daybook.Store, subject subject, from daybook.Point) (daybook.Point, int, error) {
	query := p.query
	if !from.IsZero() {
		query = p.orForgotten()
	}
	reading, err := store.Read(ctx, query, daybook.Span{After: from.Position})
	if err != nil {
		return daybook.Point{}, 0, err
	}
	at := reading.Snapshot()
	if from.Precedes(at) != nil {
		return at, 0, errNotThePast
	}
	folded := 0
	for event, err := range reading.Events() {
		if err == nil {
			switch stream, about := daybook.AboutStream(event.Stream); {
			case about && p.mayAskFor(stream):
				return at, folded, errNotThePast
			case about, event.Forgotten && p.query.Yields(event, daybook.Span{}):
				continue // about another stream, or forgotten and asked for by its id
			case event.Forgotten:
				return at, folded, errNotThePast // scavenged since the reading began
			}
			err = subject.fold(event)
		}
		if err != nil {
			return at, folded, fmt.Errorf("decider: fold %s: %w", p.about, err)
		}
		folded++
	}
	return at, folded, nil
}

// orForgotten returns the plan's query and what says that something it selects is
// forgotten.
func (p Plan) orForgotten() daybook.Query {
	for _, it := range p.query {
		if len(it.Streams) == 0 {
			forgets := daybook.Item{Types: []string{daybook.TypeTruncated, daybook.TypeDeleted, daybook.TypeTombstoned}}
			return append(p.query[:len(p.query):len(p.query)], forgets)
		}
	}
	return p.query.Guarded()
}

// mayAskFor reports whether the plan's query may select events of a stream.
func (p Plan) mayAskFor(stream string) bool {
	return slices.ContainsFunc(p.query, func(it daybook.Item) bool {
		return (len(it.Streams) == 0 || slices.Contains(it.Streams, stream)) &&
			(len(it.Categories) == 0 || slices.Contains(it.Categories, daybook.CategoryOf(stream)))
	})
}

// A subject is a state that events are folded into and that is decided on, its type
// forgotten.
type subject interface {
	fold(daybook.Recorded) error
	decided() ([]any, error)
	event(decided any) (daybook.Event, error)
	// key says which cached states are of this subject.
	key() (string, bool)
	state() ([]byte, bool)
	restore(state []byte) bool
}
