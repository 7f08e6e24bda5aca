package remote

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/apps/orders/web"
	"github.com/daybook-es/daybook/store/memstore"
)

// open opens a shop, and a server for it that an interfering handler stands in front
// of.
func open(t *testing.T, interfere func(http.Handler) http.Handler) (*orders.Shop, *Shop) {
	t.Helper()
	shop, err := orders.Open(t.Context(), memstore.New(), t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	site := web.New(shop, nil)
	server := httptest.NewServer(interfere(site))
	t.Cleanup(func() {
		site.Close()
		server.Close()
		if err := shop.Close(); err != nil {
			t.Error(err)
		}
	})
	far, err := Dial(server.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	return shop, far
}

func plainly(h http.Handler) http.Handler { return h }

var history = orders.History{Order: "a", Facts: []orders.Dated{
	{Fact: orders.OrderPlaced{Total: 700, Currency: orders.Currency, Customer: orders.Customer{ID: "ann", State: "SP"}}, At: time.Date(2017, 11, 24, 10, 0, 0, 0, time.UTC)},
	{Fact: orders.PaymentReceived{Method: "voucher", Amount: 700}, At: time.Date(2017, 11, 24, 10, 0, 0, 0, time.UTC)},
	{Fact: orders.PaymentApproved{}, At: time.Date(2017, 11, 24, 12, 0, 0, 0, time.UTC)},
}}

// What is far away is as if it were near.
func TestFarIsLikeNear(t *testing.T) {
	near, far := open(t, plainly)
	for _, want := range []orders.Kept{{Added: 1, Events: 3}, {Repeated: 1}} {
		if got, err := far.Record(t.Context(), []orders.History{history}); err != nil || cmp.Diff(want, got) != "" {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
	}
	id, err := far.Place(t.Context(), orders.PlaceOrder{Total: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []any{
		orders.PayOrder{Order: id, Amount: 100, Method: "boleto"},
		orders.ShipOrder{Order: id, Carrier: "Correios", Tracking: "BR1"},
		orders.DeliverOrder{Order: id},
		orders.ReturnOrder{Order: id, Reason: "no"},
		orders.RefundOrder{Order: id},
	} {
		if err := far.Do(t.Context(), c); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	other, err := far.Place(t.Context(), orders.PlaceOrder{Total: 100})
	if err == nil {
		err = far.Do(t.Context(), orders.CancelOrder{Order: other, Reason: "no"})
	}
	if err != nil {
		t.Error(err)
	}

	report, err := far.Report(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]int64{"approved": 1, "refunded": 1, "canceled": 1}; cmp.Diff(want, report.OrdersPerStatus) != "" {
		t.Errorf("the report has %v, want %v", report.OrdersPerStatus, want)
	}
	if want, _, err := near.Report(t.Context()); err != nil || cmp.Diff(want, report) != "" {
		t.Errorf("%v (-near +far):\n%s", err, cmp.Diff(want, report))
	}
	then := time.Date(2017, 11, 24, 11, 0, 0, 500, time.UTC)
	asOf, err := far.ReportAsOf(t.Context(), then)
	if want, _, nearErr := near.ReportAsOf(t.Context(), then); errors.Join(err, nearErr) != nil || asOf.Purchased != 1 || asOf.Timestamps.Approved != 0 || cmp.Diff(want, asOf) != "" {
		t.Errorf("%+v, %v; want %+v, %v", asOf, err, want, nearErr)
	}
}

func TestRefusalsComeThrough(t *testing.T) {
	_, far := open(t, plainly)
	id, err := far.Place(t.Context(), orders.PlaceOrder{Total: 100})
	if err != nil {
		t.Fatal(err)
	}
	err = far.Do(t.Context(), orders.ShipOrder{Order: id, Carrier: "Correios"})
	refused, problem := (*daybook.RefusedError)(nil), (*ProblemError)(nil)
	if !errors.As(err, &refused) || refused.Rule != orders.ErrNotPaid.Name() || !errors.As(err, &problem) || problem.Status != http.StatusUnprocessableEntity {
		t.Errorf("an unpaid order: %v; want it to be refused by %s", err, orders.ErrNotPaid.Name())
	}
	_, err = far.Place(t.Context(), orders.PlaceOrder{})
	if errors.As(err, &refused) || !errors.As(err, &problem) || !strings.Contains(err.Error(), "total") {
		t.Errorf("an order of nothing: %v; want a problem that names the total", err)
	}
	if err := far.Do(t.Context(), "ship"); err == nil {
		t.Error("a text was taken for a command")
	}
}

// A lost answer is asked for again, and nothing is done twice.
func TestLostAnswers(t *testing.T) {
	var requests atomic.Int64
	near, far := open(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if requests.Add(1)%2 == 1 {
				next.ServeHTTP(httptest.NewRecorder(), r)
				panic(http.ErrAbortHandler) // the connection breaks before the answer
			}
			next.ServeHTTP(w, r)
		})
	})
	id, err := far.Place(t.Context(), orders.PlaceOrder{Total: 100})
	if err == nil {
		err = far.Do(t.Context(), orders.PayOrder{Order: id, Amount: 100, Method: "boleto"})
	}
	if err == nil {
		err = far.Do(t.Context(), orders.RefundOrder{Order: id, Amount: 30})
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := far.Do(t.Context(), orders.ReceiveStock{SKU: "lamp", Quantity: 10}); err != nil {
		t.Fatal(err)
	}
	if got, err := far.Record(t.Context(), []orders.History{history}); err != nil || got.Added+got.Repeated != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if now, err := near.Now(t.Context()); err != nil || now.Position != 8 {
		t.Errorf("there are %d events, %v; want 8", now.Position, err)
	}
}

// A server that is not ready is asked again.
func TestPatience(t *testing.T) {
	var requests atomic.Int64
	_, far := open(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if requests.Add(1) < 3 {
				http.Error(w, "starting", http.StatusServiceUnavailable)
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	if _, err := far.Report(t.Context()); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := far.Report(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("after the caller gave up: %v", err)
	}
}

func TestDial(t *testing.T) {
	for _, address := range []string{"", "://", "ftp://shop", "http://", "a b"} {
		if _, err := Dial(address, ""); err == nil {
			t.Errorf("%q is taken for an address", address)
		}
	}
	far, err := Dial("127.0.0.1:1", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := far.Report(t.Context()); err == nil || !strings.Contains(err.Error(), "there is no shop at http://127.0.0.1:1") {
		t.Errorf("nobody there: %v", err)
	}
}
