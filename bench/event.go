package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
)

// recordBytes is the size of every event in the canonical encoding. Each has five
// terms by which it is found: stream, category, type, one tag, and id.
const recordBytes = 404

// payloads are JSON objects as orders have them. There are many, with little in common,
// so that a peer which compresses finds what it would find in life.
var payloads = func() [][]byte {
	chance := rand.New(rand.NewPCG(7, 7))
	size := recordBytes - (daybook.Event{Stream: streamName(0), Type: eventType, Tags: customerTags[0][:]}).Size()
	all := make([][]byte, 4096)
	for i := range all {
		data := fmt.Appendf(nil, `{"customer":"%016x%016x","lines":[{"product":"%016x%016x","quantity":%d,"price":%d}],"note":"`,
			chance.Uint64(), chance.Uint64(), chance.Uint64(), chance.Uint64(), 1+chance.IntN(9), 100+chance.IntN(9900))
		for len(data) < size-2 {
			data = append(data, " leave it with the neighbours by the door"[chance.IntN(41)])
		}
		all[i] = append(data, `"}`...)
	}
	return all
}()

// customerTags are the tags that events carry, made once.
var customerTags = func() (tags [100_000][1]string) {
	for i := range tags {
		tags[i][0] = fmt.Sprintf("customer:%06d", i)
	}
	return tags
}()

const eventType = "OrderPlaced"

func streamName(n int) string {
	name := []byte("order-00000000")
	for i := len(name) - 1; n > 0; i-- {
		name[i] = byte('0' + n%10)
		n /= 10
	}
	return string(name)
}

// A source makes events. It is cheap, because its work is measured with everybody's,
// and for one goroutine.
type source struct{ chance *rand.Rand }

func newSource(seed uint64) source { return source{rand.New(rand.NewPCG(seed, 404))} }

// event returns another event of a stream. Its id is a UUID of version 7, as the
// embedded store makes them.
func (s source) event(stream int) daybook.Event {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:], uint64(time.Now().UnixMilli())<<16|0x7000|s.chance.Uint64()&0xfff)
	binary.BigEndian.PutUint64(id[8:], s.chance.Uint64()&^(3<<62)|1<<63)
	return daybook.Event{
		ID: id, Stream: streamName(stream), Type: eventType,
		Tags: customerTags[stream*7919%len(customerTags)][:],
		Data: payloads[s.chance.Uint64()%uint64(len(payloads))],
	}
}
