package program

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"os"
	"sync"
)

// trusted are the authorities of clients' certificates, as the file that names them has them
// now. It is looked at whenever they are asked for, as the keyRing does at each handshake: a
// connection that was made before the file changed may go on for days.
type trusted struct {
	path string
	log  *slog.Logger

	mu    sync.Mutex
	tried os.FileInfo // when the file was read last, whatever came of it
	known map[[sha256.Size]byte]bool
}

// has reports whether an authority is trusted now. While the file cannot be used, it is as it
// was before.
func (t *trusted) has(authority *x509.Certificate) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if seen, err := os.Stat(t.path); err == nil && (t.tried == nil || !same([]os.FileInfo{seen}, []os.FileInfo{t.tried})) {
		t.tried = seen
		known, err := authoritiesIn(t.path)
		if err != nil {
			t.log.Error("the authorities of clients are not the new ones, which cannot be used", "error", err)
		} else {
			t.known = known
		}
	}
	return t.known[sha256.Sum256(authority.Raw)]
}

// authoritiesIn returns the digests of the certificates in a file.
func authoritiesIn(path string) (map[[sha256.Size]byte]bool, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	known := make(map[[sha256.Size]byte]bool)
	for block, rest := pem.Decode(bytes.TrimSpace(content)); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" && len(block.Headers) == 0 {
			known[sha256.Sum256(block.Bytes)] = true
		}
	}
	if len(known) == 0 {
		return nil, errors.New(path + ": there is no certificate in it")
	}
	return known, nil
}
