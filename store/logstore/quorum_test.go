package logstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/store/logstore/internal/frame"
)

// A quorum is a log in memory that several nodes keep. It stands for the machines that agree on what comes next: it
// takes a commit if it is of the turn that is, and never loses one that it took. It does not look into the frames: that
// they follow each other is what the sequencers have to see to.
type quorum struct {
	manifest manifest // the log's identity, and no segments

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
	q.manifest.log, q.manifest.incarnation = uuid.New(), uuid.New()
	q.manifest.salt = q.chance.Uint32()
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
func (q *quorum) commit(m *member, epoch uint64, b []byte) *fault {
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
		return &fault{err: errNoQuorum}
	case lostBefore:
		q.moveLocked(other)
		return &fault{err: errLost, unknown: true, late: true}
	case movedBefore:
		q.moveLocked(other)
	case movedAndBack:
		q.moveLocked(other)
		q.moveLocked(m)
	}
	if epoch != q.epoch || q.turn != m {
		return &fault{err: errLate, late: true}
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
		return &fault{err: errLost, unknown: true, late: true}
	}
	return nil
}

// A member is a node's journal: the quorum says what is in the log, and the node's own disk has a copy, which is not
// synced, because it can be fetched again.
type member struct {
	quorum *quorum
	name   string
	world  vfs.World
	dir    string
	opts   *Options

	store *Store // nil while the node is not open; below quorum.mu
	disk  *disk
	wake  func() // below quorum.mu

	// Below quorum.mu: asleep is set while nothing arrives here, as where the network is slow; lie, if set, is given
	// what arrives, and returns what arrives instead.
	asleep bool
	lie    func([]frame.Frame) []frame.Frame

	fetched int // frames that arrived since the node was opened; below quorum.mu
	aside   int // segments that were set aside when the node was opened
}

var _ journal = (*member)(nil)

// open opens the node's store.
func (m *member) open() error {
	s, err := openOn(m.world, m.dir, m.opts, func(s *Store) (journal, error) {
		own, err := readFile(s.home, manifestName, mostManifestBytes)
		shared := m.quorum.manifest
		switch {
		case errors.Is(err, fs.ErrNotExist):
			if err := shared.replace(s.home); err != nil {
				return nil, err
			}
		case err != nil:
			return nil, err
		default:
			decoded, err := decodeManifest(own)
			if err != nil {
				return nil, err
			}
			shared = *decoded
		}
		m.disk = s.onDisk(&shared)
		return m, nil
	})
	if err != nil {
		return err
	}
	m.quorum.mu.Lock()
	m.store = s
	m.quorum.mu.Unlock()
	s.order.nudge()
	return nil
}

// close closes the node's store; the turn, if it was its, goes to another node.
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

// recover implements journal. A segment that is damaged, and whatever lies behind it, is set aside; it will arrive
// again.
func (m *member) recover() (*view, error) {
	m.quorum.mu.Lock()
	m.aside, m.fetched = 0, 0
	m.quorum.mu.Unlock()
	for {
		v, err := m.disk.recover()
		if err == nil {
			err = m.verify()
		}
		var corrupt *daybook.CorruptError
		if !errors.As(err, &corrupt) {
			return v, err
		}
		if err := m.setAside(corrupt); err != nil {
			return nil, err
		}
	}
}

// verify reads all sealed segments.
func (m *member) verify() error {
	for _, s := range m.disk.segments {
		if s == m.disk.active {
			break
		}
		if err := s.frames(func(int64, frame.Frame) {}); err != nil {
			return err
		}
	}
	return nil
}

