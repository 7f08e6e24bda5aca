package web

import (
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/apps/catalog"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/command"
)

// Options adjust a site. The zero value, and nil, are right for a catalogue that only this
// machine uses.
type Options struct {
	httpapi.Options
	// Now tells the time at which what a command decides happened. Nil means time.Now.
	Now func() time.Time
	// Commands are options of the command bus: who may send what, and what goes on around
	// it.
	Commands command.Options
}

// A Site is a catalogue over HTTP. Make it with [New]. It is safe for use by many
// goroutines. Its server runs it, with timeouts and a clean end.
type Site struct {
	*httpapi.Server

	// The side of commands.
	store daybook.Store
	bus   *command.Bus
	// The side of queries.
	showcase *catalog.Showcase
	own      ownWrites
	now      func() time.Time
}

// New returns a site for the catalogue that is recorded in a store, and shown by a
// showcase. Both must stay open for as long as the site is used.
func New(store daybook.Store, showcase *catalog.Showcase, options *Options) *Site {
	var o Options
	if options != nil {
		o = *options
	}
	if o.Guard == nil {
		o.Guard = access.NewGuard(Policy(), nil)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Site{
		Server: httpapi.NewServer("catalog", o.Options),
		store:  store, bus: catalog.NewBus(store, o.Now, &o.Commands), showcase: showcase, now: o.Now,
	}
	s.Page = s.problemPage
	s.Metrics.Daybook.Projections(viewsOf(showcase))
	s.Metrics.Registry.MustRegister(answersOf(showcase))
	s.Route(s.routes())
	return s
}
