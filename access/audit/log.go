package audit

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
)

// stream is the one stream of an audit log. The version of an event in it is the number of
// the entry.
const stream = "audit"

// The types of events. They are for ever.
const (
	actPermitted      = "ActPermitted"
	actDenied         = "ActDenied"
	credentialRefused = "CredentialRefused" // #nosec G101 -- the name of an event
	denialsCounted    = "DenialsCounted"
)

// typeOf returns the type of the event that an entry becomes.
var typeOf = map[string]string{access.Permitted: actPermitted, access.Denied: actDenied, access.Refused: credentialRefused}

// kept is what is recorded of an entry, or of those that were counted together.
type kept struct {
	// Previous is the digest of the mark before this entry.
	Previous string `json:"previous"`
	access.Entry
	// Since is when the first of those that are counted was, and Counted what they are.
	Since   time.Time `json:"since,omitzero"`
	Counted []Counted `json:"counted,omitempty"`
}

// Counted is an entry of which there were several, told once.
type Counted struct {
	access.Entry
	Times uint64 `json:"times"`
}

// Options adjust an audit log. The zero value, and nil, are right for most programs: then
// denials and refused credentials take less than 100 MB a day, however many there are.
type Options struct {
	// Window is for how long what is denied again is counted before it is written. What was
	// counted and not written yet is lost in a crash; what then cannot be written, the Logger
	// is told. Zero means a minute.
	Window time.Duration
	// Burst is how many denials of known principals are written one by one within a window,
	// and a tenth of that how many of strangers. The rest are counted. Zero means 60.
	Burst int
	// Kinds is how many kinds of denial are counted apart within a window: the same act of
	// the same principal for the same reason. The rest are counted together. Zero means 50.
	Kinds int
	// Logger is told of marks, and of what could not be written. Nil means slog.Default.
	Logger *slog.Logger
}

// A Log is an audit log. It is an [access.Recorder]. It may be used by many goroutines. While
// something is counted, a timer runs; Close ends it.
type Log struct {
	store   daybook.Store
	options Options

	writing chan struct{} // holds a token while an entry is written
	mark    Mark          // of all entries that are known

	flushing sync.Mutex // held by whoever writes what was counted

	mu      sync.Mutex
	since   time.Time // when the window began; zero if there is none
	written [2]int    // how many were written one by one within it: of principals, of strangers
	known   map[kind]*Counted
	rest    map[string]*Counted // by outcome
	timer   *time.Timer
	closed  bool
}

// A kind of denial is what is told once.
type kind struct{ outcome, act, name, principal, by, reason string }

// Open opens the audit log in a store, which must stay open until the log is closed. Nil
// options mean the zero Options. It reads the entries that there are and follows their chain;
// one that is broken is an error, since what comes after could not be told from what was put
// there.
func Open(ctx context.Context, store daybook.Store, options *Options) (*Log, error) {
	l := &Log{store: store, writing: make(chan struct{}, 1), mark: start}
	if options != nil {
		l.options = *options
	}
	if l.options.Window == 0 {
		l.options.Window = time.Minute
	}
	if l.options.Burst == 0 {
		l.options.Burst = 60
	}
	if l.options.Kinds == 0 {
		l.options.Kinds = 50
	}
	if l.options.Logger == nil {
		l.options.Logger = slog.Default()
	}
	l.reset()
	if err := l.catchUp(ctx); err != nil {
		return nil, err
	}
	l.options.Logger.InfoContext(ctx, "audit log", "mark", l.mark.String())
	return l, nil
}

// Record implements [access.Recorder]. When it returns nil, the entry is recorded as durably as
// the store records; when it does not, it may be recorded all the same, and nothing is lost by
// that.
func (l *Log) Record(ctx context.Context, e access.Entry) error {
	mark, err := l.write(ctx, typeOf[e.Outcome], kept{Entry: e})
	if err == nil {
		l.options.Logger.InfoContext(ctx, "audit log", "mark", mark.String(), "act", e.Act+" "+e.Name, "principal", e.Principal)
	}
	return err
}

// Tell implements [access.Recorder].
func (l *Log) Tell(ctx context.Context, e access.Entry) error {
	if !l.atOnce(e) {
		return nil
	}
	// It is written although whoever was denied may have gone.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_, err := l.write(ctx, typeOf[e.Outcome], kept{Entry: e})
	return err
}

