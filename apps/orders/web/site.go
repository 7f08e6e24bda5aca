package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/apps/orders/simulated"
)

// Options adjust a site. The zero value, and nil, are right for a shop that is open to
// everybody who can reach it.
type Options struct {
	// Principal says who sends a request, such as the one that a proxy or a session has
	// identified. Idempotency-Keys belong to principals. Nil means that everybody is the
	// same one, without a name.
	Principal func(*http.Request) string
	// Hosts are the names of the site, without ports. A request for another name is
	// refused; one for an IP address or localhost never is. Nil means any name.
	//
	// Set it for a site without principals that only this machine can reach. Otherwise a
	// stranger's page, open in a browser here, could let its own name lead to the site
	// (DNS rebinding), and then read and command it.
	Hosts []string
	// Health returns why nothing can be recorded until somebody does something about it,
	// or nil. The site is not ready then. Nil means that nothing is known.
	Health func() error
	// Providers are simulated ones that visitors may tell to fail. Nil means that there are
	// none.
	Providers []*simulated.Desk
	// Patience is how long a query waits until the views show its token. Zero means 3
	// seconds.
	Patience time.Duration
	// Timeout bounds how long a request may take in all, except for imports and live
	// streams. Zero means 15 seconds.
	Timeout time.Duration
	// Heartbeat is how long a live stream stays silent at most. Zero means 15 seconds.
	Heartbeat time.Duration
	// LiveStreams is the greatest number of live streams at once; whoever wants one more
	// is told to come again. Zero means 500: each holds a connection, and a program often
	// may have no more than 1,024 files open, of which the log needs some.
	LiveStreams int
	// Logger is told about requests and commands. Nil means slog.Default.
	Logger *slog.Logger
}

// A Site is a shop over HTTP. Make it with [New]. It is safe for use by many
// goroutines.
type Site struct {
	shop    *orders.Shop
	options Options
	log     *slog.Logger
	metrics *metrics
	handler http.Handler
	seats   chan struct{} // one is taken by each live stream

	closing context.Context // ends with Close, and live streams with it
	close   context.CancelFunc
}

// New returns a site for a shop, which must stay open for as long as the site is used.
func New(shop *orders.Shop, options *Options) *Site {
	s := &Site{shop: shop}
	if options != nil {
		s.options = *options
	}
	o := &s.options
	if o.Principal == nil {
		o.Principal = func(*http.Request) string { return "" }
	}
	if o.Health == nil {
		o.Health = func() error { return nil }
	}
	if o.Patience == 0 {
		o.Patience = 3 * time.Second
	}
	if o.Timeout == 0 {
		o.Timeout = 15 * time.Second
	}
	if o.Heartbeat == 0 {
		o.Heartbeat = 15 * time.Second
	}
	if o.LiveStreams == 0 {
		o.LiveStreams = 500
	}
	s.seats = make(chan struct{}, o.LiveStreams)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	s.log = o.Logger
	s.closing, s.close = context.WithCancel(context.Background())
	s.metrics = newMetrics(shop)
	s.handler = s.routed()
	return s
}

// ServeHTTP implements [http.Handler].
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Close ends the live streams, for good. Other requests are still answered.
func (s *Site) Close() { s.close() }

// grace is how long [Site.Serve] waits for requests that have begun.
const grace = 10 * time.Second

// Serve answers requests on a listener until ctx ends. Then it takes no new ones, ends
// the live streams, finishes what it has begun, and returns nil. It closes the
// listener.
func (s *Site) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second, // an import extends it as it goes
		WriteTimeout:      30 * time.Second, // and so does a live stream
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.Close()
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err := server.Shutdown(ending)
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.WarnContext(ctx, "some requests were cut off", "after", grace)
		err = server.Close()
	}
	return err
}

// A handler answers a request, or says what came in the way.
type handler func(http.ResponseWriter, *http.Request) error

