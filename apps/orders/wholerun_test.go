package orders_test

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/realdata"
	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/apps/orders/simulated"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/process"
	"github.com/daybook-es/daybook/store/logstore"
)

// A cutStore is a store whose connection to one program can be cut: nothing that the
// program does comes through any more, whatever it was about to record.
type cutStore struct {
	daybook.Store
	cut atomic.Bool
}

func (s *cutStore) Append(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
	if s.cut.Load() {
		return daybook.Receipt{}, &daybook.UnavailableError{Doing: "append", Err: errors.New("the connection is cut")}
	}
	return s.Store.Append(ctx, events, cond)
}

// A wholeRun has a shop fulfil many orders, with everything going wrong that can: providers
// that fail, customers who pay otherwise, too late or not at all, who cancel, and programs
// that are killed and started again.
type wholeRun struct {
	t        *testing.T
	store    daybook.Store
	bus      *command.Bus // of the customers and the warehouse
	payments *simulated.Payments
	carrier  *simulated.Carrier

	runner  *process.Runner
	through *cutStore
	stop    context.CancelFunc
	ended   chan struct{}
}

// openLog opens a log on disk until the test ends. In memory every tag is looked for in all
// events, which is too slow for so many.
func openLog(t *testing.T) daybook.Store {
	t.Helper()
	store, err := logstore.Open(filepath.Join(t.TempDir(), "log"), &logstore.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

const payWithin = 150 * time.Millisecond

func newWholeRun(t *testing.T, store daybook.Store, seed uint64) *wholeRun {
	t.Helper()
	r := &wholeRun{
		t: t, store: store, bus: command.NewBus(store, orders.Handlers(time.Now, payWithin), nil),
		payments: simulated.NewPayments(seed), carrier: simulated.NewCarrier(seed + 1),
	}
	for _, desk := range []*simulated.Desk{r.payments.Desk, r.carrier.Desk} {
		if err := desk.Behave(simulated.Behaviour{Decline: 0.04, Unreachable: 0.12, Silent: 0.12, Twice: 0.05, Slow: 0.02, DelayMillis: 2}); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// start starts a program that fulfils orders, and kill ends it: what it was about to record
// is lost.
func (r *wholeRun) start() {
	r.through = &cutStore{Store: r.store}
	r.runner = process.NewRunner(r.through, command.NewBus(r.through, orders.Handlers(time.Now, payWithin), nil),
		[]process.Definition{orders.Fulfil(r.payments, r.carrier, &orders.FulfilmentOptions{AskAgain: 5 * time.Millisecond})},
		&process.Options{Parallel: 64, Attempts: 2, RetryAfter: time.Millisecond, RetryAtMost: 2 * time.Millisecond, TakeOver: time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	var ctx context.Context
	ctx, r.stop = context.WithCancel(r.t.Context())
	r.ended = make(chan struct{})
	go func(runner *process.Runner, ended chan struct{}) {
		defer close(ended)
		if err := runner.Run(ctx); err != nil {
			r.t.Errorf("run: %v", err)
		}
	}(r.runner, r.ended)
}

func (r *wholeRun) kill() {
	r.through.cut.Store(true)
	r.stop()
	<-r.ended
}

// do sends a command, which may be refused by one of some rules.
func (r *wholeRun) do(c any, unless ...error) {
	_, err := r.bus.Do(r.t.Context(), command.Envelope{}, c)
	for _, rule := range unless {
		if errors.Is(err, rule) {
			return
		}
	}
	if err != nil {
		r.t.Errorf("%+v: %v", c, err)
	}
}

// place places an order, and does what its customer does then.
func (r *wholeRun) place(c orders.PlaceOrder, chance *rand.Rand) {
	c.Fulfil = true
	what := chance.Float64()
	if what < 0.6 || what >= 0.9 {
		c.Method = orders.CardOnFile
	}
	id := command.NewID()
	if _, err := r.bus.Do(r.t.Context(), command.Envelope{ID: id}, c); err != nil {
		r.t.Errorf("%+v: %v", c, err)
		return
	}
	order := orders.PlacedID(id)
	pay := orders.PayOrder{Order: order, Amount: c.Total, Method: "boleto"}
	switch {
	case what < 0.6: // the card is charged
	case what < 0.8:
		r.do(pay, orders.ErrOrderEnded)
	case what < 0.85: // never pays
	case what < 0.9:
		r.do(pay, orders.ErrOrderEnded)
		r.do(orders.CancelOrder{Order: order, Reason: "changed their mind"}, orders.ErrTooLate, orders.ErrOrderEnded)
	case what < 0.95:
		r.do(orders.CancelOrder{Order: order, Reason: "changed their mind"}, orders.ErrTooLate, orders.ErrOrderEnded)
	default:
		r.do(pay, orders.ErrOrderEnded, orders.ErrPaidAlready)
	}
}

// fulfil has orders placed by several customers at once, and the program killed and
// started again on the way, until all are fulfilled. It returns the audit.
func (r *wholeRun) fulfil(all []orders.PlaceOrder, kills int, seed uint64, meanwhile func(placed int)) orders.Audit {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 3*time.Minute)
	defer cancel()
	var placed atomic.Int64
	var customers sync.WaitGroup
	const atOnce = 32
	for customer := range atOnce {
		customers.Go(func() {
			chance := rand.New(rand.NewPCG(seed, uint64(customer)))
			for i := customer; i < len(all); i += atOnce {
				r.place(all[i], chance)
				meanwhile(int(placed.Add(1)))
			}
		})
	}
	r.start()
	for kill := range kills {
		for int(placed.Load()) < (kill+1)*len(all)/(kills+1) && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		r.kill()
		r.start()
	}
	customers.Wait()
	for {
		if err := r.runner.Settle(ctx); err != nil {
			r.t.Fatalf("%v; %s", err, r.standing())
		}
		statuses, err := r.runner.Status(ctx)
		if err != nil {
			r.t.Fatalf("%v; %s", err, r.standing())
		}
		s := statuses[0]
		for _, a := range s.SetAside {
			r.t.Fatalf("order %s is set aside: %s", a.Instance, a.Cause)
		}
		if s.Done == len(all) {
			break
		}
		time.Sleep(5 * time.Millisecond) // until the next deadline
	}
	r.kill()
	a, err := orders.AuditLog(ctx, r.store)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, what := range append(a.Broken, a.Unfinished...) {
		r.t.Error(what)
	}
	if a.Orders != len(all) || a.UnderWay != 0 {
		r.t.Errorf("of %d orders it fulfilled %+v", len(all), a)
	}
	r.providersAgree()
	return a
}

// standing says where the program stands, and what the first orders have behind them that it
// does not fulfil.
func (r *wholeRun) standing() string {
	ctx := r.t.Context()
	statuses, err := r.runner.Status(ctx)
	said := fmt.Sprintf("%+v, %v", statuses, err)
	reading, err := r.store.Read(ctx, daybook.Query{{Categories: []string{"process." + orders.FulfilmentName}}}, daybook.Span{})
	if err != nil {
		return fmt.Sprint(said, "; ", err)
	}
	open := make(map[string][]string)
	for e, err := range reading.Events() {
		if err != nil {
			return fmt.Sprint(said, "; ", err)
		}
		open[e.Stream] = append(open[e.Stream], fmt.Sprintf("%s %d %s %s", e.RecordedAt.Format("15:04:05.000"), e.Position, e.Type, e.Data))
	}
	maps.DeleteFunc(open, func(_ string, events []string) bool {
		return slices.ContainsFunc(events, func(e string) bool { return strings.Contains(e, " process.finished ") })
	})
	for n, stream := range slices.Sorted(maps.Keys(open)) {
		if n == 3 {
			return fmt.Sprintf("%s\nand %d more", said, len(open)-n)
		}
		said += "\n" + stream + "\n\t" + strings.Join(open[stream], "\n\t")
	}
	return said
}

// providersAgree fails the test unless the bank and the carrier have done what the log
// says: whoever paid by card has been charged what the order received, once, and whoever
// gets nothing has their money back.
func (r *wholeRun) providersAgree() {
	r.t.Helper()
	received, shipped := make(map[string]orders.Cents), make(map[string]string)
	seen := make(map[string]bool)
	reading, err := r.store.Read(r.t.Context(), daybook.Query{{Categories: []string{"order"}}}, daybook.Span{})
	if err != nil {
		r.t.Fatal(err)
	}
	for e, err := range reading.Events() {
		if err != nil {
			r.t.Fatal(err)
		}
		facts, err := orders.Orders.Codec().Facts(e)
		if err != nil {
			r.t.Fatal(err)
		}
		order := orders.OrderID(e.Stream)
		seen[order] = true
		switch f := facts[0].(type) {
		case orders.PaymentReceived:
			if f.Method == orders.CardOnFile {
				received[order] += f.Amount
			}
		case orders.OrderCancelled:
			received[order] = 0
		case orders.OrderShipped:
			shipped[order] = f.Tracking
		}
	}
	for order := range seen {
		if b := r.payments.Balance(order); b.Charges > 1 || b.Charged-b.Refunded != received[order] {
			r.t.Errorf("order %s received %s by card, and at the bank it is %+v", order, received[order], b)
		}
		want := 0
		if shipped[order] != "" {
			want = 1
		}
		if b := r.carrier.Bookings(order); b.Booked-b.Cancelled != want || b.Booked > 1 {
			r.t.Errorf("order %s was shipped with %q, and at the carrier it is %+v", order, shipped[order], b)
		}
	}
}

// Northwind, a trader of food, kept its stock and its orders in tables. Its 830 orders want
// more than it ever had at once: deliveries come in while they are placed.
func TestNorthwindIsFulfilled(t *testing.T) {
	dir := realdata.Dir(t, "northwind", "orders.csv")
	r := newWholeRun(t, openLog(t), 11)
	lines := make(map[string][]orders.Line)
	for row := range rows(t, filepath.Join(dir, "order_details.csv")) {
		lines[row["order_id"]] = append(lines[row["order_id"]], orders.Line{
			Product: "product-" + row["product_id"], Quantity: int64(whole(t, row["quantity"])), UnitPrice: cents(t, row["unit_price"]),
		})
	}
	onOrder := make(map[string]int)
	for row := range rows(t, filepath.Join(dir, "products.csv")) {
		sku := "product-" + row["product_id"]
		if n := whole(t, row["units_in_stock"]); n > 0 {
			r.do(orders.ReceiveStock{SKU: sku, Quantity: int64(n)})
			r.do(orders.SetReorderLevel{SKU: sku, Level: new(int64(whole(t, row["reorder_level"])))})
			onOrder[sku] = 40 + whole(t, row["units_on_order"])
		}
	}
	var all []orders.PlaceOrder
	for row := range rows(t, filepath.Join(dir, "orders.csv")) {
		c := orders.PlaceOrder{Customer: orders.Customer{ID: row["customer_id"], City: row["ship_city"], State: row["ship_region"]}, Lines: lines[row["order_id"]]}
		for _, l := range c.Lines {
			c.Total += l.Sum()
		}
		all = append(all, c)
	}
	a := r.fulfil(all, 3, 11, func(placed int) {
		if placed%60 == 0 {
			for sku, n := range onOrder {
				r.do(orders.ReceiveStock{SKU: sku, Quantity: int64(n)})
			}
		}
	})
	if len(all) != 830 || a.Articles != len(onOrder) || a.Shipped < 150 || a.Cancelled < 150 {
		t.Errorf("of %d orders %d were shipped and %d cancelled, out of %d articles; want some of each", len(all), a.Shipped, a.Cancelled, a.Articles)
	}
	t.Logf("%+v; payments %+v; carrier %+v", a, r.payments.Tally(), r.carrier.Tally())
}

// Olist's orders, as if they were placed today: the first 1,500 of them, 400 where the test
// must be short, and all 8,000, with a seed of its own, in a soak.
func TestOlistIsFulfilled(t *testing.T) {
	most, seed := 1500, uint64(5)
	if testing.Short() {
		most = 400
	}
	if given := os.Getenv("DAYBOOK_SOAK_SEED"); given != "" {
		most, seed = 8000, uint64(whole(t, given))
	}
	found := make(map[string]orders.OrderPlaced)
	var mu sync.Mutex // histories are handed over by several goroutines
	_, err := orders.ImportOlist(t.Context(), realdata.Dir(t, "olist", "answers.json"), recorderFunc(func(histories []orders.History) {
		mu.Lock()
		defer mu.Unlock()
		for _, h := range histories {
			for _, f := range h.Facts {
				if placed, is := f.Fact.(orders.OrderPlaced); is && placed.Total > 0 {
					found[h.Order] = placed
				}
			}
		}
	}), nil)
	if err != nil {
		t.Fatal(err)
	}
	var all []orders.PlaceOrder
	pieces := make(map[string]int64)
	for _, id := range slices.Sorted(maps.Keys(found)) {
		if len(all) == most {
			break
		}
		placed := found[id]
		all = append(all, orders.PlaceOrder{Customer: placed.Customer, Lines: placed.Lines, Total: placed.Total})
		for _, l := range placed.Lines {
			pieces[l.Product] += l.Quantity
		}
	}
	r := newWholeRun(t, openLog(t), seed)
	chance := rand.New(rand.NewPCG(seed, 0))
	for _, sku := range slices.Sorted(maps.Keys(pieces)) {
		n := pieces[sku]
		switch what := chance.Float64(); {
		case what < 0.3: // made to order
		case what < 0.6:
			r.do(orders.ReceiveStock{SKU: sku, Quantity: max(1, n*2/3)}) // too few
		default:
			r.do(orders.ReceiveStock{SKU: sku, Quantity: n})
		}
	}
	a := r.fulfil(all, 4, seed, func(int) {})
	if a.Shipped < len(all)/3 || a.Cancelled < len(all)/8 || a.Refunded == 0 || a.Picked == 0 {
		t.Errorf("of %d orders: %+v; want many of each", len(all), a)
	}
	t.Logf("%+v; payments %+v; carrier %+v", a, r.payments.Tally(), r.carrier.Tally())
}

// A recorderFunc is given histories instead of a shop.
type recorderFunc func([]orders.History)

func (f recorderFunc) Record(_ context.Context, histories []orders.History) (orders.Kept, error) {
	f(histories)
	return orders.Kept{Added: len(histories)}, nil
}

// rows yields the rows of a table, by the names of their columns.
func rows(t *testing.T, path string) func(func(map[string]string) bool) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	all, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return func(yield func(map[string]string) bool) {
		for _, fields := range all[1:] {
			row := make(map[string]string)
			for i, name := range all[0] {
				row[name] = fields[i]
			}
			if !yield(row) {
				return
			}
		}
	}
}

func whole(t *testing.T, given string) int {
	t.Helper()
	n, err := strconv.Atoi(given)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func cents(t *testing.T, given string) orders.Cents {
	t.Helper()
	c, err := orders.ParseCents(strings.TrimSpace(given))
	if err != nil {
		t.Fatal(fmt.Errorf("%q: %w", given, err))
	}
	return c
}
