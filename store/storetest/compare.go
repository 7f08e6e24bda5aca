package storetest

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// Compare carries out the same random history of ops operations on a model and on a
// new store of the subject, and ends the test at the first answer that differs. The
// model is a new and empty store that keeps every promise, such as a memstore.Store.
// What differs by nature is not compared: which log it is, when it recorded, and how
// durably.
//
// The history appends, forgets, repeats appends, reads, waits and, if the subject can,
// scavenges or reopens the store now and then; it does one thing at a time. The model is
// not scavenged: a stub on the other side is compared with what it is the stub of.
// It depends on the seed alone: a failure names the seed and the operation, and the same
// seed fails there again.
func Compare(t testing.TB, model daybook.Store, subject Subject, seed uint64, ops int) {
	t.Helper()
	trial := newTrial(t, subject, time.Hour)
	trial.use(subject.Open(t))
	c := &comparison{
		trial:    trial,
		rng:      rand.New(rand.NewPCG(seed, 0)),
		seed:     seed,
		versions: make(map[string]daybook.Version),
		gone:     make(map[string]bool),
	}
	c.model.store = model
	c.tested.store = trial.store
	for _, s := range c.sides() {
		info, err := s.store.Info(trial.ctx)
		if err != nil {
			t.Fatalf("info: %v", err)
		}
		s.life = info.Head.At(0)
	}
	for c.step = 1; c.step <= ops; c.step++ {
		c.operation()
	}
	c.what = "everything, in the end"
	c.compareReading(daybook.All(), bounds{Span: daybook.Span{Forgotten: true}})
}

// A comparison is one random history on two stores.
type comparison struct {
	*trial
	rng  *rand.Rand
	seed uint64
	step int
	what string // the operation, in words

	model, tested side

	// What the history has recorded so far, as both stores have confirmed.
	log      []daybook.Event
	versions map[string]daybook.Version
	gone     map[string]bool // streams that were tombstoned
	held     []heldReading
}

// A side is one of the two stores.
type side struct {
	store daybook.Store
	life  daybook.Point
	// stamps are the times at which the positions were recorded.
	stamps []time.Time
}

// A heldReading is a reading that was begun on both sides and is ranged over later.
type heldReading struct {
	what          string
	model, tested daybook.Reading
}

// bounds are a span whose time is given as the position recorded then.
type bounds struct {
	daybook.Span
	knownAt daybook.Position
	before  bool // just before that position was recorded
}

func (c *comparison) sides() []*side { return []*side{&c.model, &c.tested} }

// differ ends the comparison.
func (c *comparison) differ(model, tested any) {
	c.Helper()
	c.Fatalf("seed %d, operation %d: %s:\nthe model answers %v\nthe store answers %v", c.seed, c.step, c.what, model, tested)
}

// chance is true once in n times.
func (c *comparison) chance(n int) bool { return c.rng.IntN(n) == 0 }

// operation does the next thing.
func (c *comparison) operation() {
	switch n := c.rng.IntN(1000); {
	case n < 400:
		c.append(c.fresh(), c.condition())
	case n < 440:
		c.append(nil, c.condition())
	case n < 540 && len(c.log) > 0:
		c.append(c.repeated(), c.condition())
	case n < 560:
		c.append(c.spoiled(), c.condition())
	case n < 570:
		c.endedContext()
	case n < 870:
		q, b := c.query(), c.bounds()
		c.what = fmt.Sprintf("reading %+v in %+v", q, b)
		c.compareReading(q, b)
	case n < 910:
		c.hold()
	case n < 950 && len(c.held) > 0:
		c.rangeHeld()
	case n < 990:
		c.wait()
	case n < 995 && c.subject.Scavenge != nil:
		c.trial.scavenge()
	case c.chance(2) && c.subject.Reopen != nil:
		c.what = "reopening"
		c.reopen()
		c.tested.store, c.held = c.store, nil
		c.head()
	default:
		c.head()
	}
}

