// Package remote is the client of a shop that package web serves.
//
// A [Shop] is an [orders.Desk] and an [orders.Recorder], so a program that imports or
// simulates need not care where the shop is. A request that can be sent twice without
// harm is sent again when no answer came: a command, because it has a key, and a
// history, because recording it again adds nothing.
package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/orders"
)

// A Shop is a shop that a server has open. Make it with [Dial]. It is safe for use by
// many goroutines.
type Shop struct {
	base   string
	key    string // that requests bear; empty for none
	client *http.Client

	mu    sync.Mutex
	token daybook.Point // of what was recorded through it last
}

var (
	_ orders.Recorder = (*Shop)(nil)
	_ orders.Desk     = (*Shop)(nil)
)

// Dial returns the shop at an address, such as "127.0.0.1:8080" or
// "https://shop.example", which is asked with a key; empty is none. It does not ask whether
// there is one.
func Dial(address, key string) (*Shop, error) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	base, err := url.Parse(address)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("remote: %q is no address of a shop, such as 127.0.0.1:8080", address)
	}
	return &Shop{base: strings.TrimSuffix(base.String(), "/"), key: key, client: &http.Client{Timeout: 2 * time.Minute}}, nil
}

// A ProblemError is a server's answer that it did not do what it was asked, in the
// form of RFC 9457.
type ProblemError struct {
	Status int    `json:"status"`
	Type   string `json:"type"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	// Rule is the name of the rule that forbade a command.
	Rule string `json:"rule"`
}

func (e *ProblemError) Error() string {
	if e.Detail == "" {
		return fmt.Sprintf("remote: %s (%d)", e.Title, e.Status)
	}
	return fmt.Sprintf("remote: %s (%d): %s", e.Title, e.Status, e.Detail)
}

// Record implements [orders.Recorder] by POST /import.
func (s *Shop) Record(ctx context.Context, histories []orders.History) (recorded orders.Kept, err error) {
	if len(histories) == 0 {
		return recorded, nil
	}
	var body bytes.Buffer
	if err := orders.WriteHistories(&body, histories); err != nil {
		return recorded, err
	}
	_, err = s.post(ctx, "/import", "application/jsonl", body.Bytes(), "", &recorded)
	return recorded, err
}

// Place implements [orders.Desk] by POST /orders.
func (s *Shop) Place(ctx context.Context, c orders.PlaceOrder) (string, error) {
	location, err := s.send(ctx, "/orders", c)
	if err != nil {
		return "", err
	}
	return path.Base(location), nil
}

// Do implements [orders.Desk] by POST /orders/{id}/…, or POST /stock.
func (s *Shop) Do(ctx context.Context, c any) error {
	var order, act string
	switch c := c.(type) {
	case orders.ReceiveStock:
		_, err := s.send(ctx, "/stock", c)
		return err
	case orders.PayOrder:
		order, act = c.Order, "pay"
	case orders.ShipOrder:
		order, act = c.Order, "ship"
	case orders.DeliverOrder:
		order, act = c.Order, "deliver"
	case orders.CancelOrder:
		order, act = c.Order, "cancel"
	case orders.ReturnOrder:
		order, act = c.Order, "return"
	case orders.RefundOrder:
		order, act = c.Order, "refund"
	default:
		return fmt.Errorf("remote: a %T is no command that a desk takes", c)
	}
	_, err := s.send(ctx, "/orders/"+url.PathEscape(order)+"/"+act, c)
	return err
}

// send sends a command under a key of its own, so that it may be sent again.
func (s *Shop) send(ctx context.Context, at string, c any) (location string, err error) {
	body, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	header, err := s.post(ctx, at, "application/json", body, uuid.NewString(), nil)
	return header.Get("Location"), err
}

// Report returns GET /report: the figures as they are now, with all that was recorded
// through this shop before.
func (s *Shop) Report(ctx context.Context) (r orders.Report, err error) {
	err = s.get(ctx, "/report", &r)
	return r, err
}

// ReportAsOf returns GET /report?as_of=….
func (s *Shop) ReportAsOf(ctx context.Context, asOf time.Time) (r orders.ReportAsOf, err error) {
	err = s.get(ctx, "/report?as_of="+url.QueryEscape(asOf.UTC().Format(time.RFC3339Nano)), &r)
	return r, err
}

// Wait returns when the views of the shop show all that was recorded through it.
func (s *Shop) Wait(ctx context.Context) error { return s.get(ctx, "/orders?limit=1", nil) }

// get asks, as often as it takes until the views have caught up.
func (s *Shop) get(ctx context.Context, at string, answer any) error {
	return s.again(ctx, func() (*http.Request, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+at, nil)
		if err != nil {
			return nil, err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.token.IsZero() {
			r.Header.Set(tokenHeader, s.token.String())
		}
		return r, nil
	}, func(answered *http.Response) error { return decode(answered, answer) })
}

func (s *Shop) post(ctx context.Context, at, media string, body []byte, key string, answer any) (header http.Header, err error) {
	err = s.again(ctx, func() (*http.Request, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+at, bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		r.Header.Set("Content-Type", media)
		if key != "" {
			r.Header.Set("Idempotency-Key", key)
		}
		return r, nil
	}, func(answered *http.Response) error {
		header = answered.Header
		s.saw(header.Get(tokenHeader))
		return decode(answered, answer)
	})
	return header, err
}

const tokenHeader = "Daybook-Token"

// saw notes up to where the log is known to have come.
func (s *Shop) saw(token string) {
	point, err := daybook.ParsePoint(token)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !point.SameLife(s.token) || point.Position > s.token.Position {
		s.token = point
	}
}

// patience is how long a server may be away or behind.
const patience = 30 * time.Second

// again asks until there is an answer, with growing pauses where the server cannot be
// reached or says that it will be able to later.
func (s *Shop) again(ctx context.Context, ask func() (*http.Request, error), take func(*http.Response) error) error {
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		request, err := ask()
		if err != nil {
			return struct{}{}, backoff.Permanent(err)
		}
		request.Header.Set("Accept", "application/json")
		if s.key != "" {
			request.Header.Set("Authorization", "Bearer "+s.key)
		}
		answered, err := s.client.Do(request)
		if err != nil {
			if refused := (*net.OpError)(nil); errors.As(err, &refused) && refused.Op == "dial" {
				return struct{}{}, backoff.Permanent(fmt.Errorf("remote: there is no shop at %s: %w", s.base, err))
			}
			return struct{}{}, fmt.Errorf("remote: %w", err)
		}
		defer answered.Body.Close()
		if answered.StatusCode >= 300 {
			problem := problemOf(answered)
			if answered.StatusCode == http.StatusServiceUnavailable || answered.StatusCode == http.StatusTooManyRequests {
				return struct{}{}, problem
			}
			return struct{}{}, backoff.Permanent(problem)
		}
		if err := take(answered); err != nil {
			return struct{}{}, fmt.Errorf("remote: %w", err)
		}
		return struct{}{}, nil
	}, backoff.WithMaxElapsedTime(patience))
	return err
}

// problemOf returns a server's problem. One that refused a command unwraps to what
// the shop itself would have answered.
func problemOf(answered *http.Response) error {
	problem := &ProblemError{}
	body, err := io.ReadAll(io.LimitReader(answered.Body, 1<<20))
	if err != nil || json.Unmarshal(body, problem) != nil || problem.Title == "" {
		problem.Title = answered.Status
	}
	problem.Status = answered.StatusCode
	if problem.Rule != "" {
		return &daybook.RefusedError{Rule: problem.Rule, Err: problem}
	}
	return problem
}

// decode reads an answer, if anybody wants it.
func decode(answered *http.Response, into any) error {
	if into == nil {
		_, err := io.Copy(io.Discard, answered.Body)
		return err
	}
	return json.NewDecoder(answered.Body).Decode(into)
}
