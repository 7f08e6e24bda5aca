package orders

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/past"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/process"
	"github.com/daybook-es/daybook/projection"
)

// A Shop takes commands and answers questions. It is safe for use by many
// goroutines.
//
// Goroutines of its own keep the views in step with the store, and fulfil orders, from
// [Open] to [Shop.Close].
type Shop struct {
	store daybook.Store
	bus   *command.Bus
	views *readModels
	// rebuilding is held while editions of the read model come and go.
	rebuilding sync.Mutex
	// processes fulfil orders, as fulfilment says; nil in a shop without providers.
	processes  *process.Runner
	fulfilment *process.Process[Fulfilment]
	// figures remembers the dashboards that were asked for last.
	figures figureCache

	stop context.CancelFunc // tells the goroutines to end
	done sync.WaitGroup     // ends with them
}

// Options adjust a shop. The zero value, and nil, are right for a shop that everybody
// may command.
type Options struct {
	// Commands are options of the command bus: who may send what, and what goes on
	// around it.
	Commands command.Options
	// Now tells the time at which what a command decides happened. Nil means time.Now.
	Now func() time.Time
	// Payments and Carrier are who takes the money for the orders that the shop fulfils,
	// and who takes the goods. Without them it fulfils none, and what it was asked waits
	// for a program that has them.
	Payments Payments
	Carrier  Carrier
	// PayWithin is how long a customer has to pay an order that the shop fulfils and
	// charges no card for. Zero means a day.
	PayWithin time.Duration
	// Fulfilment and Processes adjust how orders are fulfilled, and how that is run.
	Fulfilment FulfilmentOptions
	Processes  process.Options
	// Projections adjusts how the views are kept in step.
	Projections projection.Options
	// Logger is told when the views or the fulfilment get stuck. Nil means slog.Default.
	Logger *slog.Logger
}

// Open opens the shop that is recorded in a store, with its views in a directory,
// which is made if it is not there. The views may be deleted while no shop is open;
// they are then built again from the store.
//
// The caller closes the shop, and the store after it.
func Open(ctx context.Context, store daybook.Store, views string, options *Options) (*Shop, error) {
	var o Options
	if options != nil {
		o = *options
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.PayWithin <= 0 {
		o.PayWithin = 24 * time.Hour
	}
	if o.Processes.Logger == nil {
		o.Processes.Logger = o.Logger
	}
	if (o.Payments == nil) != (o.Carrier == nil) {
		return nil, errors.New("orders: a shop that fulfils orders has both payments and a carrier")
	}
	if o.Projections.Logger == nil {
		o.Projections.Logger = o.Logger
	}
	models, err := openReadModels(ctx, store, views, o.Projections)
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &Shop{
		store: store,
		bus:   command.NewBus(store, Handlers(o.Now, o.PayWithin), &o.Commands),
		views: models,
		stop:  stop,
	}
	s.done.Go(func() {
		// What makes Run give up it has logged, and Status tells.
		_ = s.views.versions.Run(running)
	})
	if o.Payments != nil {
		s.fulfilment = Fulfil(o.Payments, o.Carrier, &o.Fulfilment)
		s.processes = process.NewRunner(store, s.bus, []process.Definition{s.fulfilment}, &o.Processes)
		s.done.Go(func() {
			_ = s.processes.Run(running) // it gives up only if the store is closed
		})
	}
	return s, nil
}

// Close stops the views and the fulfilment, and closes the views. What was recorded stays
// recorded.
func (s *Shop) Close() error {
	s.stop()
	s.done.Wait()
	return s.views.close()
}

// Bus takes the commands in commands.go and warehouse.go.
func (s *Shop) Bus() *command.Bus { return s.bus }

// Processes runs the processes that fulfil orders; nil in a shop without providers.
func (s *Shop) Processes() *process.Runner { return s.processes }

// Store is where the shop is recorded.
func (s *Shop) Store() daybook.Store { return s.store }

// Wait returns when the views show everything up to a point, such as that of a
// command's receipt. See [projection.Runner.Wait].
func (s *Shop) Wait(ctx context.Context, token daybook.Point) error {
	for {
		view := s.views.current()
		err := s.views.versions.Runner(view).Wait(ctx, token)
		if s.views.current() == view {
			return err
		}
	}
}

// Status says where the views stand that answer.
func (s *Shop) Status(ctx context.Context) (projection.Status, error) {
	return s.views.versions.Runner(s.views.current()).Status(ctx)
}

// Changes yields what happens to orders, in stock and to fulfilments after a point, each
// when the views show it or have set it aside, for as long as ctx lasts. It ends with the
// error that stopped it, the context's included. The zero Point begins with the first event; [Shop.Now] is now.
func (s *Shop) Changes(ctx context.Context, after daybook.Point) iter.Seq2[Change, error] {
	query := append(s.views.first.Query(), daybook.Item{Categories: []string{fulfilmentCategory}})
	return past.Changes(ctx, s.store, query, after, s.Wait, changeOf)
}

// changeOf returns what an event changes.
func changeOf(at daybook.Point, e daybook.Recorded) Change {
	c := Change{At: at.At(e.Position), Version: e.Version, Type: e.Type, RecordedAt: e.RecordedAt}
	if daybook.CategoryOf(e.Stream) == stockCategory {
		c.SKU = SKUOf(e.Stream)
		for _, tag := range e.Tags {
			c.Order, _ = strings.CutPrefix(tag, orderTag(""))
		}
		return c
	}
	if id, is := strings.CutPrefix(e.Stream, fulfilmentCategory+"-"); is {
		c.Order, c.Process = id, FulfilmentName
		return c
	}
	c.Order = OrderID(e.Stream)
	return c
}

// Now returns the newest point of the store.
func (s *Shop) Now(ctx context.Context) (daybook.Point, error) {
	info, err := s.store.Info(ctx)
	return info.Head, err
}

// ErrNoSuchCustomer is returned where nobody with a customer's id ever ordered.
var ErrNoSuchCustomer = errors.New("there is no such customer")
