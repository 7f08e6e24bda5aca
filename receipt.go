package daybook

import "time"

// A Receipt says where the events of an append stand in the log, and how durably.
// Its Point is also the token with which anybody may ask to see them: a read model
// that has come that far shows them.
type Receipt struct {
	// Point is that of the last event recorded. For an append of no events it is the
	// point at which the condition held.
	Point
	// Versions holds, for each stream that was written, the version of its last event.
	Versions map[string]Version
	// RecordedAt is the time that the events carry; zero if there are none.
	RecordedAt time.Time
	// Durability is what the events survive from now on. It is zero if nothing was
	// handed to a store.
	Durability Durability
	// Repeated reports that the events had been recorded before this append.
	Repeated bool
}

// ReceiptOf returns the receipt of events that were recorded together, at least
// one, in the log and incarnation of life. It is for those who implement stores.
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
