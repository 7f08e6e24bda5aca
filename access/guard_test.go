package access_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"log/slog"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/decider"
	"github.com/daybook-es/daybook/store/memstore"
	"github.com/daybook-es/daybook/store/storetest"
)

// A notebook is a recorder in memory, whose pen may be empty.
type notebook struct {
	mu             sync.Mutex
	recorded, told []access.Entry
	empty          error
}

func (n *notebook) Record(_ context.Context, e access.Entry) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.empty == nil {
		n.recorded = append(n.recorded, e)
	}
	return n.empty
}

func (n *notebook) Tell(_ context.Context, e access.Entry) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.empty == nil {
		n.told = append(n.told, e)
	}
	return n.empty
}

func guarded(n *notebook, log uuid.UUID) *access.Guard {
	return access.NewGuard(access.MustParsePolicy([]byte(shop)), &access.GuardOptions{Log: log, Recorder: n, Logger: slog.New(slog.DiscardHandler)})
}

func TestWhatIsDeniedAndWhatIsAdministeredIsWrittenDownFirst(t *testing.T) {
	notes := new(notebook)
	guard := guarded(notes, uuid.Nil)
	ctx := access.WithOrigin(access.With(t.Context(), clerk), "192.0.2.7")
	if err := guard.Check(ctx, access.Send("PlaceOrder")); err != nil {
		t.Fatal(err)
	}
	if err := guard.Check(ctx, access.Administer("Rebuild")); !errors.As(err, new(*access.DeniedError)) {
		t.Errorf("a clerk rebuilds: %v", err)
	}
	if err := guard.Check(access.With(ctx, admin), access.Administer("Rebuild")); err != nil {
		t.Error(err)
	}
	if len(notes.told) != 1 || len(notes.recorded) != 1 {
		t.Fatalf("it is written down that %+v, and that %+v", notes.told, notes.recorded)
	}
	if e := notes.told[0]; e.Outcome != access.Denied || e.Principal != "cleo" || e.Act != "administer" || e.Name != "Rebuild" || e.Origin != "192.0.2.7" || e.Reason == "" {
		t.Errorf("the denial is written down as %+v", e)
	}
	if e := notes.recorded[0]; e.Outcome != access.Permitted || e.Principal != "alan" || e.Roles[0] != "admin" || e.Name != "Rebuild" {
		t.Errorf("the administrative act is written down as %+v", e)
	}
	if err := guard.Decide(clerk, access.Administer("Rebuild")); err == nil || len(notes.told) != 1 {
		t.Errorf("who only wants to know: %v, and %d are written down", err, len(notes.told))
	}
}

func TestNothingIsAdministeredThatCannotBeWrittenDown(t *testing.T) {
	full := errors.New("the disk is full")
	guard := guarded(&notebook{empty: full}, uuid.Nil)
	err := guard.Check(access.With(t.Context(), admin), access.Administer("Rebuild"))
	if unrecorded := (*access.UnrecordedError)(nil); !errors.As(err, &unrecorded) || !errors.Is(err, full) {
		t.Errorf("an act that cannot be written down: %v", err)
	}
	// A denial stays one, and daily work goes on.
	if err := guard.Check(access.With(t.Context(), clerk), access.Administer("Rebuild")); !errors.As(err, new(*access.DeniedError)) {
		t.Errorf("a denial that cannot be written down: %v", err)
	}
	if err := guard.Check(access.With(t.Context(), clerk), access.Send("PlaceOrder")); err != nil {
		t.Errorf("what is no act of administering: %v", err)
	}
}

func TestAPrincipalOfAnotherLogMayDoNothing(t *testing.T) {
	here, elsewhere := uuid.New(), uuid.New()
	guard := guarded(new(notebook), here)
	for log, allowed := range map[uuid.UUID]bool{here: true, uuid.Nil: true, elsewhere: false} {
		who := admin
		who.Log, who.By = log, "key 9"
		err := guard.Check(access.With(t.Context(), who), access.Ask("Order"))
		if (err == nil) != allowed {
			t.Errorf("with a credential for %v: %v", log, err)
		}
		if err != nil && !strings.Contains(err.Error(), "key 9 is for another log") {
			t.Errorf("it says %q", err)
		}
	}
}

