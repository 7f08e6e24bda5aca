package program

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/daybook-es/daybook/access"
	"github.com/daybook-es/daybook/access/audit"
	"github.com/daybook-es/daybook/store/memstore"
	"github.com/daybook-es/daybook/store/storeurl"
)

func TestACertificateIsNotTakenAnyMoreOnAConnectionThatIsOlderThanItsRevocation(t *testing.T) {
	dir := t.TempDir()
	cert, key, ca := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"), filepath.Join(dir, "ca.crt")
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	ours.issue(t, cert, key, "shop.example", time.Now().Add(time.Hour))
	ours.write(t, ca)
	flags := Listening{Addr: "127.0.0.1:0", Secured: Secured{cert, key, ca}}
	quiet := slog.New(slog.DiscardHandler)
	listener, err := flags.Listen("", quiet)
	if err != nil {
		t.Fatal(err)
	}
	p := &Policied{
		Document: []byte(`{"roles": {"admin": "all"}, "allow": [{"roles": ["admin"], "ask": ["*"]}]}`),
		Names:    func() access.Names { return access.Names{} },
		Stores:   storeurl.Stores(),
	}
	seen, err := Seeing{}.Begin("test", listener.Addr().String(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer seen.Close()
	opened, err := Guarded{Access: filepath.Join(dir, "access")}.open(t.Context(), p, flags, listener.Addr(), memstore.New(), seen, quiet)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, err := opened.Site.Authenticator.Authenticate(r)
		if err != nil {
			w.WriteHeader(http.StatusUnauthorized)
		}
		io.WriteString(w, who.Name)
	})}
	go server.Serve(listener)
	defer server.Close()

	own, ownKey := filepath.Join(dir, "ada.crt"), filepath.Join(dir, "ada.key")
	ours.issue(t, own, ownKey, "ada", time.Now().Add(time.Hour))
	pair, err := tls.LoadX509KeyPair(own, ownKey)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ours.certificate)
	for _, resumed := range []bool{false, true} {
		ours.write(t, ca)
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: resumed, TLSClientConfig: &tls.Config{
			RootCAs: roots, Certificates: []tls.Certificate{pair}, ClientSessionCache: tls.NewLRUClientSessionCache(1),
		}}}
		ask := func() (int, string) {
			t.Helper()
			answer, err := client.Get(AddressOf(listener))
			if err != nil {
				return 0, err.Error()
			}
			defer answer.Body.Close()
			text, err := io.ReadAll(answer.Body)
			if err != nil {
				t.Fatal(err)
			}
			return answer.StatusCode, string(text)
		}
		if code, who := ask(); code != http.StatusOK || who != "cert:ada" {
			t.Fatalf("she is answered %d as %q", code, who)
		}
		theirs.write(t, ca)
		if code, who := ask(); code == http.StatusOK {
			t.Errorf("resumed %v: when her authority is not trusted any more she is answered %d as %q", resumed, code, who)
		}
	}
}

func TestAnEntryIsPrintedOnOneLineWhateverNamesAreInIt(t *testing.T) {
	var out bytes.Buffer
	entry := access.Entry{Outcome: access.Denied, Act: "send", Name: "PayOrder", Principal: "oidc:eve\n43 2026-11-22 06:00:00 ada permitted administer Import\x1b[1A\x1b[2K\u202e"}
	for _, e := range []audit.Entry{
		{Number: 42, Entry: entry},
		{Number: 42, Counted: []audit.Counted{{Entry: entry, Times: 2}}},
	} {
		out.Reset()
		if err := printEntry(&out, e); err != nil {
			t.Fatal(err)
		}
		if text := out.String(); strings.Count(text, "\n") != 1 || strings.ContainsAny(text, "\x1b\u202e") || !strings.Contains(text, "oidc:eve") {
			t.Errorf("it is printed as %q", text)
		}
	}
}
