package process

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// A History is what an instance saw and what it decided, in the order of its stream: for
// people. [History.Text] and [History.SVG] draw it.
type History struct {
	// Process and Instance say which instance, and Version in which version of the process
	// it began.
	Process, Instance string
	Version           int
	// Status is "live", "done", "set aside" or, of an instance that has not begun, "not begun".
	Status string
	// Entries are its events, the oldest first.
	Entries []Entry
}

// A Side says where an [Entry] belongs.
type Side uint8

// The sides of a history.
const (
	// Inbox: what the instance saw.
	Inbox Side = iota + 1
	// Outbox: what it decided.
	Outbox
	// Note: what its runner noted about it.
	Note
)

// An Entry is one event of an instance's stream.
type Entry struct {
	// N is its version in the stream, and At when it was recorded.
	N  daybook.Version
	At time.Time
	// Side says whether it was seen, decided or noted.
	Side Side
	// What says it in a few words, such as "send ReserveStock", and Detail the rest, which
	// may be long and of any form.
	What, Detail string
	// About is the N of the entry that it is the outcome or the retry of, or that it is
	// about otherwise; zero if there is none.
	About daybook.Version
	// Outcome is what became of something that was decided: "open", "accepted", "refused",
	// "done", "failed", "pending", "fired", "cancelled" or "undone". It is empty for what
	// has no outcome.
	Outcome string
}

// ReadHistory reads the history of an instance. It needs no runner and no definition. An
// instance that has not begun has no entries. The error is that of the store.
func ReadHistory(ctx context.Context, store daybook.Store, process, instance string) (*History, error) {
	reading, err := store.Read(ctx, daybook.Stream(streamOf(process, instance)), daybook.Span{})
	if err != nil {
		return nil, err
	}
	h := &historian{History: History{Process: process, Instance: instance, Status: "not begun"}, places: make(map[uuid.UUID]int)}
	for e, err := range reading.Events() {
		if err != nil {
			return nil, err
		}
		r, err := recordOf(e)
		if err != nil {
			r = unreadable{err}
		}
		h.write(e, r)
	}
	return &h.History, nil
}

// A historian writes a history.
type historian struct {
	History
	places map[uuid.UUID]int // where the entry of an event is
}

// write adds the entry of one event.
func (h *historian) write(e daybook.Recorded, r record) {
	entry := Entry{N: e.Version, At: e.RecordedAt, Side: Outbox}
	switch r := r.(type) {
	case received:
		entry.Side, entry.What, entry.Detail = Inbox, r.Type, fmt.Sprintf("at position %d", r.Position)
		if r.Version > 0 {
			h.Version, h.Status = r.Version, "live"
		}
	case answered:
		entry.Side, entry.About = Inbox, h.about(r.Step)
		if r.Refused == nil {
			entry.What = h.named(r.Step, "accepted")
			h.became(r.Step, "accepted")
			break
		}
		entry.What, entry.Detail = h.named(r.Step, "refused"), r.Refused.Rule
		if r.Refused.Reason != r.Refused.Rule {
			entry.Detail += ": " + r.Refused.Reason
		}
		h.became(r.Step, "refused")
	case returned:
		entry.Side, entry.About = Inbox, h.about(r.Step)
		if r.Failure != "" {
			entry.What, entry.Detail = h.named(r.Step, "failed"), r.Failure
			h.became(r.Step, "failed")
			break
		}
		entry.What, entry.Detail = h.named(r.Step, "done"), compact(r.Result)
		h.became(r.Step, "done")
	case fired:
		entry.Side, entry.About = Inbox, h.about(r.ID)
		entry.What, entry.Detail = fmt.Sprintf("deadline %s", r.Name), "due "+stamp(r.Due)
		h.became(r.ID, "fired")

	case sent:
		entry.What, entry.Detail, entry.Outcome = "send "+r.Name, compact(r.Data), "open"
		h.undoes(&entry, r.Undoes)
	case asked:
		entry.What, entry.Detail, entry.Outcome = "ask "+r.Name, compact(r.Data), "open"
		h.undoes(&entry, r.Undoes)
	case scheduled:
		entry.What, entry.Detail, entry.Outcome = "deadline "+r.Name, "due "+stamp(r.Due), "pending"
	case cancelled:
		entry.What, entry.About = "cancel "+r.Name, h.about(r.ID)
		h.became(r.ID, "cancelled")
	case undoable:
		entry.What, entry.Detail = "undo by "+r.Name, compact(r.Data)
	case compensated:
		entry.What = "compensate"
		if n := len(r.Late); n > 0 {
			entry.Detail = fmt.Sprintf("also what is on its way: %d", n)
		}
	case finished:
		entry.What, h.Status = "done", "done"

	case calling:
		entry.Side, entry.About = Note, h.about(r.Step)
		entry.What, entry.Detail = h.named(r.Step, fmt.Sprintf("call %d", r.Call)), r.Failure
	case setAside:
		entry.Side, entry.What, entry.Detail = Note, "set aside", r.Cause
		entry.About, h.Status = h.aboutEither(r.Input, r.Step), "set aside"
	case unreadable:
		entry.Side, entry.What, entry.Detail, h.Status = Inbox, e.Type, r.err.Error(), "set aside"
	case retried:
		entry.Side, entry.What, entry.About = Note, "retried", h.aboutEither(r.Input, r.Step)
		h.goOn(r.Last)
	case skipped:
		entry.Side, entry.What, entry.Detail = Note, "skipped", r.Reason
		entry.About = h.aboutEither(r.Input, r.Step)
		h.goOn(r.Last)
	}
	h.places[e.ID] = len(h.Entries)
	h.Entries = append(h.Entries, entry)
}

// goOn notes that nothing is left that the instance cannot take.
func (h *historian) goOn(last bool) {
	if last {
		h.Status = "live"
	}
}

// entry returns the entry of an event; nil if the history has none.
func (h *historian) entry(id uuid.UUID) *Entry {
	if n, there := h.places[id]; there {
		return &h.Entries[n]
	}
	return nil
}

func (h *historian) about(id uuid.UUID) daybook.Version {
	if e := h.entry(id); e != nil {
		return e.N
	}
	return 0
}

func (h *historian) aboutEither(input, step *uuid.UUID) daybook.Version {
	if input == nil {
		input = step
	}
	if input == nil {
		return 0
	}
	return h.about(*input)
}

// named returns what became of a step, with its name in front.
func (h *historian) named(step uuid.UUID, became string) string {
	e := h.entry(step)
	if e == nil {
		return became
	}
	for _, verb := range []string{"send ", "ask "} {
		if len(e.What) > len(verb) && e.What[:len(verb)] == verb {
			return e.What[len(verb):] + " " + became
		}
	}
	return e.What + " " + became
}

func (h *historian) became(id uuid.UUID, outcome string) {
	if e := h.entry(id); e != nil {
		e.Outcome = outcome
	}
}

// undoes notes that one entry undoes another.
func (h *historian) undoes(entry *Entry, id *uuid.UUID) {
	if id == nil {
		return
	}
	entry.About = h.about(*id)
	h.became(*id, "undone")
}

// compact returns JSON on one line.
func compact(data json.RawMessage) string {
	if s := string(data); s != "{}" && s != "null" {
		return s
	}
	return ""
}

// stamp writes a time for people, to the millisecond.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000") }
