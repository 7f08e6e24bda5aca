package program

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access/apikey"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/process"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/publish/webhook"
	"github.com/daybook-es/daybook/store/memstore"
)

func TestFlagsThatLeadNowhereAreFound(t *testing.T) {
	secret := webhook.NewSecret().Reveal()
	local := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	for _, c := range []struct {
		flags Seeing
		wrong string
	}{
		{Seeing{}, ""},
		{Seeing{Traces: "http://localhost:4318", TracesRatio: 1}, ""},
		{Seeing{Traces: "localhost:4318"}, "--traces"},
		{Seeing{TracesRatio: 2}, "--traces-ratio"},
		{Seeing{AlertWebhook: "https://example.org/hook", AlertSecret: secret}, ""},
		{Seeing{AlertWebhook: "https://example.org/hook"}, "--alert-secret"},
		{Seeing{AlertWebhook: "https://example.org/hook", AlertSecret: "hush"}, "--alert-secret"},
		{Seeing{AlertWebhook: "http://127.0.0.1/hook", AlertSecret: secret}, "--alert-webhook"},
		{Seeing{AlertWebhook: "http://127.0.0.1/hook", AlertSecret: secret, AlertPrivate: local}, ""},
	} {
		err := c.flags.Check()
		if c.wrong == "" && err != nil || c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
			t.Errorf("%+v: %v, want that %q is wrong", c.flags, err, c.wrong)
		}
		if _, err := c.flags.Begin("shop", "here", slog.New(slog.DiscardHandler)); (err == nil) != (c.wrong == "") {
			t.Errorf("%+v begins with %v", c.flags, err)
		}
	}
}

func TestAServerTellsWhenTheNextKeyEnds(t *testing.T) {
	seen, err := new(Seeing).Begin("shop", "here", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := apikey.Open(t.Context(), memstore.New(), nil)
	if err != nil {
		t.Fatal(err)
	}
	seen.Keys(keys)
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(seen.Metrics)
	ends := func() float64 {
		t.Helper()
		families, err := metrics.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "daybook_expires_timestamp_seconds" {
				return f.GetMetric()[0].GetGauge().GetValue()
			}
		}
		return 0
	}
	issue := func(days time.Duration) apikey.Key {
		t.Helper()
		wanted := apikey.Key{Name: "till"}
		if days > 0 {
			wanted.Until = time.Now().Add(days * 24 * time.Hour)
		}
		key, _, err := keys.Issue(t.Context(), wanted)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	issue(0)
	issue(7) // is meant to end
	if at := ends(); at != 0 {
		t.Errorf("with no key that ends, one ends at %v", at)
	}
	later, first := issue(90), issue(60)
	if at := ends(); at != float64(first.Until.Unix()) {
		t.Errorf("the next key ends at %v, want %v", at, first.Until.Unix())
	}
	if err := keys.Revoke(t.Context(), first.ID, ""); err != nil {
		t.Fatal(err)
	}
	if at := ends(); at != float64(later.Until.Unix()) {
		t.Errorf("with the first revoked, the next one ends at %v, want %v", at, later.Until.Unix())
	}
}

func TestAServerTellsOfItsTroubles(t *testing.T) {
	secret := webhook.NewSecret()
	told := make(chan []byte, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			_, err = webhook.Verify(r.Header, body, time.Now(), secret)
		}
		if err != nil {
			t.Error(err)
		}
		told <- body
	}))
	defer receiver.Close()
	flags := Seeing{AlertWebhook: receiver.URL, AlertSecret: secret.Reveal(), AlertPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	seen, err := flags.Begin("shop", "http://here", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	store := seen.Store("shop", &failedDisk{memstore.New()})
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(seen.Metrics)
	if err := seen.Watch(t.Context(), metrics, filepath.Join(t.TempDir(), "alerts")); err != nil {
		t.Fatal(err)
	}
	var alert struct {
		Data struct{ Alert, State, Program, Of string }
	}
	if err := json.Unmarshal(<-told, &alert); err != nil || alert.Data.Alert != "DaybookStoreSealed" || alert.Data.Program != "shop at http://here" || alert.Data.Of != "shop" {
		t.Errorf("%+v, %v", alert, err)
	}
	seen.Close()
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}

// failedDisk is a store that says so.
type failedDisk struct{ *memstore.Store }

func (failedDisk) Health() error { return sealedError{} }

type sealedError struct{}

func (sealedError) Error() string { return "the disk has failed" }
func (sealedError) Sealed() bool  { return true }

func TestWhatSeesAServerIsAroundWhatItDoes(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	plain, err := Seeing{}.Begin("shop", "here", quiet)
	if err != nil {
		t.Fatal(err)
	}
	traced, err := Seeing{Traces: "http://127.0.0.1:1", TracesAuth: "Bearer x"}.Begin("shop", "here", quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer traced.Close()
	if plain.Traces != nil || plain.Projections(projection.Options{}).Around != nil || plain.Processes(process.Options{}).Reacting != nil {
		t.Error("there are spans that nobody wants")
	}
	if traced.Traces == nil || traced.Projections(projection.Options{}).Around == nil || traced.Processes(process.Options{}).Reacting == nil {
		t.Error("there are no spans")
	}
	for _, seen := range []*Seen{plain, traced} {
		if seen.Commands(command.Options{}).Around == nil || seen.Processes(process.Options{}).Around == nil {
			t.Error("something is not counted")
		}
		store := seen.Store("shop", memstore.New())
		if _, is := daybook.As[*memstore.Store](store); !is {
			t.Error("the store in it is not to be found")
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
		if _, err := store.Info(t.Context()); !errors.Is(err, daybook.ErrClosed) {
			t.Errorf("it was not closed: %v", err)
		}
	}
}
