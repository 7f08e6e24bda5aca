package storetest

import (
	"fmt"

	"github.com/daybook-es/daybook"
)

// forgetting returns an event that forgets something, and that nobody has recorded:
// often some of a stream, seldom all of it for good.
func (c *comparison) forgetting() daybook.Event {
	stream := pick(c, someStreams)
	if c.chance(3) {
		stream = c.stream()
	}
	if stream == "" {
		stream = "order"
	}
	var e daybook.Event
	switch n := c.rng.IntN(30); {
	case n < 15:
		e = daybook.Truncated(stream, daybook.Version(max(1, int(c.versions[stream])+3-c.rng.IntN(12))))
		if c.chance(10) {
			e = daybook.Truncated(stream, 1<<40)
		}
	case n < 28:
		e = daybook.Deleted(stream)
	default:
		e = daybook.Tombstoned(fmt.Sprintf("order-%d", 10+c.rng.IntN(300)))
		if c.chance(3) {
			e = daybook.Tombstoned(stream)
		}
	}
	e.ID = c.id()
	return e
}

// noteForgotten notes what recorded events say is forgotten, so that conditions on versions
// are not always wrong and appends not always refused.
func (c *comparison) noteForgotten(events []daybook.Event) {
	for _, e := range events {
		stream, about := daybook.AboutStream(e.Stream)
		if !about {
			continue
		}
		switch e.Type {
		case daybook.TypeDeleted:
			c.versions[stream] = 0
		case daybook.TypeTombstoned:
			c.gone[stream] = true
		}
	}
}

// asked returns a stream to ask for: one of those that are written, or one about it.
func (c *comparison) asked() string {
	stream := pick(c, someStreams)
	if c.chance(12) {
		return daybook.StreamAbout(stream)
	}
	return stream
}
