package history

import (
	"errors"
	"fmt"
	"slices"
	"sort"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// mostViolations is how many violations are reported: one mistake of a store breaks
// a rule a thousand times.
const mostViolations = 10

// Check holds the history against the log: every event of the store, forgotten or not,
// read after the last client was done, of a store that was empty when the recorder
// began. It
// returns an error that names what the store should not have answered:
//
//   - the log itself is sound: positions and versions without gaps, ids once, times
//     that do not fall, no stream that goes on behind its tombstone;
//   - what was acknowledged is there, with the same bytes, position and version;
//   - an append is there whole or not at all, its events next to each other;
//   - what was refused is not there;
//   - a condition that was taken held where its append was recorded;
//   - every conflict is explained by events that are there;
//   - nothing is there that nobody appended;
//   - a reading is a part of the log: what its query selects up to its snapshot and was
//     not forgotten by then, nothing that later vanished or changed;
//   - what was answered before a question was asked counts in its answer;
//   - a follower saw every event once and in order, unless it was forgotten.
func (h History) Check(log []daybook.Recorded) error {
	c := newChecker(log)
	c.checkLog()
	c.checkInvented(h.Appends)
	for i := range h.Appends {
		c.checkAppend(&h.Appends[i])
	}
	for i := range h.Reads {
		c.checkRead(&h.Reads[i])
	}
	c.checkOrder(h)
	for _, s := range h.Followings {
		c.compareFollowed(s)
	}
	return c.verdict()
}

// A checker holds a log and what was found wrong.
type checker struct {
	log        []daybook.Recorded
	at         map[uuid.UUID]int             // index into log
	streams    map[string][]int              // indices into log
	about      map[string][]daybook.Recorded // what is recorded about each stream
	selections map[string][]int
	violations []string
	more       int
}

func newChecker(log []daybook.Recorded) *checker {
	c := &checker{
		log:        log,
		at:         make(map[uuid.UUID]int, len(log)),
		streams:    make(map[string][]int),
		about:      make(map[string][]daybook.Recorded),
		selections: make(map[string][]int),
	}
	for i, e := range log {
		if before, twice := c.at[e.ID]; twice {
			c.violation("event %s is recorded at positions %d and %d", e.ID, log[before].Position, e.Position)
		}
		c.at[e.ID] = i
		if e.Stream != "" {
			c.streams[e.Stream] = append(c.streams[e.Stream], i)
		}
		if stream, about := daybook.AboutStream(e.Stream); about {
			c.about[stream] = append(c.about[stream], e)
		}
	}
	return c
}

func (c *checker) violation(format string, args ...any) {
	if len(c.violations) == mostViolations {
		c.more++
		return
	}
	c.violations = append(c.violations, fmt.Sprintf(format, args...))
}

func (c *checker) verdict() error {
	var errs []error
	for _, v := range c.violations {
		errs = append(errs, errors.New(v))
	}
	if c.more > 0 {
		errs = append(errs, fmt.Errorf("and %d violations more", c.more))
	}
	return errors.Join(errs...)
}

// checkLog looks at the log alone.
func (c *checker) checkLog() {
	versions := make(map[string]daybook.Version)
	for i, e := range c.log {
		if e.Position != daybook.Position(i+1) {
			c.violation("event %d of the log is at position %d", i+1, e.Position)
		}
		want := daybook.Version(0)
		if e.Stream != "" {
			versions[e.Stream]++
			want = versions[e.Stream]
		}
		if e.Version != want {
			c.violation("position %d has version %d of %q, want %d", e.Position, e.Version, e.Stream, want)
		}
		if at := c.horizon(e.Stream, e.Position).Tombstoned; at > 0 {
			c.violation("position %d is in %q, which was tombstoned at position %d", e.Position, e.Stream, at)
		}
		if i > 0 && e.RecordedAt.Before(c.log[i-1].RecordedAt) {
			c.violation("position %d was recorded at %v, before the position in front of it", e.Position, e.RecordedAt)
		}
	}
}

// checkInvented looks for events that nobody appended.
func (c *checker) checkInvented(appends []Append) {
	asked := make(map[uuid.UUID]bool)
	for _, a := range appends {
		for _, e := range a.Events {
			asked[e.ID] = true
		}
	}
	for _, e := range c.log {
		if !asked[e.ID] {
			c.violation("position %d was appended by nobody", e.Position)
		}
	}
	// What was refused may be there if it was appended again and not refused.
	taken := make(map[uuid.UUID]bool)
	for _, a := range appends {
		var unknown *daybook.UnknownError
		if a.Err == nil || errors.As(a.Err, &unknown) {
			for _, e := range a.Events {
				taken[e.ID] = true
			}
		}
	}
	for _, e := range c.log {
		if asked[e.ID] && !taken[e.ID] {
			c.violation("position %d is there, and every append of it was refused", e.Position)
		}
	}
}

// checkAppend looks at one append and its answer.
func (c *checker) checkAppend(a *Append) {
	var conflict *daybook.ConflictError
	var unknown *daybook.UnknownError
	switch {
	case a.Err == nil:
		c.checkReceipt(a)
	case errors.As(a.Err, &conflict):
		c.checkConflict(a, conflict)
	case errors.As(a.Err, &unknown):
		c.checkWhole(a)
	}
}

// checkReceipt looks at an append that was acknowledged.
func (c *checker) checkReceipt(a *Append) {
	base := int(a.Receipt.Position) - len(a.Events)
	if base < 0 || int(a.Receipt.Position) > len(c.log) {
		c.violation("client %d: a receipt of position %d for %d events, and the log has %d", a.Client, a.Receipt.Position, len(a.Events), len(c.log))
		return
	}
	for i, e := range a.Events {
		got := c.log[base+i]
		if got.ID != e.ID {
			c.violation("client %d: position %d was acknowledged for event %s and holds %s", a.Client, got.Position, e.ID, got.ID)
			continue
		}
		if a.Receipt.Repeated {
			continue
		}
		want := daybook.Recorded{Event: e, Position: got.Position, Version: got.Version, RecordedAt: a.Receipt.RecordedAt}
		if want.Digest() != got.Digest() {
			c.violation("client %d: position %d is not what was acknowledged:\n%+v\n%+v", a.Client, got.Position, got, want)
		}
	}
	for i := len(a.Events) - 1; i >= 0; i-- {
		got := c.log[base+i]
		last := !slices.ContainsFunc(a.Events[i+1:], func(e daybook.Event) bool { return e.Stream == got.Stream })
		if got.Stream != "" && last && a.Receipt.Versions[got.Stream] != got.Version {
			c.violation("client %d: the receipt of position %d has %q at version %d, and the log at %d", a.Client, a.Receipt.Position, got.Stream, a.Receipt.Versions[got.Stream], got.Version)
		}
	}
	if a.Receipt.Repeated {
		return
	}
	for _, clause := range a.Condition {
		if holds, newest := c.holds(clause, daybook.Position(base)); !holds {
			c.violation("client %d: position %d was recorded though %v did not hold (see position %d)", a.Client, a.Receipt.Position, clause, newest)
		}
	}
}

// checkConflict looks at an append that was answered with a conflict.
func (c *checker) checkConflict(a *Append, conflict *daybook.ConflictError) {
	if int(conflict.At.Position) > len(c.log) {
		c.violation("client %d: a conflict at position %d, and the log ends at %d", a.Client, conflict.At.Position, len(c.log))
		return
	}
	failures := conflict.Failures
	for _, clause := range a.Condition {
		holds, newest := c.holds(clause, conflict.At.Position)
		named := len(failures) > 0 && failures[0].Clause.Kind == clause.Kind && failures[0].Clause.String() == clause.String()
		switch {
		case holds && named:
			c.violation("client %d: a conflict says that %v did not hold at position %d, and it did", a.Client, clause, conflict.At.Position)
		case !holds && !named:
			c.violation("client %d: a conflict does not name %v, which did not hold at position %d", a.Client, clause, conflict.At.Position)
		case !holds && failures[0].Position != newest:
			c.violation("client %d: a conflict explains %v by position %d, and it was %d", a.Client, clause, failures[0].Position, newest)
		}
		if named {
			failures = failures[1:]
		}
	}
	if len(conflict.Failures) == 0 || len(failures) > 0 {
		c.violation("client %d: a conflict names %d clauses of which %d are not in the condition", a.Client, len(conflict.Failures), len(failures))
	}
}

// checkWhole looks at an append of which nobody knows whether it was recorded.
func (c *checker) checkWhole(a *Append) {
	first, there := c.at[a.Events[0].ID]
	for i, e := range a.Events {
		at, found := c.at[e.ID]
		if found != there || found && at != first+i {
			c.violation("client %d: of an unknown append, event %d is there: %t (position %d); it is there in part", a.Client, i+1, found, at+1)
			return
		}
	}
}

// holds reports whether a clause holds up to a position of the log, and if it does
// not, which newest event is why.
func (c *checker) holds(clause daybook.Clause, upTo daybook.Position) (bool, daybook.Position) {
	if clause.Kind == daybook.NothingSelected {
		selected := c.selected(clause.Query.Guarded(), clause.After.Position, upTo)
		if len(selected) == 0 {
			return true, 0
		}
		return false, selected[len(selected)-1].Position
	}
	stream := c.streams[clause.Stream]
	n := sort.Search(len(stream), func(i int) bool { return c.log[stream[i]].Position > upTo })
	state := daybook.StreamState{Horizon: c.horizon(clause.Stream, upTo)}
	if n > 0 {
		newest := c.log[stream[n-1]]
		state.Version, state.Newest = newest.Version, newest.Position
	}
	return clause.Holds(state)
}

// horizon returns what was forgotten of a stream up to a position of the log.
func (c *checker) horizon(stream string, upTo daybook.Position) (h daybook.Horizon) {
	for _, e := range c.about[stream] {
		if e.Position > upTo {
			break
		}
		h = h.With(e)
	}
	return h
}

// selected returns what a query selects in (after, upTo], forgotten or not. Each query
// is looked for in the log once.
func (c *checker) selected(q daybook.Query, after, upTo daybook.Position) []daybook.Recorded {
	key := fmt.Sprintf("%#v", q)
	indices, known := c.selections[key]
	if !known {
		for i := range c.log {
			if q.SelectsRecorded(c.log[i]) {
				indices = append(indices, i)
			}
		}
		c.selections[key] = indices
	}
	from := sort.Search(len(indices), func(i int) bool { return c.log[indices[i]].Position > after })
	to := sort.Search(len(indices), func(i int) bool { return c.log[indices[i]].Position > upTo })
	var selected []daybook.Recorded
	for _, i := range indices[from:max(from, to)] {
		selected = append(selected, c.log[i])
	}
	return selected
}

// shown returns what a reading yields that was begun when the log ended at upTo.
func (c *checker) shown(q daybook.Query, span daybook.Span, upTo daybook.Position) []daybook.Recorded {
	horizons := make(map[string]daybook.Horizon)
	return slices.DeleteFunc(c.selected(q, span.After, upTo), func(e daybook.Recorded) bool {
		h, known := horizons[e.Stream]
		if !known {
			h = c.horizon(e.Stream, upTo)
			horizons[e.Stream] = h
		}
		e.Forgotten = h.Hides(e.Version, e.Position)
		return !q.Yields(e, span)
	})
}

// checkRead looks at one reading. Only positions, direction and limit are looked at
// as bounds; a reading bounded otherwise is none of this checker's, nor one with an upper
// bound where something is forgotten: when it began is not said.
func (c *checker) checkRead(r *Read) {
	if r.Span.AfterVersion > 0 || r.Span.BeforeVersion > 0 || !r.Span.KnownAt.IsZero() || r.Span.Before > 0 && len(c.about) > 0 {
		return
	}
	if int(r.Snapshot.Position) > len(c.log) {
		c.violation("client %d: a reading up to position %d, and the log ends at %d", r.Client, r.Snapshot.Position, len(c.log))
		return
	}
	want := c.shown(r.Query, r.Span, r.Snapshot.Position)
	if r.Span.Backward {
		slices.Reverse(want)
	}
	if r.Span.Limit > 0 {
		want = want[:min(r.Span.Limit, len(want))]
	}
	if r.Err != nil {
		want = want[:min(len(r.Events), len(want))] // it did not claim to be whole
	}
	c.compare(fmt.Sprintf("client %d, reading up to %d", r.Client, r.Snapshot.Position), r.Events, want)
}

// compareFollowed compares what a follower saw with what it should have. What was
// forgotten by then, it may have seen before or not.
func (c *checker) compareFollowed(f Following) {
	want := slices.DeleteFunc(c.selected(f.Query, f.From, f.To), func(e daybook.Recorded) bool {
		seen := slices.ContainsFunc(f.Seen, func(s daybook.Recorded) bool { return s.ID == e.ID })
		return !seen && c.horizon(e.Stream, f.To).Hides(e.Version, e.Position)
	})
	c.compare(fmt.Sprintf("follower %s", f.Name), f.Seen, want)
}

// compare looks for the first difference between what was seen and the log.
func (c *checker) compare(who string, got, want []daybook.Recorded) {
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			c.violation("%s: position %d was not shown", who, want[i].Position)
		case i >= len(want):
			c.violation("%s: position %d was shown and is not there", who, got[i].Position)
		case got[i].Digest() != want[i].Digest():
			c.violation("%s: position %d was shown, and in its place is another event or position %d", who, got[i].Position, want[i].Position)
		default:
			continue
		}
		return
	}
}

