package process

import (
	"container/list"
	"sync"

	"github.com/daybook-es/daybook"
)

// slots hold the instances that are in use, each for one goroutine at a time, and the
// states of those that were used last.
type slots struct {
	warm int // how many that nobody uses are kept

	mu   sync.Mutex
	byID map[string]*slot
	idle list.List // of *slot, the one used last in front
}

// A slot is the place of one instance. What it holds belongs to whoever has locked it.
type slot struct {
	id string
	mu sync.Mutex
	// instance is as the stream was when it was last looked at; nil if nobody knows.
	instance *instance

	users int             // guarded by the mutex of the slots, like what follows
	seen  daybook.Version // of the stream: there is so much to know
	idle  *list.Element   // its place among those that nobody uses
}

// lock returns the slot of an instance once nobody else uses it.
func (s *slots) lock(id string) *slot {
	s.mu.Lock()
	if s.byID == nil {
		s.byID = make(map[string]*slot)
	}
	of, known := s.byID[id]
	if !known {
		of = &slot{id: id}
		s.byID[id] = of
	}
	of.users++
	if of.idle != nil {
		s.idle.Remove(of.idle)
		of.idle = nil
	}
	s.mu.Unlock()
	of.mu.Lock()
	return of
}

// unlock gives a slot back.
func (s *slots) unlock(of *slot) {
	of.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if of.users--; of.users > 0 {
		return
	}
	of.idle = s.idle.PushFront(of)
	if s.idle.Len() > s.warm {
		oldest := s.idle.Remove(s.idle.Back()).(*slot)
		delete(s.byID, oldest.id)
	}
}

// saw notes that the stream of an instance has come so far.
func (s *slots) saw(id string, version daybook.Version) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if of := s.byID[id]; of != nil {
		of.seen = max(of.seen, version)
	}
}

// isStale reports whether there is more to know than what a slot holds.
func (s *slots) isStale(of *slot) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return of.instance == nil || of.instance.at < of.seen
}