// append appends to both sides.
func (c *comparison) append(events []daybook.Event, cond func(life daybook.Point) daybook.Condition) {
	c.what = fmt.Sprintf("append of %s under %v", describeEvents(events), cond(c.model.life))
	model, modelErr := c.model.store.Append(c.ctx, events, cond(c.model.life))
	tested, testedErr := c.tested.store.Append(c.ctx, events, cond(c.tested.life))
	if a, b := appendAnswer(model, modelErr), appendAnswer(tested, testedErr); a != b {
		c.differ(a, b)
	}
	if modelErr != nil {
		return
	}
	if len(events) == 0 {
		if !model.RecordedAt.IsZero() || !tested.RecordedAt.IsZero() {
			c.differ(model.RecordedAt, tested.RecordedAt)
		}
		return
	}
	for i, receipt := range []daybook.Receipt{model, tested} {
		s := c.sides()[i]
		if receipt.Log != s.life.Log || receipt.Incarnation != s.life.Incarnation {
			c.differ(model.Point, tested.Point)
		}
		if !receipt.Repeated {
			for range events {
				s.stamps = append(s.stamps, receipt.RecordedAt)
			}
		}
		if !receipt.RecordedAt.Equal(s.stamps[receipt.Position-1]) {
			c.differ(receipt.RecordedAt, s.stamps[receipt.Position-1])
		}
	}
	if !model.Repeated {
		c.log = append(c.log, events...)
		for stream, version := range model.Versions {
			c.versions[stream] = version
		}
		c.noteForgotten(events)
	}
}

// appendAnswer is what an append answered, as far as two stores must agree.
func appendAnswer(receipt daybook.Receipt, err error) string {
	switch err := err.(type) {
	case nil:
		return fmt.Sprintf("a receipt of position %d, versions %v, repeated %t", receipt.Position, receipt.Versions, receipt.Repeated)
	case *daybook.ConflictError:
		s := fmt.Sprintf("a conflict at %d", err.At.Position)
		for _, f := range err.Failures {
			s += fmt.Sprintf("; %v: see %d", f.Clause, f.Position)
		}
		return s
	case *daybook.ReusedError:
		return fmt.Sprintf("reused: %s at %d", err.ID, err.Position)
	case *daybook.InvalidError:
		return fmt.Sprintf("invalid: %s %q %s", err.What, err.Value, err.Reason)
	default:
		return fmt.Sprintf("%s: %v", kind(err), err)
	}
}

// compareReading reads on both sides.
func (c *comparison) compareReading(q daybook.Query, b bounds) {
	model, modelErr := c.model.store.Read(c.ctx, q, b.owned().on(c.model))
	tested, testedErr := c.tested.store.Read(c.ctx, q, b.on(c.tested))
	if a, b := appendAnswer(daybook.Receipt{}, modelErr), appendAnswer(daybook.Receipt{}, testedErr); a != b {
		c.differ(a, b)
	}
	if modelErr == nil {
		c.compareEvents(model, tested)
	}
}

// compareEvents ranges over two readings.
func (c *comparison) compareEvents(model, tested daybook.Reading) {
	if a, b := model.Snapshot(), tested.Snapshot(); a.Position != b.Position || b.Log != c.tested.life.Log || b.Incarnation != c.tested.life.Incarnation {
		c.differ(a, b)
	}
	if a, b := model.Condition()[0], tested.Condition()[0]; a.Partial != b.Partial || a.After.Position != b.After.Position {
		c.differ(a, b)
	}
	want, err := model.Collect()
	if err != nil {
		c.Fatalf("the model: %v", err)
	}
	n := 0
	for e, err := range tested.Events() { // each looked at while it may be: it may be borrowed
		if err != nil {
			c.differ(recordedList(want), err)
		}
		if n == len(want) {
			c.differ(recordedList(want), fmt.Sprintf("another event, %d %s %q v%d", e.Position, e.Type, e.Stream, e.Version))
		}
		c.compareEvent(want[n], e)
		n++
	}
	if n < len(want) {
		c.differ(recordedList(want), fmt.Sprintf("the first %d of them", n))
	}
}

// compareEvent compares an event of the model with one of the store under test, of
// which only a stub may be left.
func (c *comparison) compareEvent(model, tested daybook.Recorded) {
	if at := c.tested.stamps[model.Position-1]; tested.Position == model.Position && !tested.RecordedAt.Equal(at) {
		c.differ(at, tested.RecordedAt)
	}
	model.RecordedAt = tested.RecordedAt
	if tested.Stub != nil {
		model = model.AsStub()
	}
	a, _ := model.AppendBinary(nil)
	b, _ := tested.AppendBinary(nil)
	if !bytes.Equal(a, b) || model.Forgotten != tested.Forgotten {
		c.differ(fmt.Sprintf("%+v", model), fmt.Sprintf("%+v", tested))
	}
}

