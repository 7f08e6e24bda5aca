package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/telemetry/oteltraces"
	"github.com/daybook-es/daybook/telemetry/prommetrics"
	"github.com/daybook-es/daybook/telemetry/slogids"
)

// Options adjust a server. The zero value is right for a site that only this machine uses.
type Options struct {
	// Guard decides who may do what. Nil is one by which whoever is known may do everything.
	Guard *access.Guard
	// Authenticator says who sends a request: a bearer token or, where there is none, the key
	// that a browser signed in with. Nil means that nobody is asked. Then requests of this
	// machine itself are by the principal [Local], who has every role, and all others are by
	// nobody, who may do nothing: a site that others can reach needs an authenticator.
	Authenticator access.Authenticator
	// Kept is what the site keeps of keys and as its audit log. Nil keeps nothing.
	Kept *Kept
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
	// Patience is how long a query waits until what is shown has come to its token. Zero
	// means 3 seconds.
	Patience time.Duration
	// Timeout bounds how long a request may take in all, except for imports and live
	// streams. Zero means 15 seconds.
	Timeout time.Duration
	// Heartbeat is how long a live stream stays silent at most. Zero means 15 seconds.
	Heartbeat time.Duration
	// Limits say how much the server takes on, from all clients and from each.
	Limits Limits
	// Drain is how long a server that is told to end goes on answering, while it says that it
	// is not ready, so that whoever shares out requests sends it no more. Zero means not at
	// all.
	Drain time.Duration
	// Metrics are what the program tells of its log and what it does with it; the server
	// tells it with its own. Nil means new ones, to which the site adds what it knows.
	Metrics *prommetrics.Metrics
	// Traces make the span of each request. Nil means that there are none; what the header
	// traceparent of a request says is kept with its events all the same.
	Traces *oteltraces.Traces
	// Logger is told about requests and commands, with the ids that lines have in common (see
	// package slogids). Nil means slog.Default.
	Logger *slog.Logger
}

// A Handler answers a request, or says what came in the way.
type Handler func(http.ResponseWriter, *http.Request) error

// A Route says which handler answers at an address. An address may have parts in
// braces, as [http.ServeMux] has it.
type Route struct {
	Method, Path string
	// Right says which act it is to ask for this, and so who may. A route without one is a
	// mistake: [Server.Route] panics.
	Right  Right
	Handle Handler
	// Long routes are not bound by [Options.Timeout], nor is the size of what is sent to them
	// by [Limits.Body].
	Long bool
}

// Pattern returns the route as [http.ServeMux] writes it.
func (r Route) Pattern() string { return strings.TrimSpace(r.Method + " " + r.Path) }

// A Server answers at the addresses of a site, with what every answer of every site has in
// common around it. Make it with [NewServer], and give it its routes with
// [Server.Route] before it is asked anything. It is safe for use by many goroutines.
type Server struct {
	// Options are those that it was made with, the missing ones filled in.
	Options Options
	// Log is where it tells what it does.
	Log *slog.Logger
	// Metrics count what it does.
	Metrics *Metrics
	// Page answers with the page of a problem, for those who want text/html. Nil means that
	// there are no pages: everybody gets JSON.
	Page func(http.ResponseWriter, *http.Request, *Problem)

	name    string
	local   access.Principal // this machine itself, where nobody is asked who they are
	handler http.Handler
	gate    *gate
	leaving atomic.Bool // it is told to end, and answers all the same
	closing context.Context
	close   context.CancelFunc
}

