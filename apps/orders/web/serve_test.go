package web

import (
	"bytes"
	"context"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/daybook-es/daybook/apps/internal/sitetest"
	"github.com/daybook-es/daybook/apps/orders"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/store/memstore"
	"github.com/daybook-es/daybook/telemetry/prommetrics"
)

func TestServeEndsCleanly(t *testing.T) {
	f := openFront(t, memstore.New(), nil)
	site := New(f.shop, &Options{Options: httpapi.Options{Logger: slog.New(slog.DiscardHandler)}})
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- site.Serve(ctx, inner) }()
	url := "http://" + inner.Addr().String()

	a, err := http.Get(url + "/events/live")
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Serve returned %v", err)
	}
	if _, err := io.ReadAll(a.Body); err != nil {
		t.Errorf("the live stream was not ended but cut off: %v", err)
	}
	if _, err := http.Get(url + "/healthz"); err == nil {
		t.Error("it answers still")
	}
	if err := site.Serve(t.Context(), inner); err == nil {
		t.Error("serving on a closed listener reports nothing")
	}
}

// A store that records nothing any more, though it can be read, is not ready.
func TestReadinessTellsOfTheStore(t *testing.T) {
	var trouble error
	f := openFront(t, memstore.New(), &Options{Options: httpapi.Options{Health: func() error { return trouble }}})
	if ready := sitetest.Read[readiness](t, f.get("/readyz"), http.StatusOK); !ready.Ready || ready.Stuck != "" {
		t.Errorf("%+v, want it to be ready", ready)
	}
	trouble = errDisk
	if ready := sitetest.Read[readiness](t, f.get("/readyz"), http.StatusServiceUnavailable); ready.Ready || ready.Stuck != errDisk.Error() {
		t.Errorf("%+v, want it to say what is wrong", ready)
	}
}

// syncBuffer is a log that a test can read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestWhatIsLoggedAndCounted(t *testing.T) {
	log := new(syncBuffer)
	store := newTroubled()
	metered := prommetrics.New()
	f := openShopFront(t, metered.Store("orders", store), t.TempDir(),
		&Options{Options: httpapi.Options{Metrics: metered, Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))}},
		orders.Options{Commands: command.Options{Around: metered.Command}})
	a := f.send("/orders", `{"total": 100}`, "Idempotency-Key", "k", "X-Correlation-ID", "basket-7")
	f.send("/orders", `{"total": 100}`, "Idempotency-Key", "k")
	f.send(a.Header.Get("Location")+"/ship", `{"carrier": "x"}`)
	store.fails(errDisk)
	p := f.send("/orders", `{"total": 100}`).IsProblem(t, httpapi.Internal)

	for _, want := range []string{
		"msg=command correlation=basket-7 command=PlaceOrder",
		"outcome=recorded position=1 version=1",
		"outcome=repeated position=1 version=1",
		"command=ShipOrder",
		"outcome=refused",
		"method=POST path=/orders status=201",
		"correlation=" + p.Instance + " method=POST path=/orders problem=internal error=\"the disk is on fire\"",
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not have %s:\n%s", want, log)
		}
	}
	f.get("/orders", a.Token()...)
	f.get("/nowhere")
	metrics := f.get("/metrics").Body
	for _, want := range []string{
		`daybook_commands_total{command="PlaceOrder",outcome="recorded"} 1`,
		`daybook_commands_total{command="PlaceOrder",outcome="repeated"} 1`,
		`daybook_commands_total{command="PlaceOrder",outcome="failed"} 1`,
		`daybook_commands_total{command="ShipOrder",outcome="refused"} 1`,
		`orders_http_requests_total{route="POST /orders",status="201"} 2`,
		`orders_http_requests_total{route="POST /orders/{id}/ship",status="422"} 1`,
		`orders_http_requests_total{route="/",status="404"} 1`,
		`orders_http_request_seconds_count{route="GET /orders"} 1`,
		`daybook_log_head_position{log="orders"} 1`,
		`daybook_projection_position{edition="1",projection="overview",version="3"} 1`,
		`daybook_projection_lag_positions{edition="1",projection="overview",version="3"} 0`,
		`daybook_projection_applied_total{edition="1",projection="overview",version="3"} 1`,
		`daybook_projection_stuck{edition="1",projection="overview",version="3"} 0`,
		`daybook_refusals_total{command="ShipOrder",rule="paid-before-shipped"} 1`,
		`orders_live_streams 0`,
		`go_goroutines`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics do not have %s", want)
		}
	}
}

func TestAPanicIsAProblem(t *testing.T) {
	f := openFront(t, memstore.New(), nil)
	f.site.Route([]httpapi.Route{{Method: "GET", Path: "/boom", Right: httpapi.Open, Handle: func(http.ResponseWriter, *http.Request) error { panic("boom") }}})
	if p := f.get("/boom").IsProblem(t, httpapi.Internal); strings.Contains(p.Detail, "boom") {
		t.Errorf("what went on inside is told outside: %q", p.Detail)
	}
}