// hold begins a reading on both sides, to be ranged over later.
func (c *comparison) hold() {
	q, b := c.query(), c.bounds()
	if q.Validate() != nil || b.Validate(q) != nil {
		return
	}
	if len(c.held) == 8 {
		c.held = slices.Delete(c.held, 0, 1)
	}
	what := fmt.Sprintf("the reading begun in operation %d of %+v in %+v", c.step, q, b)
	model, modelErr := c.model.store.Read(c.ctx, q, b.owned().on(c.model))
	tested, testedErr := c.tested.store.Read(c.ctx, q, b.on(c.tested))
	if modelErr != nil || testedErr != nil {
		c.what = what
		c.differ(modelErr, testedErr)
	}
	c.held = append(c.held, heldReading{what, model, tested})
}

// rangeHeld ranges over a reading that was begun earlier: a part, or all.
func (c *comparison) rangeHeld() {
	h := c.held[c.rng.IntN(len(c.held))]
	c.what = h.what
	if c.chance(3) {
		left := c.rng.IntN(5)
		for range h.tested.Events() {
			if left--; left < 0 {
				break
			}
		}
	}
	c.compareEvents(h.model, h.tested)
}

// wait waits on the store under test, for something that is there or with a context
// that has ended.
func (c *comparison) wait() {
	q, after := c.query(), c.position()
	if q.Validate() != nil {
		return
	}
	c.what = fmt.Sprintf("waiting for %+v after %d", q, after)
	head := daybook.Position(len(c.log))
	reading, err := c.model.store.Read(c.ctx, q, daybook.Span{After: after, Limit: 1})
	if err != nil {
		c.Fatalf("the model: %v", err)
	}
	found, err := reading.Collect()
	if err != nil {
		c.Fatalf("the model: %v", err)
	}
	there := len(found) > 0
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	if !there {
		cancel()
	}
	position, err := c.tested.store.Wait(ctx, q, after)
	switch {
	case err == nil && position > after && position <= head:
	case err != nil && kind(err) == "unavailable" && !there:
	default:
		c.differ(fmt.Sprintf("%d at most, selected: %t", head, there), fmt.Sprint(position, err))
	}
}

// endedContext asks with a context that has ended. What is invalid is so all the same: of
// many events one may be in a stream that one before it tombstones.
func (c *comparison) endedContext() {
	events, want := c.fresh(), "unavailable"
	if _, err := daybook.Prepare(events, nil, daybook.Limits{AppendEvents: daybook.LeastAppendEvents, AppendBytes: daybook.LeastAppendBytes}); err != nil {
		want = kind(err)
	}
	c.what = fmt.Sprintf("append of %s in a context that has ended", describeEvents(events))
	ctx, cancel := context.WithCancel(c.ctx)
	cancel()
	for _, s := range c.sides() {
		if receipt, err := s.store.Append(ctx, events, nil); kind(err) != want {
			c.differ(want, appendAnswer(receipt, err))
		}
	}
}

// head compares the heads.
func (c *comparison) head() {
	c.what = "the head"
	for _, s := range c.sides() {
		info, err := s.store.Info(c.ctx)
		if want := s.life.At(daybook.Position(len(c.log))); err != nil || info.Head != want {
			c.differ(want, fmt.Sprint(info.Head, err))
		}
	}
}

// on returns the span for one of the sides.
func (b bounds) on(s side) daybook.Span {
	span := b.Span
	if b.knownAt > 0 {
		span.KnownAt = s.stamps[b.knownAt-1]
		if b.before {
			span.KnownAt = span.KnownAt.Add(-1)
		}
	}
	return span
}

// owned returns the bounds of a reading whose events may be kept.
func (b bounds) owned() bounds {
	b.Borrowed = false
	return b
}

var (
	someStreams    = []string{"order-1", "order-2", "order-3", "order-4-x", "order", "cart-1", "cart-2", "-1", "日本-1"}
	someTypes      = []string{"Placed", "Paid", "Shipped", "order-1", "🛒"}
	askedTypes     = append(someTypes, daybook.TypeDeleted, daybook.TypeTruncated)
	someTags       = []string{"book:1984", "book:1985", "reader:ada", "reader:bob", "order-1", "Paid", "x", "y", "a b", "é"}
	someCategories = []string{"order", "cart", "", "日本", "nobody", "$$order"}
)

