package program

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Probe is a verb that asks a server whether it is ready. A container of nothing but the
// program has nothing else that could ask.
type Probe struct {
	URL     *url.URL      `arg:"" default:"http://127.0.0.1:8080/readyz" help:"What to ask (${default})."`
	Patient time.Duration `default:"5s" placeholder:"TIME" help:"How long to wait for the answer (${default})."`
	TrustCA string        `type:"existingfile" placeholder:"FILE" help:"Certificates of those who may have signed the server's, instead of the system's."`
}

// Run asks once. It fails unless the answer is 200.
func (c *Probe) Run(ctx context.Context, s *Streams) error {
	ctx, cancel := context.WithTimeout(ctx, c.Patient)
	defer cancel()
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}
	if c.TrustCA != "" {
		trusted, err := certificates(c.TrustCA)
		if err != nil {
			return err
		}
		transport.TLSClientConfig.RootCAs = trusted
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL.String(), nil)
	if err != nil {
		return err
	}
	answer, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	told, err := io.ReadAll(io.LimitReader(answer.Body, 4<<10))
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s: %s", c.URL.Redacted(), answer.Status, strings.TrimSpace(string(told)))
	}
	return nil
}

// certificates returns those that stand in a file.
func certificates(path string) (*x509.CertPool, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(content) {
		return nil, errors.New(path + ": there is no certificate in it")
	}
	return pool, nil
}