// atOnce reports whether an entry is to be written at once, and counts it otherwise.
func (l *Log) atOnce(e access.Entry) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return true
	}
	if l.since.IsZero() {
		l.since = time.Now()
		l.timer = time.AfterFunc(l.options.Window, l.flush)
	}
	k := kind{e.Outcome, e.Act, e.Name, e.Principal, e.By, e.Reason}
	if again := l.known[k]; again != nil {
		again.Times++
		again.Origin = e.Origin
		return false
	}
	who, most := 0, l.options.Burst
	if e.Principal == "" {
		who, most = 1, max(1, l.options.Burst/10)
	}
	if l.written[who] < most {
		l.written[who]++
		l.known[k] = &Counted{Entry: e}
		return true
	}
	if len(l.known) < l.options.Burst+l.options.Burst/10+l.options.Kinds {
		l.known[k] = &Counted{Entry: e, Times: 1}
		return false
	}
	if l.rest[e.Outcome] == nil {
		l.rest[e.Outcome] = &Counted{Entry: access.Entry{Outcome: e.Outcome, Reason: "others, of which there are too many to tell them apart"}}
	}
	l.rest[e.Outcome].Times++
	return false
}

// reset begins to count anew. The caller holds mu, or is alone.
func (l *Log) reset() {
	l.since, l.written, l.known, l.rest = time.Time{}, [2]int{}, make(map[kind]*Counted), make(map[string]*Counted)
}

// flush writes what was counted, once another flush has ended: when the log closes, nothing is
// on its way to a store that may be gone.
func (l *Log) flush() {
	l.flushing.Lock()
	defer l.flushing.Unlock()
	l.mu.Lock()
	entry := kept{Since: l.since.UTC()}
	for _, c := range l.known {
		if c.Times > 0 {
			entry.Counted = append(entry.Counted, *c)
		}
	}
	for _, c := range l.rest {
		entry.Counted = append(entry.Counted, *c)
	}
	l.reset()
	l.mu.Unlock()
	if len(entry.Counted) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if _, err := l.write(ctx, denialsCounted, entry); err != nil {
		l.options.Logger.ErrorContext(ctx, "denials could not be written into the audit log", "counted", entry.Counted, "error", err)
	}
}

// Close writes what was counted. The store is the caller's to close.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.timer != nil {
		l.timer.Stop()
	}
	l.closed = true
	l.mu.Unlock()
	l.flush()
	l.writing <- struct{}{}
	defer l.leave()
	l.options.Logger.Info("audit log", "mark", l.mark.String())
	return nil
}

// Mark returns the mark of all entries that there are.
func (l *Log) Mark(ctx context.Context) (Mark, error) {
	if err := l.enter(ctx); err != nil {
		return Mark{}, err
	}
	defer l.leave()
	err := l.catchUp(ctx)
	return l.mark, err
}

// enter waits until nobody else writes, or until ctx ends: while the store does not answer,
// those who wait must not become more and more. Whoever has entered leaves.
func (l *Log) enter(ctx context.Context) error {
	select {
	case l.writing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("access: audit log: %w", context.Cause(ctx))
	}
}

func (l *Log) leave() { <-l.writing }

// write records an entry behind the last one, whoever wrote that.
func (l *Log) write(ctx context.Context, eventType string, entry kept) (Mark, error) {
	if err := l.enter(ctx); err != nil {
		return Mark{}, err
	}
	defer l.leave()
	event := daybook.Event{ID: uuid.Must(uuid.NewV7()), Stream: stream, Type: eventType, Metadata: daybook.TraceOf(ctx).Metadata()}
	for unknown := 0; ; {
		entry.Previous = hex.EncodeToString(l.mark.Digest[:])
		data, err := json.Marshal(entry, json.Deterministic(true))
		if err != nil {
			return l.mark, fmt.Errorf("access: audit log: %w", err)
		}
		event.Data = data
		_, err = l.store.Append(ctx, []daybook.Event{event}, daybook.At(stream, daybook.Version(l.mark.Entries)))
		conflict, perhaps := (*daybook.ConflictError)(nil), (*daybook.UnknownError)(nil)
		switch {
		case err == nil:
			// What is recorded is recorded; but a chain that somebody broke meanwhile is told.
			broken := (*BrokenError)(nil)
			if err := l.catchUp(ctx); errors.As(err, &broken) {
				return l.mark, err
			}
			return l.mark, nil
		case errors.As(err, &conflict):
			// Another process was first, and this entry is not recorded.
			if err := l.catchUp(ctx); err != nil {
				return l.mark, err
			}
		case errors.As(err, &perhaps) && ctx.Err() == nil && unknown < 3:
			unknown++ // it is the same event, which is recorded once
		default:
			return l.mark, fmt.Errorf("access: audit log: %w", err)
		}
	}
}

