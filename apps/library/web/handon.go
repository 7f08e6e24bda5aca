package web

import (
	"errors"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
)

// handOn hands a command on to the write service. That the form is one of this site's own
// was seen to before.
func (s *ReadSite) handOn(w http.ResponseWriter, r *http.Request) error {
	s.write.ServeHTTP(w, r)
	return nil
}

// handing returns what hands commands on to a write service.
func (s *ReadSite) handing(to *url.URL) *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			if s.Options.Authenticator != nil {
				r.SetXForwarded()
			} // otherwise it is this machine's own, and known to be: the write service may take it so
			trace := daybook.TraceOf(r.In.Context())
			r.Out.Header.Set(httpapi.CorrelationHeader, trace.Correlation)
			if trace.Parent != "" {
				r.Out.Header.Set(httpapi.ParentHeader, trace.Parent)
			}
			r.Out.Header.Del("Origin") // it is that of this site, which the write service does not know
		},
		ModifyResponse: func(answer *http.Response) error {
			// Both set what every answer says to a browser.
			for _, name := range httpapi.GuardHeaders {
				answer.Header.Del(name)
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			problem := httpapi.UnknownOutcome.Problem("the write service did not answer")
			tooBig := (*http.MaxBytesError)(nil)
			if dial := (*net.OpError)(nil); errors.As(err, &dial) && dial.Op == "dial" {
				problem = httpapi.Unavailable.Problem("the write service cannot be reached")
			} else if errors.As(err, &tooBig) || errors.Is(err, os.ErrDeadlineExceeded) {
				problem = httpapi.ProblemOf(httpapi.CutShort(err)) // not all of it was handed on
			}
			problem.Err = err
			s.Fail(&httpapi.StatusWriter{ResponseWriter: w}, r, problem)
		},
	}
}