func TestACredentialThatIsRefusedIsWrittenDownWithWhichItWas(t *testing.T) {
	notes := new(notebook)
	guard := guarded(notes, uuid.New())
	foreign := (*access.CredentialError)(nil)
	if err := guard.Admit(access.Principal{Name: "ada", By: "key 9", Log: uuid.New()}); !errors.As(err, &foreign) {
		t.Fatalf("a key for another log: %v", err)
	}
	for _, refused := range []*access.CredentialError{foreign, {Kind: "key", By: "key 7", Reason: "is revoked"}, {Kind: "key", Reason: "is not known here"}} {
		guard.Refused(access.WithOrigin(t.Context(), "192.0.2.7"), refused)
	}
	var by []string
	for _, e := range notes.told {
		by = append(by, e.By)
	}
	if want := []string{"key 9", "key 7", "key"}; !slices.Equal(by, want) || notes.told[1].Reason != "is revoked" || notes.told[1].Origin != "192.0.2.7" {
		t.Errorf("it is written down that %+v", notes.told)
	}
}

// Pour is a command that says what it is about.
type Pour struct{ Jar string }

func (p Pour) About() daybook.Query { return daybook.Query{{Streams: []string{"jar-" + p.Jar}}} }

func TestABusAsksTheGuardAboutTheCommandsNameAndWhatItIsAbout(t *testing.T) {
	policy := access.MustParsePolicy([]byte(`{"roles": {"cook": ""}, "allow": [{"roles": ["cook"], "send": ["Pour"], "on": [{"streams": ["jar-1"]}]}]}`))
	guard := access.NewGuard(policy, nil)
	decided := 0
	bus := command.NewBus(memstore.New(), []command.Handler{command.On("Pour", func(p Pour, _ command.ID) decider.Plan {
		decided++
		return decider.For("jar", decider.On("Poured", func(*struct{}, struct{}) {})).At(p.Jar, func(struct{}) ([]any, error) { return []any{struct{}{}}, nil })
	})}, &command.Options{Authorize: guard.Authorize})
	cook := access.With(t.Context(), access.Principal{Name: "carl", Roles: []string{"cook"}})
	if _, err := bus.Do(cook, command.Envelope{Principal: "carl"}, Pour{"1"}); err != nil || decided != 1 {
		t.Errorf("what is allowed: %v, decided %d times", err, decided)
	}
	for what, send := range map[string]func() error{
		"about another jar":      func() error { _, err := bus.Do(cook, command.Envelope{Principal: "carl"}, Pour{"2"}); return err },
		"in the name of another": func() error { _, err := bus.Do(cook, command.Envelope{Principal: "ada"}, Pour{"1"}); return err },
		"by nobody":              func() error { _, err := bus.Do(t.Context(), command.Envelope{}, Pour{"1"}); return err },
		"named without a context": func() error {
			_, err := bus.Do(t.Context(), command.Envelope{Principal: "carl"}, Pour{"1"})
			return err
		},
	} {
		err := send()
		if !errors.As(err, new(*access.DeniedError)) || !errors.As(err, new(*command.DeniedError)) || decided != 1 {
			t.Errorf("%s: %v, decided %d times", what, err, decided)
		}
	}
}

