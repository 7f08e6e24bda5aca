package process

import (
	"container/heap"
	"context"
	"time"
)

// An agenda holds what was put off until a time on the clock of the boot: the next
// attempt at a step, or the moment at which a step is taken over from another runner.
type agenda []later

type later struct {
	at time.Duration
	id string // of an instance
}

func (a agenda) Len() int           { return len(a) }
func (a agenda) Less(i, j int) bool { return a[i].at < a[j].at }
func (a agenda) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)        { *a = append(*a, x.(later)) }
func (a *agenda) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

func (a agenda) isDue(now time.Duration) bool { return len(a) > 0 && a[0].at <= now }

// putOff has an instance looked at again at a time. The caller holds the mutex.
func (s *session) putOff(at time.Duration, id string) {
	heap.Push(&s.agenda, later{at, id})
	s.woken.tell()
}

// keepAgenda has instances looked at again when their time has come.
func (s *session) keepAgenda(ctx context.Context) error {
	for ctx.Err() == nil {
		woken := s.woken.wait()
		var wait <-chan time.Time
		s.mu.Lock()
		now := s.options.Clock.Boot()
		for s.agenda.isDue(now) {
			s.advances.push(heap.Pop(&s.agenda).(later).id)
		}
		if len(s.agenda) > 0 {
			wait = s.options.Clock.After(s.agenda[0].at - now)
		}
		s.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-woken:
		case <-wait:
		}
	}
	return nil
}
