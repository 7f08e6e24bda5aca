package storetest

import (
	"context"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// wrongContents are stores that err about what an event says, where it stands and what a receipt states.
var wrongContents = []wrong{
	{mistake: "loses the last tag", breaks: []string{
		"an event is read with everything that it was recorded with",
		"tags keep their order",
	}, bend: onYield(func(e *daybook.Recorded) bool {
		e.Tags = e.Tags[:max(0, len(e.Tags)-1)]
		return true
	})},
	{mistake: "sorts tags", breaks: []string{
		"tags keep their order",
	}, bend: onEvent(func(e *daybook.Event) {
		e.Tags = slices.Clone(e.Tags)
		slices.Sort(e.Tags)
	})},
	{mistake: "keeps sixteen tags", breaks: []string{
		"an event may have many tags, and each of them finds it",
	}, bend: onEvent(func(e *daybook.Event) { e.Tags = e.Tags[:min(16, len(e.Tags))] })},
	{mistake: "lets tags through that are there twice", breaks: []string{
		"a tag twice on one event is invalid",
	}, bend: onEvent(func(e *daybook.Event) {
		var tags []string
		for _, tag := range e.Tags {
			if !slices.Contains(tags, tag) {
				tags = append(tags, tag)
			}
		}
		e.Tags = tags
	})},
	{mistake: "trims names", breaks: []string{
		"streams whose names differ in a byte are different streams",
	}, bend: onEvent(func(e *daybook.Event) { e.Stream = strings.TrimSpace(e.Stream) })},
	{mistake: "writes names in small letters", breaks: []string{
		"streams whose names differ in a byte are different streams",
		"a category is what stands before the first hyphen of a stream's name",
	}, bend: onEvent(func(e *daybook.Event) { e.Stream = strings.ToLower(e.Stream) })},
	{mistake: "cuts long names", breaks: []string{
		"names of 512 bytes are kept, and one byte more is invalid",
		"names in any script and with any sign are kept and found",
	}, bend: onEvent(func(e *daybook.Event) { e.Type = e.Type[:min(255, len(e.Type))] })},
	{mistake: "mends names that are not UTF-8", breaks: []string{
		"a name that is not UTF-8 is invalid",
	}, bend: onEvent(func(e *daybook.Event) { e.Stream = strings.ToValidUTF8(e.Stream, "\ufffd") })},
	{mistake: "drops control characters from names", breaks: []string{
		"a name with a control character is invalid",
	}, bend: onEvent(func(e *daybook.Event) {
		e.Stream = strings.Map(func(r rune) rune {
			if r < ' ' || r >= 0x7f && r < 0xa0 {
				return '.'
			}
			return r
		}, e.Stream)
	})},
	{mistake: "lets anybody write system events", breaks: []string{
		"a name that begins with $ belongs to the system and is invalid",
	}, bend: onEvent(func(e *daybook.Event) { e.Type = strings.TrimPrefix(e.Type, "$") + "x"[:btoi(e.Type == "$")] })},
	{mistake: "gives a type to events without", breaks: []string{
		"an event without a type or with an empty tag is invalid",
	}, bend: onEvent(func(e *daybook.Event) {
		if e.Type == "" {
			e.Type = "Event"
		}
	})},
	{mistake: "normalises JSON", breaks: []string{
		"data and metadata are kept byte for byte",
	}, bend: onEvent(func(e *daybook.Event) { e.Data = []byte(strings.ReplaceAll(string(e.Data), "  ", " ")) })},
	{mistake: "loses the metadata", breaks: []string{
		"data and metadata are kept byte for byte",
	}, bend: onYield(func(e *daybook.Recorded) bool { e.Metadata = nil; return true })},
	{mistake: "ends data at a zero byte", breaks: []string{
		"data and metadata are kept byte for byte",
	}, bend: onYield(func(e *daybook.Recorded) bool {
		if i := strings.IndexByte(string(e.Data), 0); i >= 0 {
			e.Data = e.Data[:i]
		}
		return true
	})},
	{mistake: "says that everything is JSON", breaks: []string{
		"data without a content type is JSON, and any other content type is kept",
	}, bend: onYield(func(e *daybook.Recorded) bool { e.ContentType = daybook.JSON; return true })},
	{mistake: "keeps the bytes that it was given", breaks: []string{
		"the caller may use its events, bytes and tags again after an append",
	}, bend: func(s daybook.Store) *bent {
		given := make(map[uuid.UUID]daybook.Event)
		var mu sync.Mutex
		b := onYield(func(e *daybook.Recorded) bool {
			mu.Lock()
			defer mu.Unlock()
			if before, ok := given[e.ID]; ok {
				e.Data, e.Tags = before.Data, before.Tags
			}
			return true
		})(s)
		b.append = func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			mu.Lock()
			for _, e := range events {
				given[e.ID] = e
			}
			mu.Unlock()
			return s.Append(ctx, events, cond)
		}
		return b
	}},
	{mistake: "completes the caller's own events", breaks: []string{
		"an append does not change what it is given",
	}, bend: func(s daybook.Store) *bent {
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			for i := range events {
				if events[i].ID == uuid.Nil {
					events[i].ID = uuid.Must(uuid.NewV7())
				}
			}
			return s.Append(ctx, events, cond)
		}}
	}},
	{mistake: "reads into one buffer", breaks: []string{
		"whoever has read an event may keep it",
		"a store may be opened again many times",
	}, bend: func(s daybook.Store) *bent {
		buffer := make([]byte, 1<<20)
		var mu sync.Mutex
		return onYield(func(e *daybook.Recorded) bool {
			mu.Lock()
			defer mu.Unlock()
			e.Data = buffer[:copy(buffer, e.Data)]
			return true
		})(s)
	}},
	{mistake: "takes the time that nobody gave for 1970", breaks: []string{
		"a time that nobody gave stays zero, and 1970 is a time",
	}, bend: onYield(func(e *daybook.Recorded) bool {
		if e.HappenedAt.IsZero() {
			e.HappenedAt = time.Unix(0, 0).UTC()
		}
		return true
	})},
	{mistake: "keeps microseconds", breaks: []string{
		"times are kept in nanoseconds and read in UTC",
	}, bend: onYield(func(e *daybook.Recorded) bool { e.HappenedAt = e.HappenedAt.Truncate(time.Microsecond); return true })},
	{mistake: "reads times in another zone", breaks: []string{
		"times are kept in nanoseconds and read in UTC",
	}, bend: onYield(func(e *daybook.Recorded) bool { e.HappenedAt = e.HappenedAt.In(time.FixedZone("", 3600)); return true })},
	{mistake: "takes any time", breaks: []string{
		"times from 1678 to 2261 are kept, and others are invalid",
	}, bend: onEvent(func(e *daybook.Event) {
		if y := e.HappenedAt.Year(); !e.HappenedAt.IsZero() && (y < 1677 || y > 2262) {
			e.HappenedAt = time.Time{}
		}
	})},
	{mistake: "stamps every event apart", breaks: []string{
		"a receipt states the time that the events carry",
	}, bend: onYield(func(e *daybook.Recorded) bool {
		e.RecordedAt = e.RecordedAt.Add(time.Duration(e.Position))
		return true
	})},
	{mistake: "stamps whole seconds", breaks: []string{
		"the time of recording rises with every append",
	}, bend: func(s daybook.Store) *bent {
		b := onYield(func(e *daybook.Recorded) bool { e.RecordedAt = e.RecordedAt.Truncate(time.Second); return true })(s)
		b.append = func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			receipt, err := s.Append(ctx, events, cond)
			receipt.RecordedAt = receipt.RecordedAt.Truncate(time.Second)
			return receipt, err
		}
		return b
	}},
	{mistake: "swaps the first two events of an append", breaks: []string{
		"the events of one append stand next to each other, in their order",
		"appends at the same time do not mix",
	}, bend: onAppend(func(events []daybook.Event, cond daybook.Condition) ([]daybook.Event, daybook.Condition) {
		if len(events) > 1 {
			events = slices.Clone(events)
			events[0], events[1] = events[1], events[0]
		}
		return events, cond
	})},
	{mistake: "records the events of an append one by one", breaks: []string{
		"all events of an append carry the same time of recording",
	}, bend: func(s daybook.Store) *bent {
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			if len(events) < 2 {
				return s.Append(ctx, events, cond)
			}
			var receipt daybook.Receipt
			for i, e := range events {
				if i > 0 {
					cond = nil
				}
				next, err := s.Append(ctx, []daybook.Event{e}, cond)
				if err != nil {
					return next, err
				}
				for stream, version := range receipt.Versions {
					if next.Versions[stream] == 0 {
						next.Versions[stream] = version
					}
				}
				receipt = next
				runtime.Gosched()
			}
			return receipt, nil
		}}
	}},
	{mistake: "leaves gaps in the positions", breaks: []string{
		"positions begin at 1 and have no gaps",
	}, bend: onYield(func(e *daybook.Recorded) bool { e.Position *= 2; return true })},
	{mistake: "begins at position zero", breaks: []string{
		"positions begin at 1 and have no gaps",
	}, bend: onYield(func(e *daybook.Recorded) bool { e.Position--; return true })},
	{mistake: "begins at version zero", breaks: []string{
		"the versions of a stream are 1, 2, 3 and so on",
	}, bend: onYield(func(e *daybook.Recorded) bool { e.Version--; return true })},
	{mistake: "numbers streams by the log", breaks: []string{
		"streams are numbered independently",
		"each event of an append over several streams has the version of its own stream",
		"an event in no stream has version zero and is read by no stream and no category",
		"appends at the same time get positions and versions without gaps",
	}, bend: onYield(func(e *daybook.Recorded) bool { e.Version = daybook.Version(e.Position); return true })},
	{mistake: "gives positions that it does not keep", breaks: []string{
		"an append that is refused leaves no trace",
	}, bend: func(s daybook.Store) *bent {
		var spent atomic.Uint64
		b := onYield(func(e *daybook.Recorded) bool { e.Position += daybook.Position(spent.Load()); return true })(s)
		b.append = func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			receipt, err := s.Append(ctx, events, cond)
			if err != nil {
				spent.Add(uint64(len(events)))
			}
			receipt.Position += daybook.Position(spent.Load())
			return receipt, err
		}
		return b
	}},
	{mistake: "states the first position in receipts", breaks: []string{
		"the events of one append stand next to each other, in their order",
		"a receipt names the log, its incarnation and the position of the last event",
	}, bend: func(s daybook.Store) *bent {
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			receipt, err := s.Append(ctx, events, cond)
			if len(events) > 0 {
				receipt.Position -= daybook.Position(len(events) - 1)
			}
			return receipt, err
		}}
	}},
	{mistake: "states no log in receipts", breaks: []string{
		"a receipt names the log, its incarnation and the position of the last event",
	}, bend: onAnswer(func(r *daybook.Receipt, err error) error {
		r.Log, r.Incarnation = uuid.Nil, uuid.Nil
		return err
	})},
	{mistake: "states one version too many in receipts", breaks: []string{
		"a receipt names for each stream the version of its last event",
	}, bend: onAnswer(func(r *daybook.Receipt, err error) error {
		if r.Versions != nil {
			r.Versions["extra"] = 1
		}
		return err
	})},
	{mistake: "keeps the receipts that it gave", breaks: []string{
		"a receipt belongs to whoever asked for it",
		"events recorded next to each other by two appends are a repeat together",
	}, bend: func(s daybook.Store) *bent {
		given := make(map[daybook.Position]daybook.Receipt)
		var mu sync.Mutex
		return onAnswer(func(r *daybook.Receipt, err error) error {
			mu.Lock()
			defer mu.Unlock()
			if before, ok := given[r.Position]; ok && r.Repeated {
				r.Versions = before.Versions
			} else if err == nil {
				given[r.Position] = *r
			}
			return err
		})(s)
	}},
	{mistake: "states its own time in receipts", breaks: []string{
		"a receipt states the time that the events carry",
	}, bend: onAnswer(func(r *daybook.Receipt, err error) error { r.RecordedAt = r.RecordedAt.Add(1); return err })},
	{mistake: "states no durability", breaks: []string{
		"a receipt states the durability that the store promises",
	}, bend: onAnswer(func(r *daybook.Receipt, err error) error { r.Durability = 0; return err })},
	{mistake: "states the zero receipt for an append of no events", breaks: []string{
		"the receipt of an append without events has the position of the head, no versions and no time",
	}, bend: onAnswer(func(r *daybook.Receipt, err error) error {
		if r.RecordedAt.IsZero() {
			r.Position = 0
		}
		return err
	})},
	{mistake: "records that nothing was recorded", breaks: []string{
		"an append without events records nothing",
		"the zero condition always holds",
		"the condition of a reading is the same however far one iterates",
	}, bend: onAppend(func(events []daybook.Event, cond daybook.Condition) ([]daybook.Event, daybook.Condition) {
		if len(events) == 0 && cond.Validate() == nil {
			events = []daybook.Event{{Type: "Nothing"}}
		}
		return events, cond
	})},
	{mistake: "takes few events", breaks: []string{
		"an append may have a thousand events",
	}, bend: limited(100, 1<<30)},
	{mistake: "takes few bytes", breaks: []string{
		"an append may have 900 KiB in one event",
	}, bend: limited(1<<20, 64<<10)},
	{mistake: "does not keep its own limits", breaks: []string{
		"an append past the stated limits is invalid",
	}, bend: onInfo(func(i *daybook.Info) { i.Limits = daybook.Limits{AppendEvents: 1000, AppendBytes: 1 << 20} })},
	{mistake: "states small limits", breaks: []string{
		"an append past the stated limits is invalid",
	}, bend: onInfo(func(i *daybook.Info) { i.Limits.AppendBytes = 1000 })},
	{mistake: "states no stride", breaks: []string{
		"a store states its head, its durability, its limits and its stride",
		"a wait sleeps through what its query does not select, up to a stride",
	}, bend: onInfo(func(i *daybook.Info) { i.Stride = 0 })},
	{mistake: "states an old head", breaks: []string{
		"a store states its head, its durability, its limits and its stride",
		"following goes on from a checkpoint without skipping or repeating",
	}, bend: onInfo(func(i *daybook.Info) { i.Head.Position = min(i.Head.Position, 1) })},
	{mistake: "has one identity for all", breaks: []string{
		"two logs have different identities",
		"an empty log reads as nothing, up to position zero",
	}, bend: sameLife},
	{mistake: "has another incarnation each time it is asked", breaks: []string{
		"a log has an identity and an incarnation, which stay",
	}, bend: onInfo(func(i *daybook.Info) { i.Head.Incarnation = uuid.New() })},
}

