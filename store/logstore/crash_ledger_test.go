//go:build !race

package logstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs/crashfs"
)

// A ledger notes what a store promised in a run on a crashfs.Disk, and after which of
// the disk's calls, so that what a power cut leaves can be held against it. It is safe
// for use by many goroutines.
type ledger struct {
	disk *crashfs.Disk

	mu sync.Mutex
	// made are all appends that were asked for, each once however often it was asked
	// for again.
	made   []*intent
	byID   map[uuid.UUID]*intent // by the id of the first event
	log    []promise             // by position, from 1
	broken error                 // the first promise that the store itself took back during the run
}

// An intent is events that somebody wants recorded.
type intent struct {
	events []daybook.Event
	asks   []*ask
}

// An ask is one append of an intent.
type ask struct {
	called, returned int // calls of the disk; returned is large until it is answered
	outcome          outcome
}

type outcome int

const (
	absent   outcome = iota // definitely not recorded by this ask
	unknown                 // or not answered
	recorded                // promised
)

// A promise is that a position holds an event, from a call of the disk on.
type promise struct {
	call  int
	event daybook.Recorded // zero if only known to be there
	known bool
}

const never = int(^uint(0) >> 1)

func newLedger(disk *crashfs.Disk) *ledger {
	return &ledger{disk: disk, byID: make(map[uuid.UUID]*intent)}
}

// append appends and notes the answer, which it returns.
func (l *ledger) append(s daybook.Store, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
	a := &ask{called: l.disk.Calls(), returned: never, outcome: unknown}
	l.mu.Lock()
	in := l.byID[events[0].ID]
	foreign := in != nil && !slices.EqualFunc(in.events, events, func(a, b daybook.Event) bool { return a.ID == b.ID && a.Stream == b.Stream })
	if in == nil {
		in = &intent{events: events}
		l.made, l.byID[events[0].ID] = append(l.made, in), in
	}
	if !foreign {
		in.asks = append(in.asks, a)
	}
	l.mu.Unlock()

	receipt, err := s.Append(context.Background(), events, cond)
	call := l.disk.Calls()

	l.mu.Lock()
	defer l.mu.Unlock()
	a.returned = call
	var conflict *daybook.ConflictError
	var reused *daybook.ReusedError
	var lost *daybook.UnknownError
	var unavailable *daybook.UnavailableError
	switch {
	case err == nil && foreign:
		l.breaks("ids of %v were taken for something else, and are acknowledged", events[0].ID)
	case err == nil:
		a.outcome = recorded
		l.acknowledged(call, in.events, receipt)
	case errors.As(err, &conflict):
		a.outcome = absent
		l.promise(call, conflict.At.Position, nil)
		for _, f := range conflict.Failures {
			l.promise(call, f.Position, nil)
		}
	case errors.As(err, &reused):
		a.outcome = absent
		l.promise(call, reused.Position, nil)
	case errors.As(err, &lost):
		if len(lost.IDs) != len(events) || lost.IDs[0] != events[0].ID {
			l.breaks("unknown names the ids %v, want those of %d events from %s on", lost.IDs, len(events), events[0].ID)
		}
	case errors.As(err, &unavailable):
		a.outcome = absent
	default:
		l.breaks("an append answers %v", err)
	}
	return receipt, err
}

// acknowledged notes what a receipt promises.
func (l *ledger) acknowledged(call int, events []daybook.Event, receipt daybook.Receipt) {
	versions := make(map[string]daybook.Version, 1)
	for stream, v := range receipt.Versions {
		versions[stream] = v
	}
	for i := len(events) - 1; i >= 0; i-- {
		e := events[i]
		e.Data = slices.Clone(e.Data)
		r := daybook.Recorded{Event: e, Position: receipt.Position - daybook.Position(len(events)-1-i), RecordedAt: receipt.RecordedAt}
		if e.Stream != "" {
			r.Version = versions[e.Stream]
			versions[e.Stream]--
		}
		l.promise(call, r.Position, &r)
	}
}

// seen notes what was read: it must never vanish nor change.
func (l *ledger) seen(call int, log []daybook.Recorded) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range log {
		l.promise(call, log[i].Position, &log[i])
	}
}