func TestAGuardedStoreRefusesAndNeverLeavesOut(t *testing.T) {
	inner := memstore.New()
	for _, e := range []daybook.Event{{Stream: "order-1", Type: "OrderPlaced"}, {Stream: "order-1", Type: "OrderShipped"}, {Stream: "salary-1", Type: "SalaryPaid"}} {
		if _, err := inner.Append(t.Context(), []daybook.Event{e}, nil); err != nil {
			t.Fatal(err)
		}
	}
	notes := new(notebook)
	store := guarded(notes, uuid.Nil).Store(inner)
	asPartner := access.With(t.Context(), partner)
	shipped := daybook.Query{{Streams: []string{"order-1"}, Types: []string{"OrderShipped"}}}
	reading, err := store.Read(asPartner, shipped, daybook.Span{})
	if err != nil {
		t.Fatal(err)
	}
	if events, err := reading.Collect(); err != nil || len(events) != 1 || events[0].Type != "OrderShipped" {
		t.Errorf("what may be read is %+v, %v", events, err)
	}
	if at, err := store.Wait(asPartner, shipped, 0); err != nil || at < 2 {
		t.Errorf("what may be read is waited for until %d, %v", at, err)
	}
	if _, err := store.Info(asPartner); err != nil {
		t.Error(err)
	}
	denied := func(what string, err error) {
		t.Helper()
		if !errors.As(err, new(*access.DeniedError)) {
			t.Errorf("%s: %v, want that it is denied", what, err)
		}
	}
	_, err = store.Read(asPartner, daybook.Stream("order-1"), daybook.Span{})
	denied("more than may be read", err)
	_, err = store.Read(asPartner, daybook.All(), daybook.Span{Limit: 1})
	denied("everything, a little of it", err)
	_, err = store.Wait(asPartner, daybook.Stream("order-1"), 0)
	denied("waiting for more", err)
	_, err = store.Read(t.Context(), shipped, daybook.Span{})
	denied("by nobody", err)
	for reading, err := range daybook.Follow(asPartner, store, daybook.All(), daybook.Point{}) {
		denied("following everything", err)
		if n, _ := reading.Collect(); len(n) > 0 {
			t.Errorf("it was read: %+v", n)
		}
	}
	byID := daybook.Query{{IDs: []uuid.UUID{uuid.New()}, Streams: []string{"order-1"}, Types: []string{"OrderShipped"}}}
	_, err = store.Read(asPartner, byID, daybook.Span{})
	denied("what may be forgotten, by id", err)
	_, err = store.Read(asPartner, shipped, daybook.Span{Forgotten: true})
	denied("what is forgotten", err)
	_, err = store.Append(asPartner, []daybook.Event{{Stream: "order-1", Type: "OrderShipped"}}, nil)
	denied("recording", err)
	// A condition would tell what is there.
	_, err = store.Append(asPartner, nil, daybook.New("salary-1"))
	denied("asking by a condition", err)
	if _, err := store.Read(asPartner, daybook.Query{{}}, daybook.Span{}); !errors.As(err, new(*daybook.InvalidError)) {
		t.Errorf("a query that cannot be asked: %v", err)
	}
	if len(notes.told) < 9 {
		t.Errorf("%d denials were written down", len(notes.told))
	}
}

func TestAContextThatCarriesAGuardReadsUnderIt(t *testing.T) {
	store := memstore.New()
	guard := guarded(new(notebook), uuid.Nil)
	asPartner := access.With(t.Context(), partner)
	if _, err := access.StoreFor(asPartner, store).Read(asPartner, daybook.All(), daybook.Span{}); err != nil {
		t.Errorf("without a guard: %v", err)
	}
	under := access.WithGuard(asPartner, guard)
	if _, err := access.StoreFor(under, store).Read(under, daybook.All(), daybook.Span{}); !errors.As(err, new(*access.DeniedError)) {
		t.Errorf("under a guard: %v", err)
	}
}

// asAdmin is a store on which everything is done by an administrator.
type asAdmin struct{ daybook.Store }

func (s asAdmin) Append(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
	return s.Store.Append(access.With(ctx, admin), events, cond)
}

func (s asAdmin) Read(ctx context.Context, q daybook.Query, span daybook.Span) (daybook.Reading, error) {
	return s.Store.Read(access.With(ctx, admin), q, span)
}

func (s asAdmin) Wait(ctx context.Context, q daybook.Query, after daybook.Position) (daybook.Position, error) {
	return s.Store.Wait(access.With(ctx, admin), q, after)
}

// closable is a guarded store that the suite can close.
type closable struct {
	daybook.Store
	close func() error
}

func (c closable) Close() error { return c.close() }

// What an administrator does with a guarded store is what the store itself would do.
func TestStore(t *testing.T) {
	storetest.Run(t, storetest.Subject{
		Open: func(testing.TB) daybook.Store {
			inner := memstore.New()
			return closable{asAdmin{guarded(new(notebook), uuid.Nil).Store(inner)}, inner.Close}
		},
	})
}

