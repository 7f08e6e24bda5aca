// Package answers keeps what was answered to questions, so that the same question is not
// asked of a database again while its answer is the same, and so that there is an answer,
// if an old one, while the database is away.
package answers

import (
	"container/list"
	"sync"
	"time"

	"github.com/daybook-es/daybook"
)

// An Entry is what was answered to a question.
type Entry struct {
	// Value is the answer, and Body the same as it is sent. Nobody changes either.
	Value any
	Body  []byte
	// State names what the answer is of: as long as that is the same, so is the answer.
	State string
	// At is the point of the log that it shows.
	At daybook.Point
	// Confirmed is when the answer was last known to be so.
	Confirmed time.Time
}

// A Cache keeps the answers that were asked for last, up to so many bytes. It is safe for
// use by many goroutines. Make it with [New].
type Cache struct {
	most int64

	mu     sync.Mutex
	bytes  int64
	recent *list.List // of *kept, the one asked for last in front
	kept   map[string]*list.Element
}

// A kept entry is one with the question that it answers.
type kept struct {
	question string
	entry    Entry
	bytes    int64
}

// New returns a cache of at most so many bytes.
func New(most int64) *Cache {
	return &Cache{most: most, recent: list.New(), kept: make(map[string]*list.Element)}
}

// overhead is about what an entry takes beside its bodies, and valueFactor how many times
// the size of a body the value takes that it was written from.
const (
	overhead    = 512
	valueFactor = 2
)

// sizeOf returns about how many bytes an entry takes.
func sizeOf(question string, e Entry) int64 {
	return overhead + int64(2*len(question)) + int64(len(e.State)) + int64((1+valueFactor)*len(e.Body))
}

// Get returns what was answered to a question, if that is kept.
func (c *Cache) Get(question string) (Entry, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, is := c.kept[question]
	if !is {
		return Entry{}, false
	}
	c.recent.MoveToFront(found)
	return found.Value.(*kept).entry, true
}

// Put keeps an answer in place of the one before. Those asked for longest ago make room; an
// answer that is larger than the cache is not kept, and nor is the one before. One that shows
// less of the log than the one before, and took longer to be found, is not kept either.
func (c *Cache) Put(question string, e Entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if before, is := c.kept[question]; is {
		if at := before.Value.(*kept).entry.At; at.SameLife(e.At) && at.Position > e.At.Position {
			return
		}
		c.drop(before)
	}
	size := sizeOf(question, e)
	if size > c.most {
		return
	}
	c.kept[question] = c.recent.PushFront(&kept{question, e, size})
	c.bytes += size
	for c.bytes > c.most {
		c.drop(c.recent.Back())
	}
}

// Confirm notes that what was answered is so still, if it is of this state.
func (c *Cache) Confirm(question, state string, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if found, is := c.kept[question]; is {
		if e := &found.Value.(*kept).entry; e.State == state && at.After(e.Confirmed) {
			e.Confirmed = at
		}
	}
}

// drop forgets an entry. The caller holds the lock.
func (c *Cache) drop(e *list.Element) {
	k := c.recent.Remove(e).(*kept)
	delete(c.kept, k.question)
	c.bytes -= k.bytes
}

// Stats returns how many answers are kept, and about how many bytes they take.
func (c *Cache) Stats() (entries int, bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.kept), c.bytes
}