// catchUp reads the entries that are not known yet, and follows their chain.
func (l *Log) catchUp(ctx context.Context) error {
	reading, err := l.store.Read(ctx, daybook.Stream(stream), daybook.Span{AfterVersion: daybook.Version(l.mark.Entries)})
	if err != nil {
		return fmt.Errorf("access: audit log: %w", err)
	}
	for e, err := range reading.Events() {
		if err != nil {
			return fmt.Errorf("access: audit log: %w", err)
		}
		if l.mark, err = follow(l.mark, e); err != nil {
			return err
		}
	}
	return nil
}

// A BrokenError reports an audit log that is not as it was written.
type BrokenError struct {
	// Entry is the number of the first entry that shows it.
	Entry uint64
	// Reason says how.
	Reason string
}

func (e *BrokenError) Error() string {
	return fmt.Sprintf("access: the audit log is not as it was written: entry %d %s", e.Entry, e.Reason)
}

// follow returns the mark after an entry, if the entry is the next of the chain.
func follow(mark Mark, e daybook.Recorded) (Mark, error) {
	number := mark.Entries + 1
	entry, err := read(e)
	switch {
	case uint64(e.Version) != number:
		return mark, &BrokenError{number, fmt.Sprintf("is missing; the next one is %d", e.Version)}
	case e.Forgotten || e.Stub != nil:
		return mark, &BrokenError{number, "is forgotten"}
	case err != nil:
		return mark, &BrokenError{number, "cannot be read: " + err.Error()}
	case entry.Previous != hex.EncodeToString(mark.Digest[:]):
		return mark, &BrokenError{number, "does not follow the one before, as that stands now"}
	}
	return mark.and(e), nil
}

// read reads what is recorded of an entry.
func read(e daybook.Recorded) (entry kept, err error) {
	err = json.Unmarshal(e.Data, &entry)
	return entry, err
}

// An Entry is what stands in an audit log.
type Entry struct {
	// Number counts the entries, from 1.
	Number uint64 `json:"number"`
	// At is when it was written.
	At time.Time `json:"at"`
	// Correlation is that of the request.
	Correlation string `json:"correlation_id,omitempty"`
	access.Entry
	// Since is when the first of those that are counted was, and Counted what they are; for an
	// entry that tells of several.
	Since   time.Time `json:"since,omitzero"`
	Counted []Counted `json:"counted,omitempty"`
}

// Entries is [Entries] of the log's store.
func (l *Log) Entries(ctx context.Context, after uint64) iter.Seq2[Entry, error] {
	return Entries(ctx, l.store, after)
}

// Entries yields the entries after so many, in order. It does not check them: see [Verify].
func Entries(ctx context.Context, store daybook.Store, after uint64) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		reading, err := store.Read(ctx, daybook.Stream(stream), daybook.Span{AfterVersion: daybook.Version(after)})
		if err != nil {
			yield(Entry{}, err)
			return
		}
		for e, err := range reading.Events() {
			var entry kept
			if err == nil {
				entry, err = read(e)
			}
			if !yield(Entry{
				Number: uint64(e.Version), At: e.RecordedAt, Correlation: e.Trace().Correlation,
				Entry: entry.Entry, Since: entry.Since, Counted: entry.Counted,
			}, err) || err != nil {
				return
			}
		}
	}
}

// Verify reads a whole audit log and returns the mark of all its entries. A [*BrokenError] says
// which entry is not as it was written, by the chain or by the marks that were kept elsewhere.
func Verify(ctx context.Context, store daybook.Store, marks ...Mark) (Mark, error) {
	reading, err := store.Read(ctx, daybook.All(), daybook.Span{Forgotten: true})
	if err != nil {
		return Mark{}, err
	}
	mark := start
	check := func() error {
		for _, m := range marks {
			if m.Entries == mark.Entries && m.Digest != mark.Digest {
				return &BrokenError{mark.Entries, fmt.Sprintf("or one before it was another when the mark %.16s… was taken", m)}
			}
		}
		return nil
	}
	for e, err := range reading.Events() {
		if err == nil && e.Stream != stream {
			err = &BrokenError{mark.Entries + 1, fmt.Sprintf("has before it, at position %d, something that is no entry", e.Position)}
		}
		if err == nil {
			mark, err = follow(mark, e)
		}
		if err == nil {
			err = check()
		}
		if err != nil {
			return mark, err
		}
	}
	for _, m := range marks {
		if m.Entries > mark.Entries {
			return mark, &BrokenError{mark.Entries + 1, fmt.Sprintf("is missing; there were %d when the mark %.16s… was taken", m.Entries, m)}
		}
	}
	return mark, check()
}
