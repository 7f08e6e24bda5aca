package daybook

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
)

// MaxTags is the greatest number of tags on one event: each is a term of the index.
const MaxTags = 1000

// Prepare returns the events of an append as a store is to record them. It gives an
// id of version 7 to events that have none, sets the content type where there is
// none, and converts times to UTC. If names, times, sizes, ids or the condition are
// wrong, it returns an [*InvalidError]. It is for those who implement stores: their
// Append calls it first.
//
// The slice is new; its events share the caller's bytes and tags.
func Prepare(events []Event, cond Condition, limits Limits) ([]Event, error) {
	if len(events) > limits.AppendEvents {
		return nil, &InvalidError{What: "append", Reason: fmt.Sprintf("has %d events, and %d are allowed", len(events), limits.AppendEvents)}
	}
	prepared := make([]Event, len(events))
	bytes := 0
	for i, e := range events {
		if err := prepare(&e); err != nil {
			err.What = fmt.Sprintf("event %d%s", i+1, err.What)
			return nil, err
		}
		bytes += e.Size()
		prepared[i] = e
	}
	if bytes > limits.AppendBytes {
		return nil, &InvalidError{What: "append", Reason: fmt.Sprintf("is of %d bytes, and %d are allowed", bytes, limits.AppendBytes)}
	}
	if err := checkDistinct(prepared); err != nil {
		return nil, err
	}
	if err := checkTombstones(prepared); err != nil {
		return nil, err
	}
	if err := cond.Validate(); err != nil {
		return nil, err
	}
	return prepared, nil
}

// CheckRead returns the error with which a read must be answered before the log is
// looked at: an [*InvalidError] if the query or the span can never be asked, an
// [*UnavailableError] if ctx has ended, or nil. It is for those who implement stores:
// their Read calls it first.
func CheckRead(ctx context.Context, q Query, span Span) error {
	if err := q.Validate(); err != nil {
		return err
	}
	if err := span.Validate(q); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return &UnavailableError{Doing: "read", Err: err}
	}
	return nil
}

// prepare makes one event what a store records.
func prepare(e *Event) *InvalidError {
	if _, about := AboutStream(e.Stream); about {
		if err := checkForgetting(e); err != nil {
			return err
		}
	} else if err := checkOwn(e); err != nil {
		return err
	}
	if err := checkTags(e.Tags); err != nil {
		return err
	}
	if e.ContentType == "" {
		e.ContentType = JSON
	}
	if reason := checkName(e.ContentType); reason != "" {
		return &InvalidError{What: ": content type", Value: e.ContentType, Reason: reason}
	}
	if len(e.ContentType) > MaxContentTypeBytes {
		return &InvalidError{What: ": content type", Value: e.ContentType, Reason: fmt.Sprintf("is longer than %d bytes", MaxContentTypeBytes)}
	}
	if !e.HappenedAt.IsZero() {
		if reason := checkTime(e.HappenedAt); reason != "" {
			return &InvalidError{What: ": happened at", Value: e.HappenedAt.String(), Reason: reason}
		}
		e.HappenedAt = time.Unix(0, e.HappenedAt.UnixNano()).UTC()
	}
	if e.ID == uuid.Nil {
		id, err := uuid.NewV7()
		if err != nil {
			return &InvalidError{What: ": id", Reason: fmt.Sprintf("is missing, and none could be made: %v", err)}
		}
		e.ID = id
	}
	return nil
}

// checkOwn checks the stream and the type of an event that an application records.
func checkOwn(e *Event) *InvalidError {
	if e.Stream != "" {
		if reason := checkOwnName(e.Stream); reason != "" {
			return &InvalidError{What: ": stream", Value: e.Stream, Reason: reason}
		}
	}
	if reason := checkOwnName(e.Type); reason != "" {
		return &InvalidError{What: ": type", Value: e.Type, Reason: reason}
	}
	return nil
}

func checkTags(tags []string) *InvalidError {
	if len(tags) > MaxTags {
		return &InvalidError{What: ": tags", Reason: fmt.Sprintf("are %d, and %d are allowed", len(tags), MaxTags)}
	}
	// Most events carry a handful of tags, which are compared faster than hashed.
	var seen map[string]bool
	if len(tags) > 16 {
		seen = make(map[string]bool, len(tags))
	}
	for i, tag := range tags {
		if reason := checkOwnName(tag); reason != "" {
			return &InvalidError{What: fmt.Sprintf(": tag %d", i+1), Value: tag, Reason: reason}
		}
		twice := seen[tag]
		if seen != nil {
			seen[tag] = true
		} else {
			for _, before := range tags[:i] {
				twice = twice || before == tag
			}
		}
		if twice {
			return &InvalidError{What: fmt.Sprintf(": tag %d", i+1), Value: tag, Reason: "is there twice"}
		}
	}
	return nil
}

// checkDistinct refuses an append that names one id twice.
func checkDistinct(events []Event) error {
	if len(events) < 2 {
		return nil
	}
	seen := make(map[uuid.UUID]int, len(events))
	for i, e := range events {
		if before, twice := seen[e.ID]; twice {
			return &InvalidError{What: fmt.Sprintf("event %d: id", i+1), Value: e.ID.String(), Reason: fmt.Sprintf("is that of event %d", before+1)}
		}
		seen[e.ID] = i
	}
	return nil
}

// checkTombstones refuses an append that writes to a stream behind its tombstone.
func checkTombstones(events []Event) error {
	var gone []string
	for i, e := range events {
		if slices.Contains(gone, e.Stream) {
			return &InvalidError{What: fmt.Sprintf("event %d: stream", i+1), Value: e.Stream, Reason: "is tombstoned by an event before it"}
		}
		if stream, about := AboutStream(e.Stream); about && e.Type == TypeTombstoned {
			gone = append(gone, stream)
		}
	}
	return nil
}