// checkOrder looks at what had been answered when a question was asked: whoever
// asks later sees no less, and is recorded later.
func (c *checker) checkOrder(h History) {
	type answer struct {
		Interval
		position daybook.Position
		recorded bool // a new place in the log, rather than a look at it
		what     string
		client   int
	}
	var answers []answer
	for _, a := range h.Appends {
		var conflict *daybook.ConflictError
		switch {
		case a.Err == nil && a.Receipt.Repeated:
			// It states an old position; what it knew of the present is not said.
		case a.Err == nil:
			answers = append(answers, answer{a.Interval, a.Receipt.Position, len(a.Events) > 0, "an append", a.Client})
		case errors.As(a.Err, &conflict):
			answers = append(answers, answer{a.Interval, conflict.At.Position, false, "a conflict", a.Client})
		}
	}
	for _, r := range h.Reads {
		if r.Span.Before == 0 && r.Span.BeforeVersion == 0 && r.Span.KnownAt.IsZero() {
			answers = append(answers, answer{r.Interval, r.Snapshot.Position, false, "a reading", r.Client})
		}
	}
	byCall := slices.Clone(answers)
	slices.SortFunc(byCall, func(a, b answer) int { return int(a.Called - b.Called) })
	slices.SortFunc(answers, func(a, b answer) int { return int(a.Returned - b.Returned) })
	var known daybook.Position
	next := 0
	for _, a := range byCall {
		for ; next < len(answers) && answers[next].before(a.Interval); next++ {
			known = max(known, answers[next].position)
		}
		if a.position < known || a.recorded && a.position == known {
			c.violation("client %d: %s answered with position %d, when position %d had been answered before it was asked", a.client, a.what, a.position, known)
		}
	}
}
