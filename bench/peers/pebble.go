package peers

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"

	"github.com/daybook-es/daybook"
)

// Pebble is the log-structured tree that CockroachDB rests on: the event by position,
// and a key per term, in one batch that is synced.
type Pebble struct {
	db   *pebble.DB
	last atomic.Uint64
}

// OpenPebble opens the tree.
func OpenPebble(dir string) (Peer, error) {
	cache := pebble.NewCache(256 << 20)
	defer cache.Unref()
	options := &pebble.Options{
		Cache:              cache,
		MemTableSize:       64 << 20,
		FormatMajorVersion: pebble.FormatNewest,
		Logger:             quiet{},
	}
	for i := range options.Levels {
		options.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	db, err := pebble.Open(dir, options)
	if err != nil {
		return nil, err
	}
	p := &Pebble{db: db}
	_, last, err := p.before([]byte{'f'})
	p.last.Store(last)
	return p, err
}

type quiet struct{}

func (quiet) Infof(string, ...any)           { /* compactions are no news */ }
func (quiet) Errorf(string, ...any)          { /* what fails comes back as an error */ }
func (quiet) Fatalf(format string, a ...any) { panic(fmt.Sprintf(format, a...)) }

// before returns the last key before another, and the position it ends in.
func (p *Pebble) before(key []byte) (found []byte, position uint64, err error) {
	it, err := p.db.NewIter(nil)
	if err != nil {
		return nil, 0, err
	}
	defer it.Close()
	if !it.SeekLT(key) {
		return nil, 0, it.Error()
	}
	found = append(found, it.Key()...)
	return found, binary.BigEndian.Uint64(found[len(found)-8:]), nil
}

// Append implements [Peer].
func (p *Pebble) Append(_ context.Context, events []daybook.Event) error {
	now := time.Now()
	position := p.last.Add(uint64(len(events))) - uint64(len(events))
	batch := p.db.NewBatchWithSize(len(events) * 600)
	defer batch.Close()
	var key, value []byte
	var hashes [termsPerEvent]uint64
	for i := range events {
		position++
		key = eventKey(key[:0], position)
		value = encode(value[:0], &events[i], position, now)
		if err := batch.Set(key, value, nil); err != nil {
			return err
		}
		for _, term := range terms(hashes[:0], &events[i]) {
			key = termKey(key[:0], term, position)
			if err := batch.Set(key, nil, nil); err != nil {
				return err
			}
		}
	}
	return batch.Commit(pebble.Sync)
}

// Replay implements [Peer].
func (p *Pebble) Replay(ctx context.Context, visit func([]byte)) error {
	it, err := p.db.NewIter(&pebble.IterOptions{LowerBound: []byte{'e'}, UpperBound: []byte{'f'}})
	if err != nil {
		return err
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		visit(dataOf(it.Value()))
	}
	return it.Error()
}

// Load implements [Peer].
func (p *Pebble) Load(ctx context.Context, stream string, visit func([]byte)) error {
	hash := streamTerm(stream)
	it, err := p.db.NewIter(&pebble.IterOptions{LowerBound: termKey(nil, hash, 0), UpperBound: termKey(nil, hash, 1<<63)})
	if err != nil {
		return err
	}
	defer it.Close()
	var key []byte
	for ok := it.First(); ok; ok = it.Next() {
		key = append(append(key[:0], 'e'), it.Key()[9:]...)
		value, closer, err := p.db.Get(key)
		if err != nil {
			return err
		}
		visit(dataOf(value))
		closer.Close()
	}
	return it.Error()
}

// Head implements [Peer].
func (p *Pebble) Head(_ context.Context, stream string) (uint64, error) {
	hash := streamTerm(stream)
	key, position, err := p.before(termKey(nil, hash, 1<<63))
	if err == nil && (len(key) != 17 || binary.BigEndian.Uint64(key[1:]) != hash) {
		err = fmt.Errorf("stream %s has no events", stream)
	}
	return position, err
}

// Close implements [Peer].
func (p *Pebble) Close() error { return p.db.Close() }
