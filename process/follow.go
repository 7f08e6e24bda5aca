package process

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// batchEvents is how many events are handed to instances before the next ones are read:
// enough to keep all of them busy, and little to deal with again after a crash.
const batchEvents = 500

// bookmarkEvery is how many positions the bookmark may be behind, beside the stride of
// the store: what is between is looked at again after a crash, and found to be done.
const bookmarkEvery = 2000

// follow hands the events of the log to the instances that they reach. It begins where a
// runner of the same versions has come to, and keeps where it has come to itself.
func (s *session) follow(ctx context.Context) error {
	var at, saved daybook.Position
	var stride uint64
	err := s.insist(ctx, following, func() error {
		info, err := s.store.Info(ctx)
		if err == nil {
			stride = max(info.Stride, bookmarkEvery)
			at, err = s.bookmark(ctx)
		}
		if err == nil {
			err = s.takeUp(ctx)
		}
		return err
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.tookUp = true
	s.mu.Unlock()
	s.changed.tell()
	saved = at
	query := s.query()
	dealt := 0 // events since the bookmark was saved
	save := func(ctx context.Context) {
		// The bookmark saves work and no more: that it cannot be kept is no failure.
		if s.saveBookmark(ctx, at) == nil {
			saved, dealt = at, 0
		}
	}
	defer func() {
		if dealt > 0 {
			ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer stop()
			save(ctx)
		}
	}()
	for {
		var reading daybook.Reading
		err := s.insist(ctx, following, func() (err error) {
			if reading, err = s.store.Read(ctx, query, daybook.Span{After: at}); err == nil {
				err = s.sameLife(reading.Snapshot())
			}
			if err != nil {
				return err
			}
			for batch, err := range batches(reading) {
				if err != nil {
					return err
				}
				if err := s.deal(ctx, batch); err != nil {
					return err
				}
				at = batch[len(batch)-1].Position
				dealt += len(batch)
				s.moveFollowed(at)
				if at > saved+daybook.Position(stride) {
					save(ctx)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		s.goOn(ctx, following)
		at = max(at, reading.Snapshot().Position)
		s.moveFollowed(at)
		if at > saved+daybook.Position(stride) {
			save(ctx)
		}
		err = s.insist(ctx, following, func() error { return s.following.wait(ctx, s.store, query, at) })
		if err != nil {
			return err
		}
	}
}

func (s *session) moveFollowed(at daybook.Position) {
	s.mu.Lock()
	s.followed = max(s.followed, at)
	s.mu.Unlock()
	s.woken.tell()
	s.changed.tell()
}

// query selects every event that some version reacts to.
func (m *manager) query() daybook.Query {
	var types []string
	for _, d := range m.versions {
		types = append(types, d.names...)
	}
	slices.Sort(types)
	return daybook.Query{{Types: slices.Compact(types)}}
}

// batches yields what a reading has, some events at a time.
func batches(reading daybook.Reading) func(yield func([]daybook.Recorded, error) bool) {
	return func(yield func([]daybook.Recorded, error) bool) {
		var batch []daybook.Recorded
		for e, err := range reading.Events() {
			if err != nil {
				yield(nil, err)
				return
			}
			if batch = append(batch, e); len(batch) == batchEvents {
				if !yield(batch, nil) {
					return
				}
				batch = nil
			}
		}
		if len(batch) > 0 {
			yield(batch, nil)
		}
	}
}

// A delivery is one event on its way to one instance.
type delivery struct {
	event daybook.Recorded
	// starts is the version in which the event begins the instance; zero if it does not.
	starts int
	// late says that events behind this one may have reached the instance already.
	late bool
}

// deal hands events to the instances that they reach: to each in order, and to several at
// the same time. When it returns nil, all of them were taken.
func (s *session) deal(ctx context.Context, events []daybook.Recorded) error {
	byInstance := make(map[string][]delivery)
	var order []string
	for _, e := range events {
		reached, err := s.correlate(e)
		if err != nil {
			if err := s.putAside(ctx, e, err); err != nil {
				return err
			}
			continue
		}
		for _, id := range slices.Sorted(maps.Keys(reached)) {
			if byInstance[id] == nil {
				order = append(order, id)
			}
			byInstance[id] = append(byInstance[id], delivery{event: e, starts: reached[id]})
		}
	}
	var dealing sync.WaitGroup
	var mu sync.Mutex
	var failed error
	free := make(chan struct{}, s.options.Parallel)
	for _, id := range order {
		free <- struct{}{}
		dealing.Go(func() {
			defer func() { <-free }()
			for _, d := range byInstance[id] {
				if err := s.deliver(ctx, id, d); err != nil {
					mu.Lock()
					failed = err
					mu.Unlock()
					return
				}
			}
		})
	}
	dealing.Wait()
	return failed
}

// correlate returns the instances that an event reaches, each with the version in which
// the event begins it, if it does: for all of them the newest one in which it begins any.
func (s *session) correlate(e daybook.Recorded) (reached map[string]int, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("process %s: correlating %s at position %d panicked: %v", s.name, e.Type, e.Position, cause)
		}
	}()
	began := 0 // the version in which the event begins instances
	for _, version := range s.versions.newest() {
		d := s.versions[version]
		if _, reacts := slices.BinarySearch(d.names, e.Type); !reacts {
			continue
		}
		facts, err := d.codec.Facts(e)
		if err != nil {
			return nil, fmt.Errorf("process %s: %w", s.name, err)
		}
		for _, fact := range facts {
			id, starts := d.correlate(fact, e)
			if id == "" {
				continue
			}
			if err := daybook.Stream(streamOf(s.name, id)).Validate(); err != nil {
				return nil, fmt.Errorf("process %s: correlating %s at position %d: %w", s.name, e.Type, e.Position, err)
			}
			if reached == nil {
				reached = make(map[string]int)
			}
			if _, known := reached[id]; !known {
				reached[id] = 0
			}
			if starts && (began == 0 || began == version) {
				reached[id], began = version, version
			}
		}
	}
	return reached, nil
}

// deliver has an instance take an event. Events come in the order of the log, to every
// instance and from every runner: what is not after the newest one received was taken, or
// was none of the instance's.
func (s *session) deliver(ctx context.Context, id string, d delivery) error {
	return s.take(ctx, id, func(i *instance) *input {
		version := i.number
		switch {
		case version == 0 && d.starts == 0, i.finished, d.event.Position <= i.seen && !d.late:
			return nil
		case version == 0:
			version = d.starts
		}
		definition := s.versions[version]
		if definition == nil {
			return nil
		}
		if _, reacts := slices.BinarySearch(definition.names, d.event.Type); !reacts {
			return nil
		}
		facts, err := definition.codec.Facts(d.event)
		if err == nil && !slices.ContainsFunc(facts, func(fact any) bool {
			reached, _ := definition.correlate(fact, d.event)
			return reached == id
		}) {
			return nil
		}
		r := received{Event: d.event.ID, Position: d.event.Position, Type: d.event.Type}
		if i.number == 0 {
			r.Version = version
		}
		trace := d.event.Trace().By(d.event.ID.String())
		if trace.Correlation == "" {
			trace.Correlation = trace.Causation
		}
		return &input{
			id: receivedID(d.event.ID, s.name, id), what: r, at: d.event.RecordedAt, trace: trace,
			event: d.event, facts: facts, lost: err,
		}
	})
}

// bookmark returns after which position to begin: what was dealt with for all versions of
// this program. A version that is new begins where the others have come to, or with the
// first event.
//
// The bookmark lies in the log, names nothing behind itself, and is saved only in the
// life in which it was reached: so it is right in every life of the log.
func (s *session) bookmark(ctx context.Context) (daybook.Position, error) {
	kept, _, err := s.readBookmark(ctx)
	if err != nil {
		return 0, err
	}
	var newest daybook.Position
	for _, at := range kept {
		newest = max(newest, at)
	}
	begin, isNew := newest, false
	for version := range s.versions {
		if at, known := kept[version]; known {
			begin = min(begin, at)
		} else {
			isNew = true
		}
	}
	if isNew && newest > 0 {
		// Instances may begin in the new version from here on, and what reaches them must be
		// found again, although others go on moving the bookmark of older versions.
		if err := s.saveBookmark(ctx, begin); err != nil {
			return 0, err
		}
	}
	return begin, nil
}

// readBookmark returns the bookmarks by version, and the version of their stream, in which
// there are notes about events that were set aside, too.
func (s *session) readBookmark(ctx context.Context) (map[int]daybook.Position, daybook.Version, error) {
	reading, err := s.store.Read(ctx, daybook.Stream(ownStream(s.name)), daybook.Span{Backward: true})
	if err != nil {
		return nil, 0, err
	}
	var version daybook.Version
	for e, err := range reading.Events() {
		if err != nil {
			return nil, 0, err
		}
		version = max(version, e.Version)
		if e.Type != typeBookmarked {
			continue
		}
		r, err := recordOf(e)
		if err != nil {
			return nil, 0, err
		}
		return r.(bookmarked).Versions, version, nil
	}
	return nil, version, nil
}

// saveBookmark notes that everything up to a position was dealt with for all versions of
// this program.
func (s *session) saveBookmark(ctx context.Context, at daybook.Position) error {
	for range 3 {
		kept, version, err := s.readBookmark(ctx)
		if err != nil {
			return err
		}
		next, moved := make(map[int]daybook.Position), false
		maps.Copy(next, kept)
		for v := range s.versions {
			if before, known := kept[v]; !known || before < at {
				next[v], moved = at, true
			}
		}
		if !moved {
			return nil
		}
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		e, err := eventOf(ownStream(s.name), id, bookmarked{next}, daybook.Trace{})
		if err != nil {
			return err
		}
		_, err = s.append(ctx, []daybook.Event{e}, daybook.At(ownStream(s.name), version))
		if err == nil {
			return nil
		}
		if !isConflict(err) {
			return err
		}
	}
	return nil // others are keeping it
}