// NewServer returns a server without routes. Its name, such as "orders", is that of its
// metrics and cookies.
func NewServer(name string, o Options) *Server {
	if o.Guard == nil {
		o.Guard = access.NewGuard(everything, nil)
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
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	o.Logger = slog.New(slogids.New(o.Logger.Handler()))
	s := &Server{Options: o, Log: o.Logger, Metrics: newMetrics(name, o.Metrics), name: name, gate: newGate(o.Limits)}
	s.local = access.Principal{Name: Local, Roles: o.Guard.Policy().RoleNames(), By: "this machine"}
	s.closing, s.close = context.WithCancel(context.Background())
	return s
}

// Route sets the addresses of the site. One that is none of them is a problem like any
// other. A route that does not say which act it is makes it panic.
func (s *Server) Route(routes []Route) {
	mux := http.NewServeMux()
	for _, route := range routes {
		if route.Right.IsZero() {
			panic(fmt.Sprintf("httpapi: the route %s does not say which act it is", route.Pattern()))
		}
		mux.Handle(route.Pattern(), s.answered(route))
	}
	const elsewhere = "/"
	mux.Handle(elsewhere, s.answered(Route{Path: elsewhere, Right: Open, Handle: func(_ http.ResponseWriter, r *http.Request) error {
		var allowed []string
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
			other := r.Clone(r.Context())
			other.Method = method
			if _, pattern := mux.Handler(other); pattern != elsewhere {
				allowed = append(allowed, method)
			}
		}
		if len(allowed) == 0 || slices.Contains(allowed, r.Method) {
			return NotFound.Problem("%s is no address of this site", r.URL.Path)
		}
		problem := WrongMethod.Problem("%s is none of %s", r.Method, strings.Join(allowed, ", "))
		problem.allow = strings.Join(allowed, ", ")
		return problem
	}}))
	s.handler = s.guarded(mux)
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Close ends the live streams, for good. Other requests are still answered.
func (s *Server) Close() { s.close() }

// Closing reports whether the server was closed, or is about to be: it is not ready any more.
func (s *Server) Closing() bool { return s.leaving.Load() || s.closing.Err() != nil }

// grace is how long [Server.Serve] waits for requests that have begun.
const grace = 10 * time.Second

// Serve answers requests on a listener until ctx ends. Then it is not ready any more, and asks
// clients to come elsewhere next time; after [Options.Drain] it takes no new requests, ends the
// live streams, finishes what it has begun, and returns nil. It closes the listener. Every
// request of which it has read the header is answered, if that takes no more than 10 seconds.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second, // see [Server.pace] for those that take longer
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 100},
		ConnState:         newConnections(s.gate.limits.Connections).note,
		ErrorLog:          s.errorLog(),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.leaving.Store(true)
	select {
	case err := <-failed:
		return err
	case <-time.After(s.Options.Drain):
	}
	s.Close()
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err := server.Shutdown(ending)
	if errors.Is(err, context.DeadlineExceeded) {
		s.Log.WarnContext(ctx, "some requests were cut off", "after", grace)
		err = server.Close()
	}
	return err
}

// answered makes an [http.Handler] of a route: what every one of them does around
// the handler.
func (s *Server) answered(route Route) http.Handler {
	pattern := route.Pattern()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		ctx := r.Context()
		if !route.Long {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, s.Options.Timeout)
			defer cancel()
		}
		r, ended := s.traced(r.WithContext(ctx), route)
		ctx = r.Context()
		recording := &StatusWriter{ResponseWriter: w}
		defer s.pace(recording, r, route.Long)()
		defer func() {
			if broken := recover(); broken != nil {
				if broken == http.ErrAbortHandler {
					panic(broken)
				}
				s.Log.ErrorContext(ctx, "a handler panicked", "route", pattern, "panic", broken, "stack", string(debug.Stack()))
				s.Fail(recording, r, Internal.Problem(""))
			}
			s.Metrics.request(pattern, route.Long, recording.status, time.Since(began))
			ended(recording.status)
			// Who only looks is not news, and neither is what a stranger is refused: they could
			// fill a disk with it, and the audit log counts them.
			level := slog.LevelInfo
			stranger := s.Options.Authenticator != nil && recording.status >= 400 && access.Of(r.Context()).IsNobody()
			if (Safe(r) || stranger) && recording.status < 500 {
				level = slog.LevelDebug
			}
			s.Log.Log(ctx, level, "request", "method", r.Method, "path", r.URL.Path,
				"status", recording.status, "took", time.Since(began))
		}()
		r, err := s.permitted(route, r)
		if most := s.gate.limits.Body; err == nil && r.ContentLength > most && !route.Long {
			err = &http.MaxBytesError{Limit: most} // it need not be sent
		}
		if err == nil {
			err = route.Handle(recording, r)
		}
		if err != nil {
			s.Fail(recording, r, err)
		}
	})
}

// Fail answers with the problem that an error is.
func (s *Server) Fail(w *StatusWriter, r *http.Request, err error) {
	problem := *ProblemOf(err)
	if Safe(r) && problem.Kind == Invalid {
		// A question that cannot be asked is a mistake in the address, and there is
		// nothing in it that could be processed otherwise.
		detail := problem.Detail
		problem = *Malformed.Problem("%s", detail)
	}
	problem.Instance = daybook.TraceOf(r.Context()).Correlation
	if problem.Status >= 500 {
		level := slog.LevelError
		if problem.Kind == Unavailable || problem.Kind == Lagging {
			level = slog.LevelWarn // it passes by itself, or whoever has to see to it says so
		}
		s.Log.Log(r.Context(), level, "request failed", "method", r.Method, "path", r.URL.Path,
			"problem", problem.Kind.Name, "error", err)
	}
	if w.status != 0 {
		return // the answer has begun, and can only be broken off
	}
	if form, _ := Wanted(r); form == AsHTML && s.Page != nil {
		if problem.Kind == Anonymous {
			problem.SignIn = "/session"
			if Safe(r) {
				problem.SignIn += "?" + url.Values{"next": {r.URL.RequestURI()}}.Encode()
			}
		}
		problem.Header(w)
		s.Page(w, r, &problem)
		return
	}
	problem.Write(w)
}

