package logstore

import (
	"context"
	"fmt"

	"github.com/daybook-es/daybook"
)

// everything reads a store's whole log, what is forgotten of it too.
func everything(s daybook.Store) ([]daybook.Recorded, error) { return selected(s, daybook.All()) }

func selected(s daybook.Store, q daybook.Query) ([]daybook.Recorded, error) {
	reading, err := s.Read(context.Background(), q, daybook.Span{Forgotten: true})
	if err != nil {
		return nil, err
	}
	var log []daybook.Recorded
	for e, err := range reading.Events() {
		if err != nil {
			return nil, err
		}
		log = append(log, e)
	}
	return log, nil
}

// sound looks at a log alone: positions and versions have no gaps.
func sound(log []daybook.Recorded) error {
	versions := make(map[string]daybook.Version)
	for i, e := range log {
		if e.Position != daybook.Position(i+1) {
			return fmt.Errorf("event %d of the log is at position %d", i+1, e.Position)
		}
		want := daybook.Version(0)
		if e.Stream != "" {
			versions[e.Stream]++
			want = versions[e.Stream]
		}
		if e.Version != want {
			return fmt.Errorf("position %d has version %d of %q, want %d", e.Position, e.Version, e.Stream, want)
		}
	}
	return nil
}

// abandonStore leaves a store without closing it, and its directory to the next one.
func abandonStore(s *Store) {
	s.order.stop()
	s.compression.wait.Wait()
	s.home.indexer.stop()
	s.journal.(*disk).spare.wait.Wait()
	s.lock.Close()
}
