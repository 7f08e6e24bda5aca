package logstore

import (
	"runtime"
	"time"
)

// A pause lets those who were answered just now hand over their next appends before the
// next group is written. Without it they would find the disk busy with one group while
// they fill another: half of all who append would be in each, and a sync would serve half
// as many as it could. With 16 who append one event after another a sync served 8
// without pauses, and serves 15 with them: half as many appends again in the same time.
//
// A pause ends as soon as as many have come as were answered. It also ends when nobody has
// come for a moment, and after a quarter of what the last sync took at the latest. Where
// those who were answered do not come back, because nobody waits for an answer to append
// again, there are fewer and fewer pauses. It is guarded by the sequencer's desk.
type pause struct {
	on     bool
	until  uint64        // requests that will have been handed over, if all come back
	least  uint64        // if half do
	most   time.Duration // that it lasts
	skip   int           // so many groups have none behind them
	vainly int           // so many pauses in a row, up to 8, ended with less than half back
}

// Whoever was answered and appends again at once is back within some 5 µs. If the clock
// stands still, as in tests, yielding so often is enough.
const (
	longPause  = 20 * time.Microsecond
	mostYields = 1000
)

// To answer more appends than these, and to take in the next, takes about as long as a
// sync: so the one is better done while the disk does the other. With 2,048 who append, a
// pause behind each group costs a tenth.
const mostAwaited = 256

// begin begins a pause behind a group that is durable, if there is to be one, and reports
// whether it did. So many requests had been taken by then, and making the group durable
// took so long. Those in next, which may be nil, wait to be written.
func (p *pause) begin(g, next *group, taken uint64, took time.Duration) bool {
	answered := uint64(len(g.requests))
	if g.errand != nil || g.arrived || answered == 0 || answered == 1 && next == nil || answered > mostAwaited {
		return false
	}
	if p.skip > 0 {
		p.skip--
		return false
	}
	p.on, p.until, p.least, p.most = true, taken+answered, taken+(answered+1)/2, took/4
	return true
}

// end ends the pause, by which so many requests have been taken.
func (p *pause) end(taken uint64) {
	p.on = false
	if taken >= p.least {
		p.vainly = 0
		return
	}
	p.vainly = min(p.vainly+1, 8)
	p.skip = 1 << p.vainly
}

// resume ends a pause when it is time, and goes on with what waits.
func (q *sequencer) resume() {
	clock := q.store.home.world.Clock
	until, most := q.pause.until, q.pause.most // only the one who resumes changes them now
	begun, taken := clock.Boot(), q.taken.Load()
	last := begun // when somebody came
	for n := 0; n < mostYields && taken < until; n++ {
		runtime.Gosched()
		now := clock.Boot()
		if before := taken; q.taken.Load() > before {
			taken, last = q.taken.Load(), now
		}
		if now-begun >= most || now-last >= longPause {
			break
		}
	}
	q.desk.Lock()
	q.pause.end(q.taken.Load())
	q.desk.Unlock()
	q.serve()
	q.goOn()
}
