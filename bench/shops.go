package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"
)

// A trade is an application over HTTP, which is measured against the same thing written the
// obvious way: a command that makes something, and the queries for it.
type trade struct {
	key        string // of the application
	collection string // address of the command, and of the list
	body       func(caller, n int) string
	// cold are the flags with which it keeps no answers; nil if it never does.
	cold []string
}

var orderTrade = trade{"orders", "/orders", func(caller, n int) string {
	return fmt.Sprintf(`{"customer": {"id": "c%d-%d", "city": "Porto Alegre", "state": "RS"}, "lines": [{"product": "lamp-%d", "quantity": 2, "unit_price": 1999, "freight": 300}]}`,
		caller, n%1000, n%500)
}, nil}

var productTrade = trade{"catalog", "/products", func(caller, n int) string {
	return fmt.Sprintf(`{"name": "Lamp %d of %d", "price": %d}`, n, caller, 1000+n%5000)
}, []string{"--cache=-1"}}

// shopCallers are how many clients there are.
var shopCallers = []int{1, 16, 256}

const (
	commandTime = 2 * time.Second // how long commands are sent in a round, and queries half of it
	listed      = 50              // entries of a list
	wanted      = 100             // things that are asked for again and again, where answers are kept
)

func clientsOf(callers int) string {
	if callers == 1 {
		return "1 client"
	}
	return fmt.Sprintf("%d clients", callers)
}

func (t trade) commandCase(callers int) string {
	return fmt.Sprintf("POST %s, %s", t.collection, clientsOf(callers))
}

// ordersWork measures the shop.
func ordersWork(h *harness, part *Part) error { return h.trades(part, orderTrade) }

// catalogWork measures the catalogue.
func catalogWork(h *harness, part *Part) error { return h.trades(part, productTrade) }

// trades measures an application and the obvious one by turns, in closed loops: commands, then
// the queries for what they made.
func (h *harness) trades(part *Part, t trade) error {
	failed := map[string]bool{}
	for _, callers := range shopCallers {
		for range h.rounds {
			for _, key := range []string{t.key, "obvious"} {
				if failed[key] {
					continue
				}
				if err := h.round(part, t, key, callers); err != nil {
					failed[key] = true
					part.note(peerName(key) + " failed: " + err.Error())
					fmt.Fprintf(os.Stderr, "bench: %s: %s: %v\n", part.Work, peerName(key), err)
				}
			}
		}
		fmt.Printf("  %s%s\n", t.commandCase(callers), part.brief(t.commandCase(callers), "requests/s"))
	}
	return nil
}

// round measures one site that was just started.
func (h *harness) round(part *Part, t trade, key string, callers int) (err error) {
	v, err := h.serve(key)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	settle()

	made := newLocations(callers)
	out, err := v.closed(callers, commandTime, t.command(v, made))
	if err != nil {
		return err
	}
	out.add(part, t.commandCase(callers), key)
	behind, err := v.untilShown(t)
	if err != nil {
		return err
	}
	if key == t.key {
		part.add(t.commandCase(callers), key, "s until all is shown", behind.Seconds())
	}
	kept := ""
	if t.cold != nil {
		kept = ", kept answers"
		made = made.few(wanted)
	}
	if err := h.queries(part, t, v, made, callers, kept); err != nil || t.cold == nil {
		return err
	}
	// The same of a server that keeps no answers; the obvious one never does.
	bare := v
	if key == t.key {
		if bare, err = h.serve(key, t.cold...); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, bare.close()) }()
		made = newLocations(callers)
		if _, err := bare.closed(callers, commandTime/2, t.command(bare, made)); err != nil {
			return err
		}
		if _, err := bare.untilShown(t); err != nil {
			return err
		}
		made = made.few(wanted)
	}
	return h.queries(part, t, bare, made, callers, ", no kept answers")
}

// queries measures both queries. What tells them apart from others of their kind is how.
func (h *harness) queries(part *Part, t trade, v *served, made *locations, callers int, how string) error {
	for _, q := range []struct {
		name  string
		press press
	}{
		{fmt.Sprintf("GET %s/{id}%s, %s", t.collection, how, clientsOf(callers)), t.one(v, made)},
		{fmt.Sprintf("GET %s, %d of them%s, %s", t.collection, listed, how, clientsOf(callers)), t.list(v)},
	} {
		out, err := v.closed(callers, commandTime/2, q.press)
		if err != nil {
			return fmt.Errorf("%s: %w", q.name, err)
		}
		out.add(part, q.name, v.key)
	}
	return nil
}

// command is the command, again and again, each for something else.
func (t trade) command(v *served, made *locations) press {
	return press{
		request: func(caller, n int) []byte { return requestOf("POST", v.host, t.collection, "", t.body(caller, n)) },
		status:  201,
		take:    func(caller int, r reply) { made.add(caller, r.location) },
	}
}

// one asks for one of those that were made, picked by chance.
func (t trade) one(v *served, made *locations) press {
	return press{request: func(caller, _ int) []byte { return requestOf("GET", v.host, made.any(caller), "", "") }, status: 200}
}

// list asks for the first page.
func (t trade) list(v *served) press {
	ask := requestOf("GET", v.host, fmt.Sprintf("%s?limit=%d", t.collection, listed), "", "")
	return press{request: func(int, int) []byte { return ask }, status: 200}
}

// untilShown sends one more command, and returns how long it takes until the list shows it.
func (v *served) untilShown(t trade) (time.Duration, error) {
	w, err := dialWire(v.host)
	if err != nil {
		return 0, err
	}
	defer w.Close()
	r, err := w.ask(requestOf("POST", v.host, t.collection, "", t.body(0, 0)), false)
	if err != nil || r.token == "" {
		return 0, err // it has one table, which shows it already
	}
	ask := requestOf("GET", v.host, t.collection+"?limit=1", "Daybook-Token: "+r.token+"\r\n", "")
	for began := time.Now(); ; {
		r, err := w.ask(ask, false)
		switch {
		case err != nil:
			return 0, err
		case r.status == 200:
			return time.Since(began), nil
		case time.Since(began) > patience:
			return 0, fmt.Errorf("after %v the list does not show what was made last: %d", patience, r.status)
		}
	}
}

// locations are where what each caller made is found.
type locations struct{ of []made }

type made struct {
	sync.Mutex
	at     []string
	chance *rand.Rand
}

func newLocations(callers int) *locations {
	l := &locations{make([]made, callers)}
	for i := range l.of {
		l.of[i].chance = rand.New(rand.NewPCG(uint64(i), 3))
	}
	return l
}

func (l *locations) add(caller int, at string) {
	m := &l.of[caller%len(l.of)]
	m.Lock()
	defer m.Unlock()
	m.at = append(m.at, at)
}

// any returns one of them, by chance.
func (l *locations) any(caller int) string {
	for i := range l.of { // a caller may have been too slow to make one
		m := &l.of[(caller+i)%len(l.of)]
		m.Lock()
		if n := len(m.at); n > 0 {
			at := m.at[m.chance.IntN(n)]
			m.Unlock()
			return at
		}
		m.Unlock()
	}
	return "/nothing-was-made"
}

// few returns so many of them, for all callers.
func (l *locations) few(n int) *locations {
	some := newLocations(1)
	for i := range l.of {
		for _, at := range l.of[i].at {
			if len(some.of[0].at) < n {
				some.of[0].at = append(some.of[0].at, at)
			}
		}
	}
	return some
}
