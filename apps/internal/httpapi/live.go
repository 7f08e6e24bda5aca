package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
)

// gather is how long a live stream of changes waits for more of them, so that a page
// draws itself anew once for a burst.
const gather = 100 * time.Millisecond

// LiveFor returns the address of a live stream for the page of whoever sent a request; none
// if they may not follow it, and their page would ask for it in vain. Every site calls the
// query LiveEvents.
func (s *Server) LiveFor(r *http.Request, address string) string {
	if !s.May(r, access.Ask("LiveEvents")) {
		return ""
	}
	return address
}

// A LiveSummary is what the live stream says about everything that was new at once.
type LiveSummary struct {
	Events int `json:"events"`
}

// A Live is a stream of server-sent events: what is recorded, as it is shown. The id of
// each message is a token, and a client that names the last one it saw, as browsers do in
// Last-Event-ID, gets everything recorded since, once. One that names none begins now.
//
// With ?each=change it sends one "changed" message for everything that is new at once,
// which is all that a page needs to know. Otherwise each change is a "recorded" message. A
// "reset" message says that the token was of another log: what the client has seen may not
// be so, and the stream begins now.
type Live[C any] struct {
	// Now returns the newest point of the log.
	Now func(context.Context) (daybook.Point, error)
	// Changes yields what is recorded after a point, as it is shown, for as long as the
	// context lasts.
	Changes func(ctx context.Context, after daybook.Point) iter.Seq2[C, error]
	// At returns where a change was recorded.
	At func(C) daybook.Point
}

// Stream answers with those changes that are wanted. The values of each and after are
// those of the request's query.
func (l Live[C]) Stream(s *Server, w http.ResponseWriter, r *http.Request, each, after string, wanted func(C) bool) error {
	if each != "" && each != "event" && each != "change" {
		return Malformed.Problem("each is %q, and can be event or change", each)
	}
	from, reset, err := l.resume(r, after)
	if err != nil {
		return err
	}
	if tooMany := visitOf(r).stay(); tooMany != nil {
		return tooMany
	}

	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.closing, cancel)()
	s.Metrics.live.Inc()
	defer s.Metrics.live.Dec()

	out := &liveWriter{w: w, control: http.NewResponseController(w), may: func() error { return s.stillKnown(ctx, r) }}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // or nginx would hold it back
	if r.Method == http.MethodHead {
		return nil
	}
	if reset {
		err = out.message("reset", from, struct{}{})
	} else {
		err = out.comment("live")
	}
	if err != nil {
		return nil // the client is gone, here and below: nobody to tell
	}
	changes := l.follow(ctx, from, wanted)
	beat := time.NewTicker(s.Options.Heartbeat)
	defer beat.Stop()
	var burst LiveSummary
	var newest daybook.Point
	var told <-chan time.Time // when the burst is to be told; never, while there is none
	for {
		select {
		case <-beat.C:
			err = out.comment("still here")
		case <-told:
			told = nil
			err = out.message("changed", newest, burst)
			burst = LiveSummary{}
		case change, more := <-changes:
			switch {
			case !more:
				return nil // the stream was ended, or cannot go on: the client comes again
			case each != "change":
				err = out.message("recorded", l.At(change), change)
			default:
				burst.Events++
				newest = l.At(change)
				if told == nil {
					told = time.After(gather)
				}
			}
		}
		if err != nil {
			return nil // the client is gone, or has nothing more to hear because its key was revoked
		}
	}
}

// resume returns the point after which the client goes on, and whether that is not
// where it asked to, because its token is of another log.
func (l Live[C]) resume(r *http.Request, after string) (daybook.Point, bool, error) {
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		after = last // of the two, what the browser saw later
	}
	head, err := l.Now(r.Context())
	if err != nil {
		return daybook.Point{}, false, err
	}
	if after == "" {
		return head, false, nil
	}
	point, err := daybook.ParsePoint(after)
	if err != nil {
		return daybook.Point{}, false, Malformed.Problem("%s", err.Error())
	}
	foreign := (*daybook.LifeError)(nil)
	if err := point.Precedes(head); errors.As(err, &foreign) {
		return head, true, nil
	} else if err != nil {
		return daybook.Point{}, false, err
	}
	return point, false, nil
}

// follow sends those changes that are wanted on the channel that it returns, until ctx
// ends or nobody can tell any more, and then closes it.
func (l Live[C]) follow(ctx context.Context, after daybook.Point, wanted func(C) bool) <-chan C {
	changes := make(chan C)
	go func() {
		defer close(changes)
		for change, err := range l.Changes(ctx, after) {
			if err != nil {
				return
			}
			if !wanted(change) {
				continue
			}
			select {
			case changes <- change:
			case <-ctx.Done():
				return
			}
		}
	}()
	return changes
}

// A liveWriter writes server-sent events. A client that does not read them is cut off, see
// [Server.pace], and goes on later from where it was.
type liveWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	// may returns why nothing more may be written: the client's key was revoked, perhaps.
	may func() error
}

func (l *liveWriter) message(event string, at daybook.Point, data any) error {
	encoded, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return l.write("id: %s\nevent: %s\ndata: %s\n\n", at, event, encoded)
}

// comment writes what clients skip, to show that the connection is alive.
func (l *liveWriter) comment(words string) error { return l.write(": %s\n\n", words) }

func (l *liveWriter) write(format string, args ...any) error {
	if err := l.may(); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(l.w, format, args...); err != nil {
		return err
	}
	return l.control.Flush()
}

// LiveAddress returns the address at which a page hears of what has changed since a point,
// to the one thing that it is about: the name of a parameter and its value; nothing for
// all.
func LiveAddress(since daybook.Point, about ...string) string {
	q := url.Values{"each": {"change"}}
	if !since.IsZero() {
		q.Set("after", since.String())
	}
	if len(about) == 2 {
		q.Set(about[0], about[1])
	}
	return "/events/live?" + q.Encode()
}
