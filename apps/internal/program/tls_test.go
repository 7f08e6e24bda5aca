package program

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// An authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := new(authority)
	a.certificate, a.key = a.sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotAfter: time.Now().Add(time.Hour),
	})
	return a
}

func (a *authority) sign(t *testing.T, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	signer, parent := a.key, a.certificate
	if signer == nil {
		signer, parent = key, template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate, key
}

// issue writes a certificate for a name, and its key, in place of those that were there.
func (a *authority) issue(t *testing.T, cert, key, name string, until time.Time) {
	t.Helper()
	c, k := a.sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotAfter: until, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	})
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	replace(t, cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	replace(t, key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// replace puts a file in the place of another, as those do who renew certificates.
func replace(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func (a *authority) write(t *testing.T, path string) {
	replace(t, path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw}))
}

// A lockedBuffer is written and read by several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestACertificateIsReadAgainWhenItChanges(t *testing.T) {
	dir := t.TempDir()
	cert, key, ca := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"), filepath.Join(dir, "ca.crt")
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	hour := time.Now().Add(time.Hour)
	ours.issue(t, cert, key, "first.example", hour)
	ours.write(t, ca)
	var logged lockedBuffer
	flags := Listening{Addr: "127.0.0.1:0", Secured: Secured{cert, key, ca}}
	listener, err := flags.Listen("", slog.New(slog.NewTextHandler(&logged, nil)))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if certificates := r.TLS.PeerCertificates; len(certificates) > 0 {
			io.WriteString(w, r.Proto+" "+certificates[0].Subject.CommonName)
		} else {
			io.WriteString(w, r.Proto+" nobody")
		}
	})}
	go server.Serve(listener)
	defer server.Close()
	if !strings.HasPrefix(AddressOf(listener), "https://127.0.0.1:") {
		t.Errorf("its address is %s", AddressOf(listener))
	}

	trusted := x509.NewCertPool()
	trusted.AddCert(ours.certificate)
	// ask returns what the server answers, over a new connection, and its certificate's name.
	ask := func(client ...tls.Certificate) (string, string, error) {
		config := &tls.Config{RootCAs: trusted}
		if len(client) > 0 { // sent whether the server asks for one of its kind or not
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &client[0], nil }
		}
		transport := &http.Transport{ForceAttemptHTTP2: true, DisableKeepAlives: true, TLSClientConfig: config}
		answer, err := (&http.Client{Transport: transport}).Get(AddressOf(listener))
		if err != nil {
			return "", "", err
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		return string(text), answer.TLS.PeerCertificates[0].Subject.CommonName, err
	}
	client := func(by *authority) tls.Certificate {
		ownCert, ownKey := filepath.Join(t.TempDir(), "cert"), filepath.Join(t.TempDir(), "key")
		by.issue(t, ownCert, ownKey, "ada", hour)
		pair, err := tls.LoadX509KeyPair(ownCert, ownKey)
		if err != nil {
			t.Fatal(err)
		}
		return pair
	}
	expect := func(what, server string, client ...tls.Certificate) {
		t.Helper()
		who := "nobody"
		if len(client) > 0 {
			who = "ada"
		}
		if text, name, err := ask(client...); err != nil || name != server || text != "HTTP/2.0 "+who {
			t.Errorf("%s: %q by %s, %v; want %s by %s", what, text, name, err, who, server)
		}
	}
	expect("at first", "first.example")
	expect("with a certificate", "first.example", client(ours))
	if _, _, err := ask(client(theirs)); err == nil {
		t.Error("a certificate that somebody else signed is believed")
	}

	ours.issue(t, cert, key, "second.example", hour)
	expect("after both files were replaced", "second.example")
	if !strings.Contains(logged.String(), "read again") {
		t.Errorf("the log does not say that it was read again: %s", logged.String())
	}
	replace(t, key, []byte("half of a"))
	expect("while the key cannot be used", "second.example")
	if err := os.Remove(cert); err != nil {
		t.Fatal(err)
	}
	expect("while there is none", "second.example")
	if n := strings.Count(logged.String(), "cannot be used"); n != 1 {
		t.Errorf("it is said %d times that the new one cannot be used", n)
	}
	ours.issue(t, cert, key, "third.example", hour)
	theirs.write(t, ca)
	expect("after the clients' authority was replaced too", "third.example", client(theirs))
	if _, _, err := ask(client(ours)); err == nil {
		t.Error("a certificate of the former authority is believed still")
	}
}

func TestWhatIsWrongWithCertificatesIsSaidBeforeTheStart(t *testing.T) {
	dir := t.TempDir()
	cert, key, old, oldKey := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"), filepath.Join(dir, "old.crt"), filepath.Join(dir, "old.key")
	ours := newAuthority(t, "ours")
	ours.issue(t, cert, key, "now", time.Now().Add(time.Hour))
	ours.issue(t, old, oldKey, "old", time.Now().Add(-time.Hour))
	for want, flags := range map[string]Secured{
		"are given together":      {TLSCert: cert},
		"needs --tls-cert":        {ClientCA: cert},
		"nowhere":                 {TLSCert: cert, TLSKey: filepath.Join(dir, "nowhere")},
		"does not match":          {TLSCert: cert, TLSKey: oldKey},
		"is valid from":           {TLSCert: old, TLSKey: oldKey},
		"there is no certificate": {TLSCert: cert, TLSKey: key, ClientCA: key},
	} {
		l := Listening{Addr: "127.0.0.1:0", Secured: flags}
		if err := l.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want that it says %q", flags, err, want)
		}
		if listener, err := l.Listen("", slog.Default()); err == nil {
			listener.Close()
			t.Errorf("%+v: it listens", flags)
		}
	}
}