func pick[T any](c *comparison, from []T) T { return from[c.rng.IntN(len(from))] }

// some returns up to n different ones, in any order.
func some[T any](c *comparison, from []T, n int) []T {
	var picked []T
	for _, i := range c.rng.Perm(len(from))[:c.rng.IntN(n+1)] {
		picked = append(picked, from[i])
	}
	return picked
}

func (c *comparison) stream() string {
	for {
		if stream := c.anyStream(); !c.gone[stream] || c.chance(10) {
			return stream
		}
	}
}

func (c *comparison) anyStream() string {
	switch {
	case c.chance(6):
		return ""
	case c.chance(5):
		return fmt.Sprintf("order-%d", 10+c.rng.IntN(300))
	}
	return pick(c, someStreams)
}

func (c *comparison) id() (id uuid.UUID) {
	for i := range id {
		id[i] = byte(c.rng.Uint32())
	}
	return id
}

// event returns an event that nobody has recorded.
func (c *comparison) event() daybook.Event {
	e := daybook.Event{ID: c.id(), Stream: c.stream(), Type: pick(c, someTypes), Tags: some(c, someTags, 4)}
	e.Data = c.bytes()
	if c.chance(3) {
		e.Metadata = c.bytes()
	}
	if c.chance(5) {
		e.ContentType = "application/octet-stream"
	}
	if c.chance(3) {
		e.HappenedAt = time.Unix(c.rng.Int64N(4e9)-2e9, c.rng.Int64N(1e9))
	}
	return e
}

func (c *comparison) bytes() []byte {
	n := c.rng.IntN(200)
	switch {
	case c.chance(10):
		n = 0
	case c.chance(100):
		n = c.rng.IntN(20_000)
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(c.rng.Uint32())
	}
	return b
}

// fresh returns events that nobody has recorded.
func (c *comparison) fresh() []daybook.Event {
	n := 1
	switch {
	case c.chance(1000):
		n = 400
	case c.chance(3):
		n += c.rng.IntN(6)
	}
	events := make([]daybook.Event, n)
	for i := range events {
		if events[i] = c.event(); c.chance(20) {
			events[i] = c.forgetting()
		}
	}
	return events
}

// repeated returns events that are recorded, in a form in which they may be a repeat.
func (c *comparison) repeated() []daybook.Event {
	from := c.rng.IntN(len(c.log))
	if c.chance(2) {
		from = max(0, len(c.log)-1-c.rng.IntN(20))
	}
	events := slices.Clone(c.log[from:min(len(c.log), from+1+c.rng.IntN(5))])
	i, j := c.rng.IntN(len(events)), c.rng.IntN(len(events))
	switch c.rng.IntN(10) {
	case 0:
		events[i], events[j] = events[j], events[i]
	case 1:
		events[i].Stream = c.stream()
	case 2:
		events[i].Type = pick(c, someTypes)
	case 3:
		events[i].Data, events[i].Tags = c.bytes(), nil
	case 4:
		events = slices.Delete(events, i, i+1)
	case 5:
		events = append(events, c.event())
	case 6:
		events = slices.Insert(events, i, c.event())
	case 7:
		events = append(events, c.log[c.rng.IntN(len(c.log))]) // one id twice, perhaps
	}
	return events
}

// spoiled returns events of which one can never be recorded.
func (c *comparison) spoiled() []daybook.Event {
	events := c.fresh()
	e := &events[c.rng.IntN(len(events))]
	switch c.rng.IntN(8) {
	case 7:
		e.Stream = "$$order-1"
	case 0:
		e.Stream = "$system"
	case 1:
		e.Type = ""
	case 2:
		e.Tags = []string{"x", "x"}
	case 3:
		e.Stream = "a\x00b"
	case 4:
		e.HappenedAt = time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)
	case 5:
		e.Tags = []string{string(make([]byte, 600))}
	case 6:
		events = append(events, events[0])
	}
	return events
}

// query returns a query, now and then one that cannot be asked.
func (c *comparison) query() daybook.Query {
	if c.chance(12) {
		return daybook.All()
	}
	if c.chance(60) {
		return nil
	}
	if c.chance(4) {
		return daybook.Stream(c.asked())
	}
	var q daybook.Query
	for range 1 + c.rng.IntN(3) {
		q = append(q, c.item())
		if c.chance(2) {
			break
		}
	}
	return q
}