func TestACertificateSaysWhoItsOwnerIs(t *testing.T) {
	log := uuid.New()
	uri := func(text string) *url.URL {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	later := time.Now().Add(time.Hour)
	client := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	named := pkix.Name{CommonName: "till 3", Organization: []string{"clerk", "reader"}}
	request := func(leaf *x509.Certificate) *http.Request {
		leaf.SerialNumber = big.NewInt(0xbeef)
		return &http.Request{TLS: &tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}, VerifiedChains: [][]*x509.Certificate{{leaf}}}}
	}
	who, err := access.Certificates{}.Authenticate(request(&x509.Certificate{Subject: named, ExtKeyUsage: client, NotAfter: later, URIs: []*url.URL{uri("daybook:log:" + log.String())}}))
	if err != nil || who.Name != "cert:till 3" || len(who.Roles) != 2 || who.Log != log || who.By != "certificate beef" || !who.Until.Equal(later) {
		t.Errorf("it is %+v, %v", who, err)
	}
	for what, leaf := range map[string]*x509.Certificate{
		"one for servers":    {Subject: named, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, NotAfter: later},
		"one for anything":   {Subject: named, NotAfter: later},
		"without a name":     {ExtKeyUsage: client, NotAfter: later},
		"of no log":          {Subject: named, ExtKeyUsage: client, NotAfter: later, URIs: []*url.URL{uri("daybook:log:1")}},
		"of two logs":        {Subject: named, ExtKeyUsage: client, NotAfter: later, URIs: []*url.URL{uri("daybook:log:" + log.String()), uri("daybook:log:" + uuid.NewString())}},
		"one that has ended": {Subject: named, ExtKeyUsage: client, NotAfter: time.Now().Add(-time.Second)},
	} {
		if who, err := (access.Certificates{}).Authenticate(request(leaf)); !errors.As(err, new(*access.CredentialError)) {
			t.Errorf("%s: %+v, %v", what, who, err)
		}
	}
	unverified := request(&x509.Certificate{Subject: named, ExtKeyUsage: client, NotAfter: later})
	unverified.TLS.VerifiedChains = nil
	for what, r := range map[string]*http.Request{"that nobody verified": unverified, "that is not there": {}} {
		if _, err := (access.Certificates{}).Authenticate(r); !errors.Is(err, access.ErrNoCredential) {
			t.Errorf("a certificate %s: %v", what, err)
		}
	}
}

func TestACredentialThatIsNotTakenIsNotTriedElsewhere(t *testing.T) {
	none := access.AuthenticatorFunc(func(*http.Request) (access.Principal, error) { return access.Principal{}, access.ErrNoCredential })
	wrong := access.AuthenticatorFunc(func(*http.Request) (access.Principal, error) {
		return access.Principal{}, &access.CredentialError{Kind: "key", Reason: "is revoked"}
	})
	ada := access.AuthenticatorFunc(func(*http.Request) (access.Principal, error) { return access.Principal{Name: "ada"}, nil })
	if who, err := access.AnyOf(none, ada).Authenticate(nil); err != nil || who.Name != "ada" {
		t.Errorf("the second knows her: %v, %v", who, err)
	}
	if who, err := access.AnyOf(none, wrong, ada).Authenticate(nil); !errors.As(err, new(*access.CredentialError)) {
		t.Errorf("after one that is not taken: %v, %v", who, err)
	}
	if _, err := access.AnyOf(none).Authenticate(nil); !errors.Is(err, access.ErrNoCredential) {
		t.Errorf("with none: %v", err)
	}
}

func TestABearerIsOneTokenInOneHeader(t *testing.T) {
	for header, want := range map[string]string{"Bearer abc": "abc", "bearer abc": "abc", "Bearer  abc": "abc"} {
		if token, err := access.Bearer(&http.Request{Header: http.Header{"Authorization": {header}}}); err != nil || token != want {
			t.Errorf("%q: %q, %v", header, token, err)
		}
	}
	for _, headers := range [][]string{{""}, {"abc"}, {"Bearer"}, {"Bearer "}, {"Bearer a b"}, {"Bearer a,b"}, {"Basic YTpi"}, {"Bearer abc", "Bearer abc"}} {
		if token, err := access.Bearer(&http.Request{Header: http.Header{"Authorization": headers}}); !errors.As(err, new(*access.CredentialError)) {
			t.Errorf("%q: %q, %v", headers, token, err)
		}
	}
	if _, err := access.Bearer(&http.Request{}); !errors.Is(err, access.ErrNoCredential) {
		t.Errorf("without a header: %v", err)
	}
}
