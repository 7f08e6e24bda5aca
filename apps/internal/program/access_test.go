package program

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/apps/internal/httpapi"
	"github.com/daybook-es/daybook/store/memstore"
	"github.com/daybook-es/daybook/store/storeurl"
)

// till is a program that tells clerks who they are.
var till = &Policied{
	Document: []byte(`{"roles": {"clerk": "sells", "admin": "answers for it"}, "allow": [{"roles": ["clerk"], "ask": ["Who"]}]}`),
	Names:    func() access.Names { return access.Names{Ask: []string{"Who"}} },
	Stores:   storeurl.Stores(),
}

// Goal: a client certificate says who its owner is, over the wire. Method: a server that
// believes one authority, and clients with certificates of that one and of another.
func TestAClientIsKnownByItsCertificate(t *testing.T) {
	dir, hour := t.TempDir(), time.Now().Add(time.Hour)
	cert, key, ca := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"), filepath.Join(dir, "ca.crt")
	ours := newAuthority(t, "ours")
	ours.issue(t, cert, key, "shop.example", hour)
	ours.write(t, ca)
	quiet := slog.New(slog.DiscardHandler)
	listening := Listening{Addr: "127.0.0.1:0", Secured: Secured{cert, key, ca}}
	listener, err := listening.Listen("", quiet)
	if err != nil {
		t.Fatal(err)
	}
	events := memstore.New()
	info, err := events.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	opened, err := Guarded{Access: "mem://"}.open(t.Context(), till, listening, listener.Addr(), events, nil, quiet)
	if err != nil {
		t.Fatal(err)
	}
	opened.Site.Logger = quiet
	site := httpapi.NewServer("test", opened.Site)
	site.Route([]httpapi.Route{{Method: "GET", Path: "/", Right: httpapi.ToAsk("Who"), Handle: func(w http.ResponseWriter, r *http.Request) error {
		_, err := io.WriteString(w, access.Of(r.Context()).Name)
		return err
	}}})
	server := &http.Server{Handler: site}
	go func() { _ = server.Serve(listener) }() // until it is closed
	defer func() {
		server.Close()
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	}()

	trusted := x509.NewCertPool()
	trusted.AddCert(ours.certificate)
	logNamed := func(id uuid.UUID) []*url.URL { return []*url.URL{{Scheme: "daybook", Opaque: "log:" + id.String()}} }
	for what, c := range map[string]struct {
		template *x509.Certificate
		status   int
		body     string
	}{
		"none":                    {nil, http.StatusUnauthorized, "unauthenticated"},
		"a clerk's":               {&x509.Certificate{Subject: pkix.Name{CommonName: "till 3", Organization: []string{"clerk"}}, URIs: logNamed(info.Head.Log)}, http.StatusOK, "cert:till 3"},
		"one of no role":          {&x509.Certificate{Subject: pkix.Name{CommonName: "till 4"}}, http.StatusForbidden, "denied"},
		"a clerk's, of elsewhere": {&x509.Certificate{Subject: pkix.Name{CommonName: "till 5", Organization: []string{"clerk"}}, URIs: logNamed(uuid.New())}, http.StatusUnauthorized, "is for another log"},
	} {
		config := &tls.Config{RootCAs: trusted}
		if c.template != nil {
			c.template.NotBefore, c.template.NotAfter = time.Now().Add(-time.Hour), hour
			c.template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
			leaf, private := ours.sign(t, c.template)
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				return &tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: private}, nil
			}
		}
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: config}}
		answer, err := client.Get(AddressOf(listener))
		if err != nil {
			t.Errorf("with %s: %v", what, err)
			continue
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != c.status || !strings.Contains(string(text), c.body) {
			t.Errorf("with %s it answers %s: %s, %v", what, answer.Status, text, err)
		}
	}
}

func TestAProgramThatOthersCanReachAsksWhoTheyAre(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	open := func(g Guarded, l Listening, at string) error {
		t.Helper()
		address, err := net.ResolveTCPAddr("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		opened, err := g.open(t.Context(), till, l, address, memstore.New(), nil, quiet)
		if err != nil {
			return err
		}
		return opened.Close()
	}
	for what, c := range map[string]struct {
		g    Guarded
		l    Listening
		at   string
		says string // empty if it starts
	}{
		"on this machine":                       {Guarded{}, Listening{}, "127.0.0.1:80", ""},
		"on this machine, over IPv6":            {Guarded{}, Listening{}, "[::1]:80", ""},
		"everywhere":                            {Guarded{}, Listening{}, "0.0.0.0:80", "others can reach"},
		"everywhere, over IPv6":                 {Guarded{}, Listening{}, "[::]:80", "others can reach"},
		"in a network":                          {Guarded{}, Listening{}, "192.0.2.1:80", "others can reach"},
		"everywhere, with keys":                 {Guarded{Access: "mem://"}, Listening{}, "0.0.0.0:80", ""},
		"everywhere by its flag":                {Guarded{}, Listening{Addr: ":80"}, "127.0.0.1:80", "others can reach"},
		"tokens without an audit log":           {Guarded{OIDCIssuer: "https://x.example", OIDCAudience: []string{"x"}}, Listening{}, "127.0.0.1:80", "need --access"},
		"tokens for anybody":                    {Guarded{Access: "mem://", OIDCIssuer: "https://x.example"}, Listening{}, "127.0.0.1:80", "given together"},
		"tokens that come by a way open to all": {Guarded{Access: "mem://", OIDCIssuer: "http://x.example", OIDCAudience: []string{"x"}}, Listening{}, "127.0.0.1:80", "https"},
		"a policy that is not there":            {Guarded{Policy: "nowhere.json"}, Listening{}, "127.0.0.1:80", "--policy"},
		"keys in a store that there is not":     {Guarded{Access: "ftp://x"}, Listening{}, "127.0.0.1:80", "--access"},
	} {
		switch err := open(c.g, c.l, c.at); {
		case c.says == "" && err != nil:
			t.Errorf("%s it does not start: %v", what, err)
		case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%s: %v, want that it says %s", what, err, c.says)
		}
	}
}

func TestKeysAndTheAuditLogAreKeptBesideEachOther(t *testing.T) {
	for where, want := range map[string][2]string{
		"data/access":                        {"data/access/keys", "data/access/audit"},
		"log:///var/lib/x?compress=true":     {"log:///var/lib/x/keys?compress=true", "log:///var/lib/x/audit?compress=true"},
		"mem://":                             {"mem://", "mem://"},
		"postgres://u:p%40@h/db":             {"postgres://u:p%40@h/db?log=access-keys", "postgres://u:p%40@h/db?log=access-audit"},
		"postgres://h/db?log=shop&schema=s":  {"postgres://h/db?log=shop-keys&schema=s", "postgres://h/db?log=shop-audit&schema=s"},
		"nats://a:1,b:2?dir=d&log=x&token=t": {"nats://a:1,b:2?dir=d%2Fkeys&log=x-keys&token=t", "nats://a:1,b:2?dir=d%2Faudit&log=x-audit&token=t"},
	} {
		keys, err := beside(where, "keys")
		audit, err2 := beside(where, "audit")
		if err != nil || err2 != nil || keys != want[0] || audit != want[1] {
			t.Errorf("%s is %s and %s; %v, %v", where, keys, audit, err, err2)
		}
	}
}
