package program

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	// In an image that has nothing but the program there are no certificates of authorities.
	_ "golang.org/x/crypto/x509roots/fallback"
)

// Secured are the flags that say with which certificate a server speaks TLS, and whose
// clients' certificates it believes.
type Secured struct {
	TLSCert  string `name:"tls-cert" placeholder:"FILE" help:"Certificate of the server, and those that lead to one that clients know; PEM. It speaks TLS then."`
	TLSKey   string `name:"tls-key" placeholder:"FILE" help:"Key of the certificate; PEM. When either file changes, both are read again."`
	ClientCA string `name:"client-ca" placeholder:"FILE" help:"Certificates of those who sign clients' certificates; PEM. A client may then show who it is with one."`
}

// check returns what is wrong with the files.
func (s Secured) check() error {
	switch {
	case (s.TLSCert == "") != (s.TLSKey == ""):
		return errors.New("--tls-cert and --tls-key are given together")
	case s.TLSCert == "" && s.ClientCA != "":
		return errors.New("--client-ca needs --tls-cert: only TLS has certificates of clients")
	case s.TLSCert == "":
		return nil
	}
	k, err := s.load()
	if err != nil {
		return err
	}
	return k.current(time.Now())
}

// A keyPair is what the files of a server said when they were read.
type keyPair struct {
	certificate tls.Certificate
	clients     *x509.CertPool // nil for none
	read        []os.FileInfo  // the files, as they were before they were read
}

// load reads the files.
func (s Secured) load() (*keyPair, error) {
	seen, err := s.stat()
	if err != nil {
		return nil, err
	}
	k := &keyPair{read: seen}
	if k.certificate, err = tls.LoadX509KeyPair(s.TLSCert, s.TLSKey); err != nil {
		return nil, fmt.Errorf("%s and %s: %w", s.TLSCert, s.TLSKey, err)
	}
	if s.ClientCA != "" {
		if k.clients, err = certificates(s.ClientCA); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// stat looks at the files.
func (s Secured) stat() ([]os.FileInfo, error) {
	var seen []os.FileInfo
	for _, path := range []string{s.TLSCert, s.TLSKey, s.ClientCA} {
		if path == "" {
			continue
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		seen = append(seen, info)
	}
	return seen, nil
}

// current returns an error if the certificate is not valid at a time.
func (k *keyPair) current(now time.Time) error {
	leaf := k.certificate.Leaf
	if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		return fmt.Errorf("the certificate of %s is valid from %s to %s", leaf.Subject, leaf.NotBefore.Format(time.RFC3339), leaf.NotAfter.Format(time.RFC3339))
	}
	return nil
}

// same reports whether two looks at the files saw the same.
func same(a, b []os.FileInfo) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !os.SameFile(a[i], b[i]) || a[i].Size() != b[i].Size() || !a[i].ModTime().Equal(b[i].ModTime()) {
			return false
		}
	}
	return true
}

// A keyRing has the files of a server as they are now. It looks at them at each handshake,
// which costs less than a hundredth of it, and so needs neither a signal nor a goroutine.
type keyRing struct {
	Secured
	log *slog.Logger

	mu    sync.Mutex
	pair  *keyPair
	tried []os.FileInfo // when the files were read last, whatever came of it
}

// config returns the configuration for the next handshake. While what is in the files cannot
// be used, such as between the replacement of one and that of the other, it is that of before.
func (r *keyRing) config(*tls.ClientHelloInfo) (*tls.Config, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if seen, err := r.stat(); err == nil && !same(seen, r.tried) {
		r.tried = seen
		pair, err := r.load()
		if err != nil {
			r.log.Error("the certificate is not the new one, which cannot be used", "error", err)
		} else {
			r.pair = pair
			r.log.Info("the certificate was read again", "subject", pair.certificate.Leaf.Subject.String(), "valid_until", pair.certificate.Leaf.NotAfter)
		}
	}
	return r.pair.config(), nil
}

func (k *keyPair) config() *tls.Config {
	c := &tls.Config{
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"h2", "http/1.1"},
		Certificates: []tls.Certificate{k.certificate},
	}
	if k.clients != nil {
		c.ClientCAs, c.ClientAuth = k.clients, tls.VerifyClientCertIfGiven
	}
	return c
}

// secure makes a listener speak TLS, if there is a certificate.
func (s Secured) secure(listener net.Listener, log *slog.Logger) (net.Listener, error) {
	if err := s.check(); err != nil || s.TLSCert == "" {
		return listener, err
	}
	pair, err := s.load()
	if err != nil {
		return nil, err
	}
	ring := &keyRing{Secured: s, log: log, pair: pair, tried: pair.read}
	config := pair.config()
	config.GetConfigForClient = ring.config
	return secured{tls.NewListener(listener, config)}, nil
}

// secured is a listener that speaks TLS.
type secured struct{ net.Listener }
