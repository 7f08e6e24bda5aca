package peers

import (
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"

	"github.com/daybook-es/daybook"
)

// Bbolt is the B+tree that etcd rests on.
type Bbolt struct {
	db     *bbolt.DB
	groups grouper
	last   uint64 // of the committing goroutine
}

var (
	eventsBucket = []byte("events")
	termsBucket  = []byte("terms")
)

// OpenBbolt opens the file with the faster, safe kinds of free list.
func OpenBbolt(dir string) (Peer, error) {
	db, err := bbolt.Open(filepath.Join(dir, "events.bolt"), 0o644, &bbolt.Options{FreelistType: bbolt.FreelistMapType, NoFreelistSync: true})
	if err != nil {
		return nil, err
	}
	p := &Bbolt{db: db}
	p.groups = grouper{commit: p.commit, most: 1000}
	return p, db.Update(func(tx *bbolt.Tx) error {
		if _, err := tx.CreateBucketIfNotExists(termsBucket); err != nil {
			return err
		}
		b, err := tx.CreateBucketIfNotExists(eventsBucket)
		if err != nil {
			return err
		}
		if key, _ := b.Cursor().Last(); key != nil {
			p.last = binary.BigEndian.Uint64(key[1:])
		}
		return nil
	})
}

// Append implements [Peer].
func (p *Bbolt) Append(_ context.Context, events []daybook.Event) error {
	return p.groups.append(events)
}

func (p *Bbolt) commit(events []daybook.Event) error {
	now := time.Now()
	last := p.last
	err := p.db.Update(func(tx *bbolt.Tx) error {
		byPosition, byTerm := tx.Bucket(eventsBucket), tx.Bucket(termsBucket)
		byPosition.FillPercent = 1 // positions only grow
		var hashes [termsPerEvent]uint64
		for i := range events {
			last++
			// A transaction refers to keys and values until it has ended.
			if err := byPosition.Put(eventKey(nil, last), encode(nil, &events[i], last, now)); err != nil {
				return err
			}
			for _, term := range terms(hashes[:0], &events[i]) {
				if err := byTerm.Put(termKey(nil, term, last), nil); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err == nil {
		p.last = last
	}
	return err
}

// Replay implements [Peer].
func (p *Bbolt) Replay(_ context.Context, visit func([]byte)) error {
	return p.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(eventsBucket).Cursor()
		for key, value := c.First(); key != nil; key, value = c.Next() {
			visit(dataOf(value))
		}
		return nil
	})
}

// Load implements [Peer].
func (p *Bbolt) Load(_ context.Context, stream string, visit func([]byte)) error {
	hash := streamTerm(stream)
	return p.db.View(func(tx *bbolt.Tx) error {
		events := tx.Bucket(eventsBucket)
		c := tx.Bucket(termsBucket).Cursor()
		var own []byte
		for key, _ := c.Seek(termKey(nil, hash, 0)); key != nil && binary.BigEndian.Uint64(key[1:]) == hash; key, _ = c.Next() {
			own = append(append(own[:0], 'e'), key[9:]...)
			visit(dataOf(events.Get(own)))
		}
		return nil
	})
}

// Head implements [Peer].
func (p *Bbolt) Head(_ context.Context, stream string) (position uint64, err error) {
	hash := streamTerm(stream)
	err = p.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(termsBucket).Cursor()
		key, _ := c.Seek(termKey(nil, hash, 1<<63))
		if key == nil {
			key, _ = c.Last()
		} else {
			key, _ = c.Prev()
		}
		if key == nil || binary.BigEndian.Uint64(key[1:]) != hash {
			return fmt.Errorf("stream %s has no events", stream)
		}
		position = binary.BigEndian.Uint64(key[9:])
		return nil
	})
	return position, err
}

// Close implements [Peer].
func (p *Bbolt) Close() error { return p.db.Close() }
