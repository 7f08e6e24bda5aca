package program

import "github.com/daybook-es/daybook/apps/internal/httpapi"

// Limiting are the flags that say how much a server takes on. None of them is needed where
// clients are people; see the guide to limits.
type Limiting struct {
	Rate            float64 `default:"1000" placeholder:"N" help:"Requests a second that each client may send for long: each principal, or each address of nobody known (${default}). Here and below, -1 is no bound."`
	Burst           int     `placeholder:"N" help:"Requests that each client may send at once after it was quiet (two seconds of --rate)."`
	RateStrangers   float64 `default:"20" placeholder:"N" help:"Requests a second from an address of which nobody knows who sends them, where there are keys (${default})."`
	MaxRequests     int     `default:"1024" placeholder:"N" help:"Requests that are answered at once, besides live streams (${default}); who sends one more is told 503."`
	MaxRequestsEach int     `default:"512" placeholder:"N" help:"The same of each client (${default}); who sends one more is told 429."`
	MaxStreams      int     `default:"500" placeholder:"N" help:"Live streams at once (${default})."`
	MaxStreamsEach  int     `default:"100" placeholder:"N" help:"The same of each client (${default})."`
	MaxConnections  int     `placeholder:"N" help:"Connections at once (4096, or three quarters of the files that may be open). Beyond it, the one that has been idle for longest is closed."`
	MaxBody         int64   `default:"1048576" placeholder:"BYTES" help:"Size of a request, where it is no import (${default})."`
}

// Limits returns what the flags say.
func (l Limiting) Limits() httpapi.Limits {
	return httpapi.Limits{
		Rate: l.Rate, Burst: l.Burst, Strangers: l.RateStrangers,
		Requests: l.MaxRequests, RequestsEach: l.MaxRequestsEach,
		Streams: l.MaxStreams, StreamsEach: l.MaxStreamsEach,
		Connections: l.MaxConnections, Body: l.MaxBody,
	}
}
