package httpapi

import (
	"container/list"
	"context"
	"math"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Limits say how much a server takes on, from all clients and from each. A client is a
// principal or, where nobody is known, an address; of an address of IPv6 only the first 64
// bits count, since whoever has one has them all.
//
// The zero value is right for most sites: no honest client of a site on a few processors
// meets any of its bounds. Of each field, zero means its default, and less means that there
// is no bound.
type Limits struct {
	// Rate is how many requests a second each client may send for long. Zero means 1,000.
	Rate float64
	// Burst is how many it may send at once after it was quiet. Zero means two seconds of
	// Rate.
	Burst int
	// Strangers is how many requests a second an address may send for long of which nobody
	// knows who they are from, where the site has principals: each that is refused may be an
	// entry of the audit log. Zero means 20, after 1,000 at once.
	Strangers float64
	// Requests is the greatest number of requests that are being answered at once, besides
	// live streams. Whoever sends one more is told that the server is full, before anybody
	// looks at the request. Zero means 1,024.
	Requests int
	// RequestsEach is the same of one client. Zero means 512.
	RequestsEach int
	// Streams is the greatest number of live streams at once. Zero means 500: each holds a
	// connection.
	Streams int
	// StreamsEach is the same of one client. Zero means 100.
	StreamsEach int
	// Connections is the greatest number of connections at once. Beyond it, the one that has
	// been without a request for longest is closed for each new one. Zero means 4,096, or
	// three quarters of the files that the program may have open if that is less: the log
	// needs some.
	Connections int
	// Body is the greatest size of a request, in bytes, where a route does not say
	// otherwise. Zero means [MaxCommand].
	Body int64
}

// withDefaults returns the limits with what is missing filled in.
func (l Limits) withDefaults() Limits {
	bound := func(n *int, otherwise int) {
		if *n == 0 {
			*n = otherwise
		} else if *n < 0 {
			*n = math.MaxInt
		}
	}
	pace := func(r *float64, otherwise float64) {
		if *r == 0 {
			*r = otherwise
		} else if *r < 0 {
			*r = float64(rate.Inf)
		}
	}
	pace(&l.Rate, 1000)
	pace(&l.Strangers, 20)
	bound(&l.Burst, int(min(max(1, math.Ceil(2*l.Rate)), math.MaxInt32)))
	bound(&l.Requests, 1024)
	bound(&l.RequestsEach, 512)
	bound(&l.Streams, 500)
	bound(&l.StreamsEach, 100)
	bound(&l.Connections, usualConnections())
	if l.Body == 0 {
		l.Body = MaxCommand
	} else if l.Body < 0 {
		l.Body = math.MaxInt64
	}
	return l
}

// usualConnections is how many connections there may be where nobody says otherwise.
func usualConnections() int {
	const usual = 4096
	files, known := mostFiles()
	if !known {
		return usual
	}
	return int(min(usual, files/4*3))
}

// always are the addresses that answer whatever the load is: who runs the server must see
// that it is there, and an orchestrator must not restart it because it is busy.
var always = map[string]bool{"/healthz": true, "/readyz": true}

// strangersBurst is how many requests strangers may send at once.
const strangersBurst = 1000

// aClient is who a request counts for.
type aClient struct {
	principal string
	address   netip.Addr // of nobody known; the zero Addr where there is none, as on a Unix socket
	stranger  bool       // and should be known
}

// clientOf returns who a request counts for: the principal, if there is one, or else where it
// comes from. This machine's own principal is whoever is at it.
func clientOf(principal, remoteAddr string) aClient {
	if principal != "" && principal != Local {
		return aClient{principal: principal}
	}
	at, err := netip.ParseAddrPort(remoteAddr)
	if err != nil {
		return aClient{}
	}
	address := at.Addr().Unmap().WithZone("")
	if address.Is6() {
		address = netip.PrefixFrom(address, 64).Masked().Addr()
	}
	return aClient{address: address}
}

// mostQuiet is how many clients are remembered that have nothing going on; each takes some
// 300 bytes. Who is forgotten begins with a whole burst again, so that strangers by the
// million cost five megabytes, and cannot take away what another has left.
const mostQuiet = 16 << 10

// A gate counts what goes on, in all and for each client.
type gate struct {
	limits Limits
	inside atomic.Int64 // requests that are being answered, streams left out

	mu      sync.Mutex
	clients map[aClient]*account
	quiet   *list.List // of accounts with nothing going on, the longest quiet first
	streams int

	tell rate.Sometimes
}

// An account is what one client has going on, and may still send.
type account struct {
	client            aClient
	rate              *rate.Limiter
	requests, streams int
	quiet             *list.Element // its place among the quiet ones; nil while it has something going on
}

func newGate(l Limits) *gate {
	return &gate{limits: l.withDefaults(), clients: make(map[aClient]*account), quiet: list.New(), tell: rate.Sometimes{Interval: 10 * time.Second}}
}

// A visit is one request's passage: it has entered, was perhaps admitted as somebody's, has
// perhaps become a live stream, and leaves.
type visit struct {
	gate    *gate
	account *account // nil until it is admitted
	counted bool     // among those inside
	stream  bool
}

// enter lets a request in, unless the server is full. It costs next to nothing, and comes
// before anything that costs more. The visit that it returns leaves in any case.
func (g *gate) enter(r *http.Request) (*visit, *Problem) {
	v := &visit{gate: g}
	if always[r.URL.Path] {
		return v, nil
	}
	v.counted = true
	if most := g.limits.Requests; g.inside.Add(1) > int64(most) {
		return v, Unavailable.Problem("%s requests are being answered, and no more at once", Thousands(most))
	}
	return v, nil
}

// admit counts the request for a client, unless it has sent too many, or has too many going
// on.
func (v *visit) admit(client aClient) *Problem {
	if !v.counted {
		return nil
	}
	g := v.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	account := g.accountOf(client)
	if account.requests >= g.limits.RequestsEach {
		return TooMany.Problem("%s requests of yours are being answered, and no more at once", Thousands(g.limits.RequestsEach))
	}
	now := time.Now()
	turn := account.rate.ReserveN(now, 1)
	if wait := turn.DelayFrom(now); wait > 0 {
		turn.CancelAt(now)
		problem := TooMany.Problem("at most %v requests a second are taken from each client like you", float64(account.rate.Limit()))
		problem.wait = wait
		return problem
	}
	if account.quiet != nil {
		g.quiet.Remove(account.quiet)
		account.quiet = nil
	}
	account.requests++
	v.account = account
	return nil
}

// accountOf returns the account of a client. Of too many that are quiet, the one that has
// been so for longest is forgotten.
func (g *gate) accountOf(client aClient) *account {
	if known := g.clients[client]; known != nil {
		if known.quiet != nil {
			g.quiet.MoveToBack(known.quiet)
		}
		return known
	}
	account := &account{client: client, rate: rate.NewLimiter(rate.Limit(g.limits.Rate), g.limits.Burst)}
	if client.stranger {
		account.rate = rate.NewLimiter(rate.Limit(g.limits.Strangers), strangersBurst)
	}
	g.clients[client] = account
	g.rest(account)
	return account
}

// rest puts an account among the quiet ones.
func (g *gate) rest(a *account) {
	a.quiet = g.quiet.PushBack(a)
	if g.quiet.Len() > mostQuiet {
		oldest := g.quiet.Remove(g.quiet.Front()).(*account)
		delete(g.clients, oldest.client)
	}
}

// stay makes a live stream of the request, which counts among the streams from now on.
func (v *visit) stay() *Problem {
	g := v.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.streams >= g.limits.Streams {
		return Unavailable.Problem("there are %s live streams, and no more at once", Thousands(g.limits.Streams))
	}
	if v.account != nil {
		if v.account.streams >= g.limits.StreamsEach {
			return TooMany.Problem("%s live streams are yours, and no more at once", Thousands(g.limits.StreamsEach))
		}
		v.account.requests--
		v.account.streams++
	}
	g.streams++
	v.stream = true
	if v.counted {
		g.inside.Add(-1)
		v.counted = false
	}
	return nil
}

// leave ends the visit.
func (v *visit) leave() {
	g := v.gate
	if v.counted {
		g.inside.Add(-1)
	}
	if v.account == nil && !v.stream {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if v.stream {
		g.streams--
	}
	a := v.account
	if a == nil {
		return
	}
	if v.stream {
		a.streams--
	} else {
		a.requests--
	}
	if a.requests == 0 && a.streams == 0 {
		g.rest(a)
	}
}

// open returns how many live streams there are.
func (g *gate) open() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.streams
}

type visitKey struct{}

// with returns a context that has the visit in it.
func (v *visit) with(ctx context.Context) context.Context {
	return context.WithValue(ctx, visitKey{}, v)
}

// visitOf returns the visit that a request is.
func visitOf(r *http.Request) *visit { return r.Context().Value(visitKey{}).(*visit) }

// shed answers a request that was let no further. It takes as little as it can: no page,
// and a line in the log now and then.
func (s *Server) shed(w http.ResponseWriter, r *http.Request, p *Problem) {
	s.Metrics.shed.WithLabelValues(p.Kind.Name).Inc()
	s.gate.tell.Do(func() {
		s.Log.WarnContext(r.Context(), "requests are turned away; this is told at most every ten seconds", "problem", p.Kind.Name, "detail", p.Detail, "remote", r.RemoteAddr)
	})
	p.Write(w)
}
