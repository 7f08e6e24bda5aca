package decider

import (
	"container/list"
	"context"
	"sync"
)

// A Cache keeps the most recently used snapshots in memory. It may be used by many
// goroutines. Make it with [NewCache].
type Cache struct {
	mu    sync.Mutex
	size  int
	used  *list.List // of cached, most recently used first
	byKey map[string]*list.Element
}

type cached struct {
	key      string
	snapshot Snapshot
}

var _ Snapshots = (*Cache)(nil)

// NewCache returns a cache of this many snapshots. Less than one means one.
func NewCache(size int) *Cache {
	return &Cache{size: max(size, 1), used: list.New(), byKey: make(map[string]*list.Element)}
}

// Load implements [Snapshots].
func (c *Cache) Load(_ context.Context, key string) (Snapshot, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[key]
	if !ok {
		return Snapshot{}, false
	}
	c.used.MoveToFront(e)
	return e.Value.(cached).snapshot, true
}

// Save implements [Snapshots]. The snapshot used longest ago makes room.
func (c *Cache) Save(_ context.Context, key string, snapshot Snapshot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byKey[key]; ok {
		e.Value = cached{key, snapshot}
		c.used.MoveToFront(e)
		return
	}
	c.byKey[key] = c.used.PushFront(cached{key, snapshot})
	if c.used.Len() > c.size {
		oldest := c.used.Remove(c.used.Back()).(cached)
		delete(c.byKey, oldest.key)
	}
}
