package daybook

import "time"

// A Receipt says where an append stands in the log, and how durably. It is also
// the token with which anybody may ask to see what it stands for: a read model
// that has come to its Point shows it.
type Receipt struct {
	// Point is that of the last event recorded; for an append of no events, the one
	// at which its condition held.
	Point
	// Versions holds, for each stream that was written, the version of its last event.
	Versions map[string]Version
	// RecordedAt is the time that the events carry.
	RecordedAt time.Time
	// Durability is what the events survive from now on.
	Durability Durability
	// Repeated reports that the events had been recorded before this append.
	Repeated bool
}

// ReceiptOf rebuilds the receipt of events that were recorded together. It is for
// those who implement stores: events must be next to each other in the log that
// life names, and not be empty.
func ReceiptOf(life Point, events []Recorded, durability Durability, repeated bool) Receipt {
	last := events[len(events)-1]
	receipt := Receipt{
		Point:      life.At(last.Position),
		Versions:   make(map[string]Version, 1),
		RecordedAt: last.RecordedAt,
		Durability: durability,
		Repeated:   repeated,
	}
	for _, e := range events {
		if e.Stream != "" {
			receipt.Versions[e.Stream] = e.Version
		}
	}
	return receipt
}
