package projection

import (
	"math"
	"time"
)

// A rate counts, and says how fast lately: what was counted weighs less the longer ago
// it was, by half every seven seconds.
type rate struct {
	events uint64 // in all

	since          time.Time // when the first were counted
	last           time.Time
	eventsWeight   float64
	positionWeight float64
}

// fade is after how long a count weighs 1/e: ten seconds, long enough for a number that
// can be read, short enough to follow what one does.
const fade = 10 * time.Second

func (r *rate) add(now time.Time, events, positions uint64) {
	if r.since.IsZero() {
		r.since, r.last = now, now
	}
	weight := r.weight(now)
	r.eventsWeight = r.eventsWeight*weight + float64(events)
	r.positionWeight = r.positionWeight*weight + float64(positions)
	r.events += events
	r.last = now
}

func (r *rate) weight(now time.Time) float64 {
	return math.Exp(-float64(now.Sub(r.last)) / float64(fade))
}

// lately returns the events applied and the positions passed in a second.
func (r *rate) lately(now time.Time) (events, positions float64) {
	if r.since.IsZero() {
		return 0, 0
	}
	// What was counted since the beginning would weigh this much at a rate of one.
	span := fade.Seconds() * (1 - math.Exp(-float64(now.Sub(r.since))/float64(fade)))
	if span <= 0 {
		return 0, 0
	}
	weight := r.weight(now)
	return r.eventsWeight * weight / span, r.positionWeight * weight / span
}
