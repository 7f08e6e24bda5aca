package process

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/daybook-es/daybook"
)

// Status says where a process stands, as its runner knows it, for health checks, metrics
// and pages. It is of use while the runner runs.
type Status struct {
	// Process is the name, and Versions are those that this program has, the newest
	// first: new instances begin in that.
	Process  string
	Versions []int
	// Ready reports that the runner knows what all instances have to do. Until then, what
	// follows is of the part of the log that it has read.
	Ready bool
	// Followed is the position up to which all events have reached the instances, and Lag
	// how far the head of the log is from there. It is zero if nothing lies between that a
	// version reacts to.
	Followed daybook.Position
	Lag      uint64
	// Live counts the instances that are not done by version, Done those that are.
	Live map[int]int
	Done int
	// Lacking counts those among the live whose version this program lacks. They are left
	// alone.
	Lacking int
	// Open counts the commands and effects without an outcome, and Oldest is when the
	// oldest of them was decided on; zero if there is none.
	Open   int
	Oldest time.Time
	// Deadlines counts those that are pending, and NextDue is when the first is due; zero
	// if there is none.
	Deadlines int
	NextDue   time.Time
	// SetAside are the instances that cannot go on, those first that have waited longest;
	// and then events that could not be read or correlated, without an instance.
	SetAside []Aside
	// Clock says why no deadline fires: a [*ClockError]; nil if they do.
	Clock error
	// Stuck is the error that keeps the process from going on, or several that keep parts
	// of it, joined; nil if there is none. The runner tries again by itself.
	Stuck error
}

// Status says where each process stands, in the order in which the runner was given them.
// The error is that of the store; what is known without it is returned all the same.
func (r *Runner) Status(ctx context.Context) ([]Status, error) {
	info, err := r.store.Info(ctx)
	all := make([]Status, 0, len(r.managers))
	_, clock := r.watch.look()
	for _, m := range r.managers {
		s := m.status()
		if clocked := (*ClockError)(nil); errors.As(clock, &clocked) {
			s.Clock = clocked
		}
		if err == nil && info.Head.Position > s.Followed {
			var behind bool
			if behind, err = m.isBehind(ctx, s.Followed); behind {
				s.Lag = uint64(info.Head.Position - s.Followed)
			}
		}
		all = append(all, s)
	}
	return all, err
}

// isBehind reports whether there is anything after a position that a version reacts to.
func (m *manager) isBehind(ctx context.Context, followed daybook.Position) (bool, error) {
	reading, err := m.store.Read(ctx, m.query(), daybook.Span{After: followed, Limit: 1})
	if err != nil {
		return false, err
	}
	next, err := reading.Collect()
	return len(next) > 0, err
}

func byAge(a, b Aside) int {
	return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Instance, b.Instance))
}

func (m *manager) status() Status {
	status := Status{Process: m.name, Versions: m.versions.newest()}
	status.Stuck = m.stuckOn()
	s := m.current()
	if s == nil {
		return status
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	reg := &s.register
	status.Ready, status.Followed = s.ready, s.followed
	status.Live, status.Done = maps.Clone(reg.live), reg.finished
	for version, n := range reg.live {
		if m.versions[version] == nil {
			status.Lacking += n
		}
	}
	status.Open = len(reg.steps)
	for _, p := range reg.steps {
		if status.Oldest.IsZero() || p.since.Before(status.Oldest) {
			status.Oldest = p.since
		}
	}
	status.Deadlines = reg.deadlines.count() + len(reg.taken)
	if first, any := reg.deadlines.first(); any {
		status.NextDue = first.time()
	}
	status.SetAside = slices.SortedFunc(maps.Values(reg.aside), byAge)
	status.SetAside = append(status.SetAside, slices.SortedFunc(maps.Values(reg.unread), byAge)...)
	return status
}