// setAside sets aside the segment that is damaged, and has the log end in front of it.
func (m *member) setAside(corrupt *daybook.CorruptError) error {
	m.aside++
	name, _, _ := strings.Cut(filepath.Base(corrupt.Where), " ")
	number, segmented := segmentNumber(name)
	if !segmented {
		return corrupt
	}
	h, shorter := m.disk.home, *m.disk.manifest
	if err := m.disk.abandon(); err != nil {
		return err
	}
	err := h.world.FS.Rename(h.path(name), h.path(fmt.Sprintf("%s.damaged-%d", name, m.aside)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// The segments behind it are set aside by recovery, because no manifest names them.
	next := &segment{home: h, number: number, first: 1, before: shorter.salt}
	shorter.sealed = slices.DeleteFunc(slices.Clone(shorter.sealed), func(s sealedSegment) bool { return s.number >= number })
	if n := len(shorter.sealed); n > 0 {
		next.first, next.before = shorter.sealed[n-1].last+1, shorter.sealed[n-1].checksum
	}
	shorter.active, shorter.activeFirst, shorter.clean = number, next.first, nil
	f, err := h.world.FS.Create(h.path(name))
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(encodeSegmentHeader(next, &shorter), 0); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close(), shorter.replace(h)); err != nil {
		return err
	}
	m.disk = newDisk(h, &shorter, m.disk.segmentBytes)
	return nil
}

// follow implements journal.
func (m *member) follow(wake func()) {
	m.quorum.mu.Lock()
	m.wake = wake
	m.quorum.mu.Unlock()
}

func (m *member) rouse() {
	m.quorum.mu.Lock()
	wake := m.wake
	m.quorum.mu.Unlock()
	if wake != nil {
		wake()
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

// durability implements journal.
func (m *member) durability() daybook.Durability { return daybook.Quorum }

// ready implements journal.
func (m *member) ready() (turn, error) {
	if _, err := m.disk.ready(); err != nil {
		return turn{}, err
	}
	q := m.quorum
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.turn == nil:
		return turn{}, errNoTurn
	case q.turn != m:
		return turn{}, fmt.Errorf("%w: %s", errElsewhere, q.turn.name)
	case m.asleep:
		return turn{}, errNotHere
	}
	return turn{epoch: q.epoch, from: q.from, stamp: q.promised}, nil
}

// elsewhere implements journal.
func (m *member) elsewhere() colleague {
	q := m.quorum
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.turn == nil || q.turn == m {
		return nil
	}
	return neighbour{q.turn}
}

// promise implements journal.
func (m *member) promise(_ context.Context, stamp int64) error {
	q := m.quorum
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.turn != m {
		return errElsewhere
	}
	q.promised = max(q.promised, stamp)
	return nil
}

// arrived implements journal. It hands over a few frames at a time.
func (m *member) arrived(after daybook.Position) ([]byte, error) {
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
	for _, f := range next {
		b = append(b, f...)
	}
	return b, nil
}

// commit implements journal.
func (m *member) commit(g *group) *fault {
	if !g.arrived {
		if f := m.quorum.commit(m, g.epoch, g.bytes); f != nil {
			return f
		}
	}
	if err := m.keep(g); err != nil {
		// What the quorum has cannot be kept here. This node's turn is over, and so is its service.
		m.disk.failed.Store(&err)
		q := m.quorum
		q.mu.Lock()
		if q.turn == m {
			q.moveLocked(q.another(m))
		}
		q.mu.Unlock()
		q.wakeAll()
		return &fault{err: err, unknown: !g.arrived, fatal: true}
	}
	return nil
}

// keep writes a group into the node's own copy.
func (m *member) keep(g *group) error {
	if err := m.disk.reopen(); err != nil {
		return err
	}
	if g.opens {
		if err := m.disk.roll(g.segment); err != nil {
			return err
		}
	}
	if _, err := m.disk.file.WriteAt(g.bytes, g.offset); err != nil {
		return err
	}
	m.disk.advance(g)
	return nil
}

// close implements journal.
func (m *member) close() error {
	m.follow(nil)
	return m.disk.close()
}

// abandon implements journal.
func (m *member) abandon() error { return m.disk.abandon() }

// A neighbour is a node as another one sees it.
type neighbour struct{ member *member }

var _ colleague = neighbour{}

func (a neighbour) append(ctx context.Context, seen daybook.Position, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
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
	receipt, err := s.appendFor(ctx, seen, events, cond)
	if errors.Is(err, daybook.ErrClosed) {
		return daybook.Receipt{}, &daybook.UnavailableError{Doing: "append", Err: fmt.Errorf("%s does not answer", a.member.name)}
	}
	if lost {
		return daybook.Receipt{}, &daybook.UnknownError{IDs: idsOf(events), Err: errLost}
	}
	return receipt, err
}

func (a neighbour) known(ctx context.Context, stamp int64) (daybook.Position, error) {
	a.member.quorum.mu.Lock()
	s := a.member.store
	a.member.quorum.mu.Unlock()
	if s == nil {
		return 0, &daybook.UnavailableError{Doing: "read", Err: fmt.Errorf("%s does not answer", a.member.name)}
	}
	return s.knownHere(ctx, stamp)
}