// answered makes an [http.Handler] of a route: what every one of them does around
// the handler.
func (s *Site) answered(route route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		ctx := r.Context()
		correlation := daybook.TraceOf(ctx).Correlation
		if !route.long {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, s.options.Timeout)
			defer cancel()
		}
		r = r.WithContext(ctx)
		recording := &statusWriter{ResponseWriter: w}
		defer func() {
			if broken := recover(); broken != nil {
				if broken == http.ErrAbortHandler {
					panic(broken)
				}
				s.log.ErrorContext(ctx, "a handler panicked", "correlation", correlation, "route", route.pattern(), "panic", broken, "stack", string(debug.Stack()))
				s.fail(recording, r, internal.problem(""))
			}
			s.metrics.request(route, recording.status, time.Since(began))
			// Who only looks is not news.
			level := slog.LevelInfo
			if safe(r) && recording.status < 500 {
				level = slog.LevelDebug
			}
			s.log.Log(ctx, level, "request", "correlation", correlation, "method", r.Method, "path", r.URL.Path,
				"status", recording.status, "took", time.Since(began))
		}()
		if err := route.handle(recording, r); err != nil {
			s.fail(recording, r, err)
		}
	})
}

// fail answers with the problem that an error is.
func (s *Site) fail(w *statusWriter, r *http.Request, err error) {
	problem := *problemOf(err)
	if safe(r) && problem.kind == invalid {
		// A question that cannot be asked is a mistake in the address, and there is
		// nothing in it that could be processed otherwise.
		detail := problem.Detail
		problem = *malformed.problem("%s", detail)
	}
	problem.Instance = daybook.TraceOf(r.Context()).Correlation
	if problem.Status >= 500 {
		s.log.ErrorContext(r.Context(), "request failed", "correlation", problem.Instance, "method", r.Method, "path", r.URL.Path,
			"problem", problem.kind.name, "error", err)
	}
	if w.status != 0 {
		return // the answer has begun, and can only be broken off
	}
	if form, _ := wanted(r); form == asHTML {
		problem.header(w)
		s.render(w, r, problem.Status, "problem", view{Title: problem.Title, Body: &problem})
		return
	}
	problem.write(w)
}

func safe(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

// correlationHeader names what belongs together. A client may choose it, and finds it
// in the metadata of the events that its request led to.
const correlationHeader = "X-Correlation-ID"

func correlationOf(r *http.Request) string {
	given := r.Header.Get(correlationHeader)
	if _, err := checkKey(given); err == nil && len(given) <= 64 {
		return given
	}
	return uuid.NewString()
}

// statusWriter notes the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int // zero until the answer has begun
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets [http.ResponseController] reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// guarded sets what every answer says to a browser about what it may do with it, and
// refuses forms that another site sent. It gives the request its trace, too.
func (s *Site) guarded(next http.Handler) http.Handler {
	forms := http.NewCrossOriginProtection()
	forms.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.fail(&statusWriter{ResponseWriter: w}, r, crossOrigin.problem("commands are taken from this site's own pages, and from programs that are no browsers"))
	}))
	guarded := forms.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		trace := daybook.Trace{Correlation: correlationOf(r), Actor: s.options.Principal(r)}
		h.Set(correlationHeader, trace.Correlation)
		r = r.WithContext(daybook.WithTrace(r.Context(), trace))
		if !s.isCalled(r.Host) {
			s.fail(&statusWriter{ResponseWriter: w}, r, misdirected.problem("the request is for %q", r.Host))
			return
		}
		guarded.ServeHTTP(w, r)
	})
}

// isCalled reports whether the site may be asked for under the name that a Host header
// has.
func (s *Site) isCalled(host string) bool {
	if s.options.Hosts == nil || host == "" {
		return true // a browser always says
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return true
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost") ||
		slices.ContainsFunc(s.options.Hosts, func(name string) bool { return strings.EqualFold(name, host) })
}
