package logstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/store/internal/shared"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
)

// A quorum is a log in memory that several nodes keep. It stands for the machines that agree on what comes next: it
// takes a commit if it is of the turn that is, and never loses one that it took. It does not look into the frames: that
// they follow each other is what the sequencers have to see to.
type quorum struct {
	identity shared.Identity

	mu       sync.Mutex
	chance   *rand.Rand
	frames   []frame.Frame
	epoch    uint64
	turn     *member // whose it is; nil if nobody's
	from     daybook.Position
	promised int64
	members  []*member

	// meddle, if set, is asked about each commit of a node's own.
	meddle func() meddling
	// meanwhile, if set, is done once, after a commit was taken and before the node is told.
	meanwhile func()
	// held, if set, is waited for by each commit before it is looked at; waiting is closed by the first.
	held, waiting chan struct{}
	// answersLost is what becomes of the next so many appends that a node has another one do: they are done.
	answersLost int
}

// What may happen to a commit on its way.
type meddling int

const (
	nothing      meddling = iota
	movedBefore           // the turn moves to another node before the commit arrives, and the node is told
	movedAndBack          // it moves there and back
	lostBefore            // it moves before the commit arrives, and the node is told nothing
	lostAfter             // it moves after the commit arrived, and the node is told nothing
	refused               // there is no majority to take it
)

var (
	errNoTurn    = errors.New("nobody has the turn")
	errLate      = errors.New("the turn of this commit is over")
	errLost      = errors.New("there was no answer from the quorum")
	errNoQuorum  = errors.New("no majority can be reached")
	errNotHere   = errors.New("this node has yet to fetch what was recorded before its turn")
	errElsewhere = errors.New("another node has the turn")
)

func newQuorum(t testing.TB, seed uint64) *quorum {
	q := &quorum{chance: rand.New(rand.NewPCG(seed, 7))}
	q.identity.Log, q.identity.Incarnation = uuid.New(), uuid.New()
	q.identity.Salt = q.chance.Uint32()
	return q
}

func (q *quorum) head() daybook.Position {
	if len(q.frames) == 0 {
		return 0
	}
	return q.frames[len(q.frames)-1].Last()
}

// move gives the turn to a node, and to nobody if that is nil.
func (q *quorum) move(to *member) {
	q.mu.Lock()
	q.moveLocked(to)
	q.mu.Unlock()
	q.wakeAll()
}

func (q *quorum) moveLocked(to *member) {
	q.epoch++
	q.turn, q.from = to, q.head()
}

// another returns a node other than m that is open, or m.
func (q *quorum) another(m *member) *member {
	for _, other := range q.members {
		if other != m && other.store != nil {
			return other
		}
	}
	return m
}

func (q *quorum) wakeAll() {
	q.mu.Lock()
	members := slices.Clone(q.members)
	q.mu.Unlock()
	for _, m := range members {
		m.rouse()
	}
}

// commit puts frames behind the others, if they are of the turn that is.
func (q *quorum) commit(m *member, epoch uint64, b []byte) *shared.Fault {
	q.mu.Lock()
	held, waiting := q.held, q.waiting
	q.waiting = nil
	q.mu.Unlock()
	if waiting != nil {
		close(waiting)
	}
	if held != nil {
		<-held
	}
	defer q.wakeAll()
	q.mu.Lock()
	defer q.mu.Unlock()
	what := nothing
	if q.meddle != nil {
		what = q.meddle()
	}
	switch other := q.another(m); what {
	case refused:
		return &shared.Fault{Err: errNoQuorum}
	case lostBefore:
		q.moveLocked(other)
		return &shared.Fault{Err: errLost, Unknown: true, Late: true}
	case movedBefore:
		q.moveLocked(other)
	case movedAndBack:
		q.moveLocked(other)
		q.moveLocked(m)
	}
	if epoch != q.epoch || q.turn != m {
		return &shared.Fault{Err: errLate, Late: true}
	}
	b = slices.Clone(b)
	for len(b) > 0 {
		n := frame.Length(b)
		q.frames = append(q.frames, frame.Frame(b[:n:n]))
		b = b[n:]
	}
	if do := q.meanwhile; do != nil {
		q.meanwhile = nil
		q.mu.Unlock()
		do()
		q.mu.Lock()
	}
	if what == lostAfter {
		q.moveLocked(q.another(m))
		return &shared.Fault{Err: errLost, Unknown: true, Late: true}
	}
	return nil
}

// A member is a node's view of the quorum.
type member struct {
	quorum *quorum
	name   string
	world  vfs.World
	dir    string
	opts   *Options

	store *Store      // nil while the node is not open; below quorum.mu
	node  shared.Node // below quorum.mu

	// Below quorum.mu: asleep is set while nothing arrives here, as where the network is slow; lie, if set, is given
	// what arrives, and returns what arrives instead.
	asleep bool
	lie    func([]frame.Frame) []frame.Frame

	fetched int // frames that arrived since the node was opened; below quorum.mu
}

var _ shared.Log = (*member)(nil)

// open opens the node's store.
func (m *member) open() error {
	m.quorum.mu.Lock()
	m.fetched = 0
	m.quorum.mu.Unlock()
	s, err := OpenNode(m.world, m.dir, m.opts, m)
	if err != nil {
		return err
	}
	m.quorum.mu.Lock()
	m.store = s
	m.quorum.mu.Unlock()
	s.order.nudge()
	return nil
}