// Safe reports whether a request only looks.
func Safe(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

// CorrelationHeader names what belongs together. A client may choose it, and finds it
// in the metadata of the events that its request led to.
const CorrelationHeader = "X-Correlation-ID"

func correlationOf(r *http.Request) string {
	given := r.Header.Get(CorrelationHeader)
	if _, err := CheckKey(given); err == nil && len(given) <= 64 {
		return given
	}
	return uuid.NewString()
}

// StatusWriter notes the status of an answer.
type StatusWriter struct {
	http.ResponseWriter
	status int // zero until the answer has begun

	// How it is written; see [Server.pace].
	control *http.ResponseController // nil for an answer that needs no pace
	long    bool
	bytes   int // of the piece
}

func (w *StatusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *StatusWriter) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if w.control == nil {
		return w.ResponseWriter.Write(p)
	}
	return w.write(p)
}

// Unwrap lets [http.ResponseController] reach the connection.
func (w *StatusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// guards are what every answer says to a browser about what it may do with it.
var guards = map[string]string{
	"Content-Security-Policy":      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	"X-Content-Type-Options":       "nosniff",
	"Referrer-Policy":              "same-origin",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
}

// GuardHeaders are the names of the headers that every answer of a server has. Who hands an
// answer of one on as that of another drops them first.
var GuardHeaders = append(slices.Collect(maps.Keys(guards)), CorrelationHeader)

// guarded sets what every answer says to a browser about what it may do with it, and
// refuses forms that another site sent. It gives the request its trace, too.
func (s *Server) guarded(next http.Handler) http.Handler {
	forms := http.NewCrossOriginProtection()
	forms.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Fail(&StatusWriter{ResponseWriter: w}, r, CrossOrigin.Problem("commands are taken from this site's own pages, and from programs that are no browsers"))
	}))
	guarded := forms.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		for name, value := range guards {
			h.Set(name, value)
		}
		if s.Closing() || r.ProtoMajor == 1 && len(r.TransferEncoding) > 0 {
			// So that no request comes while it is closed. One in chunks may have had a length
			// too, which nobody tells: a server in front that went by that would take the rest
			// for another request.
			h.Set("Connection", "close")
		}
		visit, full := s.gate.enter(r)
		defer visit.leave()
		if full != nil {
			s.shed(w, r, full)
			return
		}
		trace := daybook.Trace{Correlation: correlationOf(r), Parent: parentOf(r)}
		h.Set(CorrelationHeader, trace.Correlation)
		r = r.WithContext(access.WithOrigin(daybook.WithTrace(r.Context(), trace), r.RemoteAddr))
		if !always[r.URL.Path] {
			r, _ = s.identified(r) // what came in the way, the route tells if it matters
		}
		who := access.Of(r.Context())
		client := clientOf(who.Name, r.RemoteAddr)
		client.stranger = who.IsNobody() && s.Options.Authenticator != nil
		if client.stranger && trace.Parent != "" {
			// It may say that the trace is kept, and so have every request of a stranger sent to
			// whoever keeps traces.
			trace.Parent = ""
			r = r.WithContext(daybook.WithTrace(r.Context(), trace))
		}
		if tooMany := visit.admit(client); tooMany != nil {
			s.shed(w, r, tooMany)
			return
		}
		r = r.WithContext(visit.with(r.Context()))
		if !s.isCalled(r.Host) {
			s.Fail(&StatusWriter{ResponseWriter: w}, r, Misdirected.Problem("the request is for %q", r.Host))
			return
		}
		guarded.ServeHTTP(w, r)
	})
}

// isCalled reports whether the site may be asked for under the name that a Host header
// has.
func (s *Server) isCalled(host string) bool {
	if s.Options.Hosts == nil || host == "" {
		return true // a browser always says
	}
	name, address := calledBy(host)
	return address.IsValid() || isLocal(name) ||
		slices.ContainsFunc(s.Options.Hosts, func(known string) bool { return strings.EqualFold(known, name) })
}

// LiveStreams returns how many live streams are open.
func (s *Server) LiveStreams() int { return s.gate.open() }

// Around has a handler of the caller's own see every request before the routes do. It is
// called before the server is asked anything.
func (s *Server) Around(wrap func(routes http.Handler) http.Handler) { s.handler = wrap(s.handler) }
