package httpapi

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Over HTTP/2 each request has the server's times on its own stream, and a live stream
// outlives them too.
func TestAStreamOverHTTP2OutlivesTheTimesOfARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(24 * time.Hour)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		known := x509.NewCertPool()
		known.AddCert(leaf)

		s, on := NewServer("test", Options{Logger: slog.New(slog.DiscardHandler)}), newPipeline()
		s.Route([]Route{{Method: "GET", Path: "/stream", Right: Open, Long: true, Handle: func(w http.ResponseWriter, r *http.Request) error {
			out := &liveWriter{w: w, control: http.NewResponseController(w), may: func() error { return nil }}
			for {
				select {
				case <-r.Context().Done():
					return nil
				case <-time.After(20 * time.Second):
					if err := out.comment("still here"); err != nil {
						return nil
					}
				}
			}
		}}})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- s.Serve(ctx, tls.NewListener(on, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12}))
		}()
		client := &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: known, ServerName: "localhost", MinVersion: tls.VersionTLS12},
			DialContext: func(context.Context, string, string) (net.Conn, error) { return on.dial(), nil }}}
		r, err := client.Get("https://localhost/stream")
		if err != nil {
			t.Fatal(err)
		}
		if r.ProtoMajor != 2 {
			t.Fatalf("it speaks %s", r.Proto)
		}
		lines := bufio.NewScanner(r.Body)
		for beats := 0; beats < 20; {
			if !lines.Scan() {
				t.Fatalf("the stream ended after %d beats: %v", beats, lines.Err())
			}
			if strings.Contains(lines.Text(), "still here") {
				beats++
			}
		}
		r.Body.Close()
		client.CloseIdleConnections()
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Serve returned %v", err)
		}
	})
}