func (c *comparison) item() (it daybook.Item) {
	if c.chance(80) {
		return it // names nothing
	}
	for range 1 + c.rng.IntN(2) {
		switch c.rng.IntN(8) {
		case 0:
			for range 1 + c.rng.IntN(3) {
				it.IDs = append(it.IDs, c.someID())
			}
		case 1, 2:
			it.Streams = append(some(c, someStreams, 2), c.asked())
		case 3:
			it.Categories = append(some(c, someCategories, 1), pick(c, someCategories))
		case 4, 5:
			it.Types = append(some(c, someTypes, 1), pick(c, askedTypes))
		default:
			it.Tags = append(some(c, someTags, 1), pick(c, someTags))
		}
	}
	return it
}

func (c *comparison) someID() uuid.UUID {
	if len(c.log) == 0 || c.chance(5) {
		return c.id()
	}
	return pick(c, c.log).ID
}

// position returns one in the log or a little past it, more often a late one.
func (c *comparison) position() daybook.Position {
	switch {
	case c.chance(4):
		return daybook.Position(c.rng.IntN(len(c.log) + 5))
	case c.chance(10):
		return 0
	}
	return daybook.Position(max(0, len(c.log)-c.rng.IntN(30)))
}

// bounds returns bounds of a reading, now and then ones that cannot be.
func (c *comparison) bounds() (b bounds) {
	b.Backward = c.chance(3)
	if c.chance(2) {
		b.After = c.position()
	}
	if c.chance(5) {
		b.Before = c.position()
	}
	if c.chance(4) {
		b.Limit = c.rng.IntN(20)
	}
	if c.chance(8) {
		b.AfterVersion = daybook.Version(c.rng.IntN(30))
	}
	if c.chance(10) {
		b.BeforeVersion = daybook.Version(c.rng.IntN(60))
	}
	if c.chance(8) && len(c.log) > 0 {
		b.knownAt, b.before = daybook.Position(1+c.rng.IntN(len(c.log))), c.chance(2)
	}
	if c.chance(100) {
		b.Limit = -1
	}
	b.Forgotten, b.Borrowed = c.chance(4), c.chance(4)
	return b
}

// condition returns a condition, as one would have got it in a log of a given life.
func (c *comparison) condition() func(life daybook.Point) daybook.Condition {
	var clauses []func(life daybook.Point) daybook.Condition
	for c.chance(2) && len(clauses) < 4 {
		clauses = append(clauses, c.clause())
	}
	return func(life daybook.Point) daybook.Condition {
		var cond daybook.Condition
		for _, clause := range clauses {
			cond = append(cond, clause(life)...)
		}
		return cond
	}
}

func (c *comparison) clause() func(life daybook.Point) daybook.Condition {
	always := func(cond daybook.Condition) func(daybook.Point) daybook.Condition {
		return func(daybook.Point) daybook.Condition { return cond }
	}
	stream := c.asked()
	if c.chance(3) {
		stream = fmt.Sprintf("order-%d", 10+c.rng.IntN(300))
	}
	switch n := c.rng.IntN(20); {
	case n < 5:
		version := c.versions[stream]
		if c.chance(4) {
			version += daybook.Version(c.rng.IntN(3)) - 1
		}
		return always(daybook.At(stream, min(version, 1<<40)))
	case n < 7:
		return always(daybook.New(stream))
	case n < 9:
		return always(daybook.Exists(stream))
	case n < 10 && c.chance(5):
		return always(daybook.Nothing(c.query(), daybook.Point{Log: c.id(), Incarnation: c.id(), Position: 1}))
	case n < 11 && c.chance(5):
		return always(daybook.New(""))
	case n < 12 && c.chance(3):
		return always(daybook.Nothing(c.query(), daybook.Point{}))
	}
	q, position, partial := c.query(), min(c.position(), daybook.Position(len(c.log))), c.chance(40)
	if !c.chance(4) {
		position = daybook.Position(max(0, len(c.log)-c.rng.IntN(3)))
	}
	return func(life daybook.Point) daybook.Condition {
		cond := daybook.Nothing(q, life.At(position))
		cond[0].Partial = partial
		return cond
	}
}

func describeEvents(events []daybook.Event) string {
	s := fmt.Sprintf("%d events", len(events))
	for _, e := range events[:min(3, len(events))] {
		s += fmt.Sprintf(" (%s %.40q %.40q %.80q)", e.ID, e.Stream, e.Type, e.Tags)
	}
	return s
}
