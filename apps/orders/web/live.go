package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/daybook-es/daybook"
)

// liveWrite bounds one write to a live stream: a client that does not read for so
// long is cut off, and goes on later from where it was.
const liveWrite = 10 * time.Second

// A liveEvent is what the live stream says about one recorded event.
type liveEvent struct {
	Position   daybook.Position `json:"position"`
	Type       string           `json:"type"`
	Order      string           `json:"order"`
	Version    daybook.Version  `json:"version"`
	HappenedAt time.Time        `json:"happened_at"`
	RecordedAt time.Time        `json:"recorded_at"`
}

// A liveSummary is what the live stream says about everything that was new at once.
type liveSummary struct {
	Events int `json:"events"`
}

// live is a stream of server-sent events: what is recorded about orders, as it is
// recorded. The id of each message is a token, and a client that names the last one
// it saw, as browsers do in Last-Event-ID, gets everything recorded since, once. One
// that names none begins now.
//
// ?order=ID selects one order. ?each=change sends one "changed" message for
// everything that is new at once, which is all that a page needs to know. Otherwise
// each event is a "recorded" message. A "reset" message says that the token was of
// another log: what the client has seen may not be so, and the stream begins now.
func (s *Site) live(w http.ResponseWriter, r *http.Request) error {
	asked, err := ask(r, "order", "each", "after")
	if err != nil {
		return err
	}
	each := asked.Get("each")
	if each != "" && each != "event" && each != "change" {
		return malformed.problem("each is %q, and can be event or change", each)
	}
	query := daybook.Query{{Categories: []string{category}}}
	if order := asked.Get("order"); order != "" {
		query = daybook.Stream(category + "-" + order)
		if err := query.Validate(); err != nil {
			return malformed.problem("order is no id: %v", err)
		}
	}
	after, reset, err := s.resume(r, asked.Get("after"))
	if err != nil {
		return err
	}

	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(s.closing, cancel)()
	s.metrics.live.Inc()
	defer s.metrics.live.Dec()

	out := &liveWriter{w: w, control: http.NewResponseController(w)}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // or nginx would hold it back
	if reset {
		out.message("reset", after, struct{}{})
	}
	if err := out.comment("live"); err != nil {
		return nil // the client is gone, here and below: nobody to tell
	}
	readings := follow(ctx, s.shop.Store, query, after)
	beat := time.NewTicker(s.heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-beat.C:
			if err := out.comment("still here"); err != nil {
				return nil
			}
		case next, more := <-readings:
			if !more {
				return nil
			}
			if err := next.err; err != nil {
				// The answer has begun: the connection ends, the client comes again, and is
				// answered with the problem if it lasts.
				s.log.WarnContext(ctx, "live stream ended", "error", err)
				return nil
			}
			if err := out.reading(next.reading, each == "change"); err != nil {
				return nil
			}
		}
	}
}

// resume returns the point after which the client goes on, and whether that is not
// where it asked to, because its token is of another log.
func (s *Site) resume(r *http.Request, after string) (daybook.Point, bool, error) {
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		after = last // of the two, what the browser saw later
	}
	info, err := s.shop.Store.Info(r.Context())
	if err != nil {
		return daybook.Point{}, false, err
	}
	if after == "" {
		return info.Head, false, nil
	}
	point, err := daybook.ParsePoint(after)
	if err != nil {
		return daybook.Point{}, false, malformed.problem("%s", sentence(err.Error()))
	}
	foreign := (*daybook.LifeError)(nil)
	if err := point.Precedes(info.Head); errors.As(err, &foreign) {
		return info.Head, true, nil
	} else if err != nil {
		return daybook.Point{}, false, err
	}
	return point, false, nil
}

type followed struct {
	reading daybook.Reading
	err     error
}

// follow sends what is new on the channel that it returns, until ctx ends or an
// error was sent, and then closes it.
func follow(ctx context.Context, store daybook.Store, query daybook.Query, after daybook.Point) <-chan followed {
	readings := make(chan followed)
	go func() {
		defer close(readings)
		for reading, err := range daybook.Follow(ctx, store, query, after) {
			if ctx.Err() != nil {
				return
			}
			select {
			case readings <- followed{reading, err}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return readings
}

// A liveWriter writes server-sent events.
type liveWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// reading writes what a reading holds, and flushes it.
func (l *liveWriter) reading(reading daybook.Reading, summary bool) error {
	n := 0
	for e, err := range reading.Events() {
		if err != nil {
			return err
		}
		n++
		if summary {
			continue
		}
		err := l.message("recorded", reading.Snapshot().At(e.Position), liveEvent{
			Position:   e.Position,
			Type:       e.Type,
			Order:      strings.TrimPrefix(e.Stream, category+"-"),
			Version:    e.Version,
			HappenedAt: e.Happened(),
			RecordedAt: e.RecordedAt,
		})
		if err != nil {
			return err
		}
	}
	if n == 0 {
		return nil
	}
	if summary {
		if err := l.message("changed", reading.Snapshot(), liveSummary{n}); err != nil {
			return err
		}
	}
	return l.control.Flush()
}

func (l *liveWriter) message(event string, at daybook.Point, data any) error {
	encoded, err := json.Marshal(data)
	if err != nil {
		return err
	}
	if err := l.extend(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(l.w, "id: %s\nevent: %s\ndata: %s\n\n", at, event, encoded)
	return err
}

// comment writes what clients skip, to show that the connection is alive.
func (l *liveWriter) comment(words string) error {
	if err := l.extend(); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(l.w, ": %s\n\n", words); err != nil {
		return err
	}
	return l.control.Flush()
}

// extend gives the next write its time; the server's own timeout is for answers
// that end.
func (l *liveWriter) extend() error {
	err := l.control.SetWriteDeadline(time.Now().Add(liveWrite))
	if errors.Is(err, http.ErrNotSupported) {
		return nil // a recorder in a test has no connection to bound
	}
	return err
}
