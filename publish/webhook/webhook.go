package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/daybook-es/daybook/publish"
)

// Options adjust a sink. The zero value, and nil, are right for most programs.
type Options struct {
	// Timeout bounds a request from dialling to the end of the answer. Zero means 15
	// seconds.
	Timeout time.Duration
	// Allow names addresses that are dialled although they are not public, such as those of
	// a receiver in the same network.
	Allow []netip.Prefix
	// AllowHTTP allows a URL of the scheme http. The events are then sent in the clear.
	AllowHTTP bool
	// RootCAs are the authorities whose certificates are accepted. Nil means the system's.
	RootCAs *x509.CertPool
	// UserAgent is what requests carry. Empty means "daybook-webhook".
	UserAgent string
}

// Bounds of an answer. Nothing in it is needed but its status and the beginning of what it
// says, for people; what is read besides, so that the connection can be used again, is
// little.
const (
	maxHeader = 32 << 10
	maxBody   = 16 << 10
	maxSaid   = 200
)

// A Sink posts messages to one URL. It is safe for use by many goroutines.
type Sink struct {
	url     *url.URL
	secrets []Secret
	client  *http.Client
	agent   string
	now     func() time.Time
}

var _ publish.Sink = (*Sink)(nil)

// New returns a sink that posts to a URL and signs with all of the secrets, of which there
// is at least one. It returns an error for a URL that it would not send to, whatever address
// the name resolves to: a relative one, one of another scheme than https (see
// [Options].AllowHTTP), or one with a user. Nil options mean the zero Options. Close it when
// it is no longer used.
func New(target string, secrets []Secret, o *Options) (*Sink, error) {
	if o == nil {
		o = new(Options)
	}
	u, err := url.Parse(target)
	if err != nil {
		return nil, errors.New("webhook: the URL cannot be read") // the error would repeat it, with what it keeps secret
	}
	switch {
	case u.Host == "" || u.Opaque != "":
		return nil, errors.New("webhook: the URL names no host")
	case u.User != nil:
		return nil, fmt.Errorf("webhook: the URL of %s names a user; signatures tell who sends", u.Host)
	case u.Scheme != "https" && !(u.Scheme == "http" && o.AllowHTTP):
		return nil, fmt.Errorf("webhook: the URL of %s has the scheme %q, and https is allowed", u.Host, u.Scheme)
	case len(secrets) == 0:
		return nil, fmt.Errorf("webhook: there is no secret to sign what is sent to %s with", u.Host)
	}
	for _, s := range secrets {
		if len(s.key) == 0 {
			return nil, fmt.Errorf("webhook: a secret for %s is empty", u.Host)
		}
	}
	guard, err := newGuard(o.Allow)
	if err != nil {
		return nil, err
	}
	u.Fragment = ""
	dialer := &net.Dialer{Timeout: 10 * time.Second, Control: guard.control}
	s := &Sink{url: u, secrets: append([]Secret(nil), secrets...), agent: o.UserAgent, now: time.Now}
	if s.agent == "" {
		s.agent = "daybook-webhook"
	}
	timeout := o.Timeout
	if timeout <= 0 {
		timeout = 15 * time.Second
	}
	s.client = &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  nil,
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:    10 * time.Second,
			ForceAttemptHTTP2:      true,
			MaxIdleConnsPerHost:    16,
			IdleConnTimeout:        90 * time.Second,
			MaxResponseHeaderBytes: maxHeader,
			DisableCompression:     true, // an answer must not be larger than it looks
		},
	}
	return s, nil
}

// Close closes the connections that are kept for the next message.
func (s *Sink) Close() error {
	s.client.CloseIdleConnections()
	return nil
}

// Send implements [publish.Sink].
func (s *Sink) Send(ctx context.Context, m publish.Message) error {
	body, err := m.JSON()
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url.String(), bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("webhook: request to %s: %w", s.url.Host, err)
	}
	now := s.now()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", s.agent)
	req.Header.Set("Daybook-Attempt", strconv.Itoa(m.Attempt))
	sign(req.Header, m.ID.String(), now, body, s.secrets)

	var connected atomic.Bool
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }}
	answer, err := s.client.Do(req.WithContext(httptrace.WithClientTrace(ctx, trace)))
	if err != nil {
		return s.unanswered(err, connected.Load())
	}
	defer answer.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(answer.Body, maxBody)) // what it says changes nothing
	return s.judge(answer, said, now)
}

// unanswered returns the error for a request without an answer. If no connection came about,
// no other message would be taken either.
func (s *Sink) unanswered(err error, connected bool) error {
	var inURL *url.Error
	if errors.As(err, &inURL) {
		err = inURL.Err // without the URL, which may have something secret in its query
	}
	err = fmt.Errorf("webhook: post to %s: %w", s.url.Host, err)
	if !connected {
		return publish.Unavailable(err)
	}
	return err
}

// judge returns what an answer means.
func (s *Sink) judge(answer *http.Response, said []byte, now time.Time) error {
	code := answer.StatusCode
	if code/100 == 2 {
		return nil
	}
	err := fmt.Errorf("webhook: %s answered %d", s.url.Host, code)
	if len(said) > 0 {
		err = fmt.Errorf("%w: %.*q", err, maxSaid, said)
	}
	again := code/100 == 5 || code == http.StatusRequestTimeout || code == http.StatusTooEarly || code == http.StatusTooManyRequests
	if !again {
		return publish.Refused(err)
	}
	after, asked := retryAfter(answer.Header.Get("Retry-After"), now)
	if asked || code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable {
		return &publish.UnavailableError{After: after, Err: err}
	}
	return err
}

// retryAfter reads the header of that name (RFC 9110, 10.2.3): seconds, or a date. It
// reports whether there is one that can be read.
func retryAfter(header string, now time.Time) (time.Duration, bool) {
	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, true
	}
	date, err := http.ParseTime(header)
	if err != nil {
		return 0, false
	}
	return max(0, date.Sub(now)), true
}