func (l *ledger) promise(call int, p daybook.Position, e *daybook.Recorded) {
	if p == 0 {
		return
	}
	for len(l.log) < int(p) {
		l.log = append(l.log, promise{call: never})
	}
	have := &l.log[p-1]
	have.call = min(have.call, call)
	if e == nil {
		return
	}
	if !have.known {
		have.event, have.known = *e, true
		return
	}
	if !same(have.event, *e) {
		l.breaks("position %d was promised as %s and as %s", p, describe(have.event), describe(*e))
	}
}

func (l *ledger) breaks(format string, args ...any) {
	if l.broken == nil {
		l.broken = fmt.Errorf(format, args...)
	}
}

// check holds a log against what had been promised when the disk had made some calls.
func (l *ledger) check(call int, log []daybook.Recorded) error {
	for i, p := range l.log {
		if p.call > call {
			continue
		}
		if i >= len(log) {
			return fmt.Errorf("position %d was promised after call %d, and the log ends at %d", i+1, p.call, len(log))
		}
		if p.known && !same(p.event, log[i]) {
			return fmt.Errorf("position %d was promised after call %d as %s, and holds %s", i+1, p.call, describe(p.event), describe(log[i]))
		}
	}
	if err := sound(log); err != nil {
		return err
	}

	found := make(map[*intent]bool, len(log))
	for i := 0; i < len(log); {
		in := l.byID[log[i].ID]
		if in == nil {
			return fmt.Errorf("position %d holds %s, and no append begins with it", i+1, describe(log[i]))
		}
		if found[in] {
			return fmt.Errorf("position %d holds %s a second time", i+1, describe(log[i]))
		}
		found[in] = true
		for j, e := range in.events {
			if i+j >= len(log) || !log[i+j].Repeats(e) || log[i+j].Stub == nil && !sameEvent(e, log[i+j].Event) {
				return fmt.Errorf("the append of %d events at position %d is there in part: not its event %d", len(in.events), i+1, j+1)
			}
			if !log[i+j].RecordedAt.Equal(log[i].RecordedAt) {
				return fmt.Errorf("the events of one append at position %d were recorded at different times", i+1)
			}
		}
		i += len(in.events)
		if i < len(log) && !log[i].RecordedAt.After(log[i-1].RecordedAt) {
			return fmt.Errorf("position %d was recorded at %v, and the one before not earlier", i+1, log[i].RecordedAt)
		}
	}
	for _, in := range l.made {
		if found[in] && !in.possible(call) {
			return fmt.Errorf("the append of %s is there, and whoever asked for it by then was told that it is not", describe(daybook.Recorded{Event: in.events[0]}))
		}
	}
	return nil
}

// possible reports whether some ask may have recorded the events, as far as was known
// after a call.
func (in *intent) possible(call int) bool {
	for _, a := range in.asks {
		if a.called <= call && (a.returned > call || a.outcome != absent) {
			return true
		}
	}
	return false
}

// recorded reports whether the events were acknowledged.
func (in *intent) recorded() bool {
	return slices.ContainsFunc(in.asks, func(a *ask) bool { return a.outcome == recorded })
}

func same(a, b daybook.Recorded) bool {
	if a.Position != b.Position || a.Version != b.Version || !a.RecordedAt.Equal(b.RecordedAt) {
		return false
	}
	if a.Stub != nil || b.Stub != nil { // it may have become one, and may be none again after a power cut
		return a.ID == b.ID && a.Stream == b.Stream && a.Digest() == b.Digest()
	}
	return sameEvent(a.Event, b.Event)
}

func sameEvent(a, b daybook.Event) bool {
	return a.ID == b.ID && a.Stream == b.Stream && a.Type == b.Type && slices.Equal(a.Tags, b.Tags) && bytes.Equal(a.Data, b.Data)
}

func describe(e daybook.Recorded) string {
	return fmt.Sprintf("%s %s of %q (version %d, %d bytes, recorded %v)", e.ID, e.Type, e.Stream, e.Version, len(e.Data), e.RecordedAt)
}
