package projection

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// An Aside refers to an event that a view could not apply, or that waits behind such an
// event because it has a key in common with it. All other events go on. It is a
// reference: the event itself stays in the log and nowhere else. If it is forgotten
// there, it is taken off the list without being applied; to keep it from being scavenged,
// do not scavenge while something is set aside.
type Aside struct {
	// Part is the part of the view that the event belongs to.
	Part int `json:"part"`
	// Position and EventID say which event, and Type what it says.
	Position daybook.Position `json:"position"`
	EventID  uuid.UUID        `json:"event_id"`
	Type     string           `json:"type"`
	// RecordedAt is when it was recorded: the same for all events of an append.
	RecordedAt time.Time `json:"recorded_at"`
	// Keys are the event's keys.
	Keys []string `json:"keys"`
	// Cause is what the handler said when it was last given the event, and Attempts how
	// often it was. They are empty for an event that follows another.
	Cause    string `json:"cause,omitempty"`
	Attempts int    `json:"attempts"`
	// Since is when it was set aside, by the clock of the runner that did.
	Since time.Time `json:"since"`
	// Next is when a runner is to try it again by itself. It is zero if none does: for a
	// follower, and for an event that was tried often enough.
	Next time.Time `json:"next,omitzero"`
}

// Follows reports whether the event was never tried, because it follows another.
func (a Aside) Follows() bool { return a.Attempts == 0 }

// A Skip is an event that somebody decided to do without.
type Skip struct {
	// EventID and Position say which event.
	EventID  uuid.UUID        `json:"event_id"`
	Position daybook.Position `json:"position"`
	// Reason is why, as whoever decided it said.
	Reason string `json:"reason"`
	// At is when, by the clock of the runner that was told.
	At time.Time `json:"at"`
}

// A SetAsideError reports an event that a view has not applied, because it is set aside:
// see [Runner.Retry] and [Runner.Skip].
type SetAsideError struct {
	// Name and Version say which projection.
	Name    string
	Version int
	// Aside is the event: where several are set aside, the first.
	Aside Aside
	// Err is what its handler returned, if this program has seen it.
	Err error
}

func (e *SetAsideError) Error() string {
	text := fmt.Sprintf("projection %s version %d: %s at position %d is set aside", e.Name, e.Version, e.Aside.Type, e.Aside.Position)
	if e.Aside.Follows() {
		return text + fmt.Sprintf(": it follows another of %q that cannot be applied", e.Aside.Keys)
	}
	return text + ": " + e.Aside.Cause
}

// Unwrap returns what the handler returned, if this program has seen it.
func (e *SetAsideError) Unwrap() error { return e.Err }

func (r *Runner) setAsideError(a Aside) *SetAsideError {
	return &SetAsideError{Name: r.view.Name(), Version: r.view.Version(), Aside: a}
}

// queue is what is set aside of a part, in order of position.
type queue []Aside

// keySet is a set of keys.
type keySet map[string]bool

func (s keySet) hasAny(keys []string) bool {
	return slices.ContainsFunc(keys, func(key string) bool { return s[key] })
}

func (s keySet) add(keys []string) {
	for _, key := range keys {
		s[key] = true
	}
}

// keys returns all keys whose events are set aside, and that hold up the next ones.
func (q queue) keys() keySet {
	keys := keySet{}
	for _, a := range q {
		keys.add(a.Keys)
	}
	return keys
}

// ready returns those that can be tried now, in order: the failed ones that due accepts,
// and the followers of nothing that stays.
func (q queue) ready(due func(Aside) bool) []Aside {
	var ready []Aside
	held := keySet{}
	for _, a := range q {
		if held.hasAny(a.Keys) || !a.Follows() && !due(a) {
			held.add(a.Keys)
			continue
		}
		ready = append(ready, a)
	}
	return ready
}

// next returns when the first of them is to be tried again; the zero time if none is.
func (q queue) next() (next time.Time) {
	held := keySet{}
	for _, a := range q {
		if !held.hasAny(a.Keys) && !a.Next.IsZero() && (next.IsZero() || a.Next.Before(next)) {
			next = a.Next
		}
		held.add(a.Keys)
	}
	return next
}

// waiting returns those that somebody has to decide about, and those that follow one of
// them: no runner tries them by itself.
func (q queue) waiting() []Aside {
	var waiting []Aside
	held := keySet{}
	for _, a := range q {
		if held.hasAny(a.Keys) || !a.Follows() && a.Next.IsZero() {
			held.add(a.Keys)
			waiting = append(waiting, a)
		}
	}
	return waiting
}

// with returns the queue after a change.
func (q queue) with(c Change) queue {
	gone := make(map[daybook.Position]bool, len(c.TakenUp)+len(c.SetAside))
	for _, position := range c.TakenUp {
		gone[position] = true
	}
	for _, a := range c.SetAside {
		gone[a.Position] = true
	}
	q = slices.DeleteFunc(slices.Clone(q), func(a Aside) bool { return gone[a.Position] })
	q = append(q, c.SetAside...)
	slices.SortFunc(q, byPosition)
	return q
}

func byPosition(a, b Aside) int { return cmp.Compare(a.Position, b.Position) }

// causeOf returns what is kept of the error that an event was set aside with.
func causeOf(err error) string {
	if failed := (*EventError)(nil); errors.As(err, &failed) {
		err = failed.Err
	}
	const most = 1000 // bytes: enough to know it by, and the log has the rest
	text := err.Error()
	if len(text) > most {
		text = text[:most] + " …"
	}
	return text
}