// onEvent bends events before they are recorded.
func onEvent(change func(*daybook.Event)) func(daybook.Store) *bent {
	return onAppend(func(events []daybook.Event, cond daybook.Condition) ([]daybook.Event, daybook.Condition) {
		events = slices.Clone(events)
		for i := range events {
			change(&events[i])
		}
		return events, cond
	})
}

// onYield bends each event that is read; returning false hides it.
func onYield(change func(*daybook.Recorded) bool) func(daybook.Store) *bent {
	return onReading(func(_ daybook.Query, _ daybook.Span, _ *daybook.Point, events iter.Seq2[daybook.Recorded, error]) iter.Seq2[daybook.Recorded, error] {
		return func(yield func(daybook.Recorded, error) bool) {
			for e, err := range events {
				if err == nil && !change(&e) {
					continue
				}
				if !yield(e, err) {
					return
				}
			}
		}
	})
}

// onInfo bends what Info says.
func onInfo(change func(*daybook.Info)) func(daybook.Store) *bent {
	return func(s daybook.Store) *bent {
		return &bent{info: func(ctx context.Context) (daybook.Info, error) {
			info, err := s.Info(ctx)
			change(&info)
			return info, err
		}}
	}
}

// limited bends a store so that it takes little.
func limited(n, bytes int) func(daybook.Store) *bent {
	return func(s daybook.Store) *bent {
		return &bent{append: func(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
			if _, err := daybook.Prepare(events, cond, daybook.Limits{AppendEvents: n, AppendBytes: bytes}); err != nil {
				return daybook.Receipt{}, err
			}
			return s.Append(ctx, events, cond)
		}}
	}
}

// sameLife bends a store so that all have one identity.
func sameLife(s daybook.Store) *bent {
	b := onInfo(func(i *daybook.Info) {
		i.Head.Log, i.Head.Incarnation = uuid.NameSpaceDNS, uuid.NameSpaceURL
	})(s)
	return b
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