// shut closes the node's store; the turn, if it was its, goes to another node.
func (m *member) shut() error {
	q := m.quorum
	q.mu.Lock()
	s := m.store
	m.store = nil
	if s != nil && q.turn == m {
		q.moveLocked(q.another(m))
	}
	q.mu.Unlock()
	q.wakeAll()
	if s == nil {
		return nil
	}
	return s.Close()
}

// replica returns the journal of the node's store.
func (m *member) replica() *replica { return m.store.journal.(*replica) }

// Identity implements shared.Log.
func (m *member) Identity() shared.Identity { return m.quorum.identity }

// Limits implements shared.Log.
func (m *member) Limits() daybook.Limits { return limits }

// GroupBytes implements shared.Log.
func (m *member) GroupBytes() int { return groupBytes }

// Durability implements shared.Log.
func (m *member) Durability() daybook.Durability { return daybook.Quorum }

// Follow implements shared.Log.
func (m *member) Follow(n shared.Node) {
	m.quorum.mu.Lock()
	m.node = n
	m.quorum.mu.Unlock()
}

func (m *member) rouse() {
	m.quorum.mu.Lock()
	node := m.node
	m.quorum.mu.Unlock()
	if node != nil {
		node.Wake()
	}
}

// sleep lets nothing arrive here for a while, or lets it come again.
func (m *member) sleep(asleep bool) {
	m.quorum.mu.Lock()
	m.asleep = asleep
	m.quorum.mu.Unlock()
	m.rouse()
}

func (m *member) hasFetched() int {
	m.quorum.mu.Lock()
	defer m.quorum.mu.Unlock()
	return m.fetched
}

// Ready implements shared.Log.
func (m *member) Ready() (shared.Turn, error) {
	q := m.quorum
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.turn == nil:
		return shared.Turn{}, errNoTurn
	case q.turn != m:
		return shared.Turn{}, fmt.Errorf("%w: %s", errElsewhere, q.turn.name)
	case m.asleep:
		return shared.Turn{}, errNotHere
	}
	return shared.Turn{Epoch: q.epoch, From: q.from, Stamp: q.promised}, nil
}

// Elsewhere implements shared.Log.
func (m *member) Elsewhere() shared.Colleague {
	q := m.quorum
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.turn == nil || q.turn == m {
		return nil
	}
	return neighbour{q.turn}
}

// Promise implements shared.Log.
func (m *member) Promise(_ context.Context, stamp int64) error {
	q := m.quorum
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.turn != m {
		return errElsewhere
	}
	q.promised = max(q.promised, stamp)
	return nil
}

// Arrived implements shared.Log. It hands over a few frames at a time.
func (m *member) Arrived(after daybook.Position) ([]byte, error) {
	q := m.quorum
	q.mu.Lock()
	defer q.mu.Unlock()
	if m.asleep {
		return nil, nil
	}
	at, _ := slices.BinarySearchFunc(q.frames, after+1, func(f frame.Frame, p daybook.Position) int { return int(f.First()) - int(p) })
	next := q.frames[at:]
	next = next[:min(len(next), 1+q.chance.IntN(8))]
	if m.lie != nil {
		next = m.lie(next)
	}
	m.fetched += len(next)
	var b []byte
	if at > 0 && len(next) > 0 && q.chance.IntN(4) == 0 {
		b = append(b, q.frames[at-1]...) // which the node has already
	}
	for _, f := range next {
		b = append(b, f...)
	}
	return b, nil
}

// Commit implements shared.Log.
func (m *member) Commit(g shared.Group) *shared.Fault { return m.quorum.commit(m, g.Epoch, g.Frames) }

// GiveUp implements shared.Log.
func (m *member) GiveUp(error) {
	q := m.quorum
	q.mu.Lock()
	if q.turn == m {
		q.moveLocked(q.another(m))
	}
	q.mu.Unlock()
	q.wakeAll()
}

// Close implements shared.Log.
func (m *member) Close() error {
	m.Follow(nil)
	return nil
}

// A neighbour is a node as another one sees it.
type neighbour struct{ member *member }

var _ shared.Colleague = neighbour{}

func (a neighbour) Append(ctx context.Context, seen daybook.Position, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
	q := a.member.quorum
	q.mu.Lock()
	s := a.member.store
	lost := q.answersLost > 0 && len(events) > 0
	if lost {
		q.answersLost--
	}
	q.mu.Unlock()
	if s == nil {
		return daybook.Receipt{}, &daybook.UnavailableError{Doing: "append", Err: fmt.Errorf("%s does not answer", a.member.name)}
	}
	receipt, err := node{s}.Append(ctx, seen, events, cond)
	if errors.Is(err, daybook.ErrClosed) {
		return daybook.Receipt{}, &daybook.UnavailableError{Doing: "append", Err: fmt.Errorf("%s does not answer", a.member.name)}
	}
	if lost {
		return daybook.Receipt{}, daybook.Unknown(events, errLost)
	}
	return receipt, err
}

func (a neighbour) Known(ctx context.Context, stamp int64) (daybook.Position, error) {
	a.member.quorum.mu.Lock()
	s := a.member.store
	a.member.quorum.mu.Unlock()
	if s == nil {
		return 0, &daybook.UnavailableError{Doing: "read", Err: fmt.Errorf("%s does not answer", a.member.name)}
	}
	return node{s}.Known(ctx, stamp)
}
