package publish

import (
	"context"
	"errors"
	"time"

	"github.com/daybook-es/daybook"
)

// suspicious is how many keys fail, with no message taken that was sent after they did,
// before it looks as if not the messages but the sink is to blame. It is then treated as
// one that is down.
const suspicious = 3

// maxAfter bounds the pause that a sink may ask for.
const maxAfter = 10 * time.Minute

// answered deals with what became of a lane's first message.
func (r *run) answered(ctx context.Context, res result, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sending--
	l := res.lane
	if res.err == nil {
		r.took(ctx, l, res.start)
		return
	}
	if r.stopping {
		return // it may have failed because its context ended
	}
	r.failures++
	if l.err = res.err; l.failed == 0 {
		l.failed = r.started
	}

	if unavailable := (*UnavailableError)(nil); errors.As(res.err, &unavailable) {
		r.ready = append(r.ready, l)
		r.pause(ctx, now, res.err, unavailable.After)
		return
	}
	r.failing[l.key] = r.started
	suspect := len(r.failing) >= suspicious
	// It is held against the message if the sink took one that was sent after this one had
	// failed. Where nothing else is left to try, because the window is full, it need not have.
	if r.newest > l.failed || r.full() && !suspect {
		l.attempts++
	}
	refused := (*RefusedError)(nil)
	give := l.attempts >= r.p.options.Attempts || errors.As(res.err, &refused) && !suspect
	if !give || !r.setAside(ctx, l, now) {
		if l.pauses == nil {
			l.pauses = r.p.pauses()
		}
		l.until = now.Add(l.pauses.NextBackOff())
		r.slow.add(l)
	}
	if suspect {
		r.pause(ctx, now, res.err, 0)
	} else {
		r.goOn(ctx, res.start)
	}
}

// took notes that the sink has taken a lane's first message. It says nothing about messages
// that failed after this one was started: the sink may have gone down in between.
func (r *run) took(ctx context.Context, l *lane, start uint64) {
	r.sent++
	r.newest = max(r.newest, start)
	for key, failed := range r.failing {
		if failed < start {
			delete(r.failing, key)
		}
	}
	r.goOn(ctx, start)
	if l.crowded {
		l.crowded = false
		r.clear(ctx, asideTrouble)
	}
	e := l.queue[0]
	l.next()
	r.bytes -= e.size
	if l.aside != nil {
		r.advance(l)
		return
	}
	e.finish()
	r.pass()
	if len(l.queue) > 0 {
		r.ready = append(r.ready, l)
	} else {
		delete(r.lanes, l.key)
	}
}

// A down is a sink that takes nothing until some time.
type down struct {
	until   time.Time
	started uint64 // how many messages had been started when that was known
}

// pause has all messages wait, because of err, as long as the sink asks for or longer.
func (r *run) pause(ctx context.Context, now time.Time, err error, after time.Duration) {
	wait := min(after, maxAfter)
	if r.down == nil || !now.Before(r.down.until) { // not one of those sent before the pause
		wait = max(wait, r.notice(ctx, sinkTrouble, err))
	}
	if r.down == nil {
		r.down = new(down)
	}
	r.down.started = r.started
	if until := now.Add(wait); until.After(r.down.until) {
		r.down.until = until
	}
}

// goOn ends the pause of all messages, if the sink has answered one that was sent since.
func (r *run) goOn(ctx context.Context, start uint64) {
	if r.down != nil && start > r.down.started {
		r.down = nil
		r.clear(ctx, sinkTrouble)
	}
}

// setAside sets a lane's key aside, or puts it back there, and reports whether it did: not
// if there are as many as may be.
func (r *run) setAside(ctx context.Context, l *lane, now time.Time) bool {
	e := l.queue[0]
	ctx = daybook.WithTrace(ctx, e.event.Trace()) // what is logged belongs to what was wanted
	if l.aside == nil {
		if r.asides >= r.p.options.MaxAside {
			r.notice(ctx, asideTrouble, errCrowded)
			l.crowded = true
			return false
		}
		r.asides++
		l.aside = &Aside{Key: l.key, Position: e.position, ID: e.event.ID, Since: now.UTC()}
		l.newest = e.position
		for _, waiting := range l.queue {
			waiting.finish()
			waiting.waits = l
		}
	}
	for _, waiting := range l.queue {
		r.bytes -= waiting.size
	}
	l.aside.Cause = shorten(l.err.Error(), maxCause)
	l.aside.Attempts += l.tries
	l.queue, l.draining = nil, false
	l.tries, l.attempts, l.failed, l.pauses = 0, 0, 0, nil
	r.dirty, r.urgent = true, true
	r.pass()
	r.p.options.Logger.ErrorContext(ctx, "a key is set aside because its message cannot be sent",
		"key", l.key, "position", l.aside.Position, "id", l.aside.ID.String(), "attempts", l.aside.Attempts, "error", l.err)
	return true
}
