package web

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/apps/internal/sitetest"
	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/store/memstore"
)

// A listener reads a live stream.
type listener struct {
	t        *testing.T
	messages chan message
	end      context.CancelFunc
}

type message struct{ id, event, data string }

// listen opens a live stream, which has begun when it returns.
func (f *shopfront) listen(query string, header ...string) *listener {
	f.t.Helper()
	ctx, cancel := context.WithCancel(f.t.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", f.url+"/events/live"+query, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	if a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != "text/event-stream" {
		f.t.Fatalf("the stream answered %d %s", a.StatusCode, a.Header.Get("Content-Type"))
	}
	l := &listener{t: f.t, messages: make(chan message, 100), end: cancel}
	go func() {
		defer a.Body.Close()
		defer close(l.messages)
		var m message
		lines := bufio.NewScanner(a.Body)
		for lines.Scan() {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch name {
			case "id":
				m.id = value
			case "event":
				m.event = value
			case "data":
				m.data = value
			case "":
				if value == "" && lines.Text() == "" && m != (message{}) {
					l.messages <- m
					m = message{}
				} else if lines.Text() != "" {
					m.event = "comment"
				}
			}
		}
	}()
	f.t.Cleanup(cancel)
	return l
}

// next returns the next message that is no comment.
func (l *listener) next() message {
	l.t.Helper()
	late := time.After(20 * time.Second)
	for {
		select {
		case m, more := <-l.messages:
			if !more {
				l.t.Fatal("the stream ended")
			}
			if m.event != "comment" {
				return m
			}
		case <-late:
			l.t.Fatal("nothing came")
		}
	}
}

func (m message) change(t *testing.T) orders.Change {
	t.Helper()
	var c orders.Change
	if err := json.Unmarshal([]byte(m.data), &c); err != nil || m.event != "recorded" {
		t.Fatalf("the message is %+v: %v", m, err)
	}
	return c
}

func TestTheLiveStream(t *testing.T) {
	f := openFront(t, memstore.New(), nil)
	f.placed() // before: a stream begins now
	all := f.listen("")
	id := f.placed()
	one := f.listen("?order=" + id)
	f.placed()
	f.send("/orders/"+id+"/pay", `{"amount": 100, "method": "cash"}`)

	var types []string
	var ids []string
	for range 4 {
		m := all.next()
		c := m.change(t)
		types, ids = append(types, c.Type), append(ids, m.id)
		if m.id != c.At.String() {
			t.Errorf("the message of %v has the id %s", c.At, m.id)
		}
	}
	if diff := cmp.Diff([]string{"OrderPlaced", "OrderPlaced", "PaymentReceived", "PaymentApproved"}, types); diff != "" {
		t.Errorf("the stream of all orders (-want, +got):\n%s", diff)
	}
	if c := one.next().change(t); c.Type != "PaymentReceived" || c.Order != id || c.Version != 2 {
		t.Errorf("the stream of one order begins with %+v", c)
	}

	// Who was cut off goes on after the last message seen, with nothing twice and nothing
	// left out.
	again := f.listen("?after="+ids[3], "Last-Event-ID", ids[0])
	for i := 1; i < 4; i++ {
		if m := again.next(); m.id != ids[i] {
			t.Errorf("going on after %s, message %d is %s, want %s", ids[0], i, m.id, ids[i])
		}
	}
	if m := f.listen("?after=" + ids[2]).next(); m.id != ids[3] {
		t.Errorf("beginning after %s, the first message is %s", ids[2], m.id)
	}

	// And what comes is what the views show already.
	f.send("/orders/"+id+"/cancel", `{"reason": "r"}`)
	if c := again.next().change(t); c.Type != "OrderCancelled" {
		t.Errorf("then came %+v", c)
	}
	if order := sitetest.Read[orders.Details](t, f.get("/orders/"+id), http.StatusOK); order.Status != orders.Cancelled {
		t.Errorf("told of its end, the order is still shown as %s", order.Status)
	}
}

func TestTheLiveStreamOfChanges(t *testing.T) {
	f := openFront(t, memstore.New(), nil)
	first := f.send("/orders", `{"total": 100}`)
	f.placed()
	last := f.placed()
	l := f.listen("?each=change&after=" + first.Header.Get(httpapi.TokenHeader))
	told := 0
	for told < 2 { // at once, unless this machine is very slow
		m := l.next()
		var summary httpapi.LiveSummary
		if err := json.Unmarshal([]byte(m.data), &summary); err != nil || m.event != "changed" || summary.Events == 0 {
			t.Fatalf("two orders, the last of them %s, are told as %+v", last, m)
		}
		if told += summary.Events; !strings.HasPrefix(m.id, strconv.Itoa(1+told)+".") {
			t.Errorf("after %d of two events the id is %s", told, m.id)
		}
	}
}

func TestTheLiveStreamOfAnotherLog(t *testing.T) {
	other := openFront(t, memstore.New(), nil).send("/orders", `{"total": 100}`).Header.Get(httpapi.TokenHeader)
	f := openFront(t, memstore.New(), nil)
	f.placed()
	l := f.listen("", "Last-Event-ID", other)
	if m := l.next(); m.event != "reset" || !strings.HasPrefix(m.id, "1.") {
		t.Errorf("with the id of another log, the stream begins with %+v", m)
	}
	id := f.placed()
	if c := l.next().change(t); c.Order != id {
		t.Errorf("after the reset comes %+v, want order %s", c, id)
	}
	f.get("/events/live?after=x").IsProblem(t, httpapi.Malformed)
	f.get("/events/live?each=x").IsProblem(t, httpapi.Malformed)
	f.get("/events/live?x=x").IsProblem(t, httpapi.Malformed)
}

// A stream with nothing to tell shows that it is alive, and ends with the site.
func TestTheLiveStreamBeatsAndEnds(t *testing.T) {
	f := openFront(t, memstore.New(), &Options{Options: httpapi.Options{Heartbeat: time.Millisecond}})
	l := f.listen("")
	for range 3 {
		if m := <-l.messages; m.event != "comment" {
			t.Errorf("a stream with nothing to tell tells %+v", m)
		}
	}
	f.site.Close()
	for range l.messages {
		// until it is closed
	}
	if ready := sitetest.Read[readiness](t, f.get("/readyz"), http.StatusServiceUnavailable); ready.Ready {
		t.Errorf("closing, the shop is %+v", ready)
	}
}

// A stream too many is told to come again, and finds room once another has ended.
func TestTheLiveStreamsAreCounted(t *testing.T) {
	f := openFront(t, memstore.New(), &Options{Options: httpapi.Options{Limits: httpapi.Limits{Streams: 1}, Heartbeat: time.Millisecond}})
	first := f.listen("")
	f.get("/events/live").IsProblem(t, httpapi.Unavailable)
	first.end()
	for f.site.LiveStreams() > 0 {
		time.Sleep(time.Millisecond)
	}
	if m := <-f.listen("").messages; m.event != "comment" {
		t.Errorf("once there is room again, the stream begins with %+v", m)
	}
}
