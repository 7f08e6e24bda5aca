package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of a signed request, as Standard Webhooks names them.
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp"
	HeaderSignature = "webhook-signature"
)

// What a secret begins with as text, and how many bytes it has (Standard Webhooks).
const (
	secretPrefix = "whsec_"
	minSecret    = 24
	maxSecret    = 64
)

// A Secret is what sender and receiver share. Printing it does not show it.
type Secret struct{ key []byte }

// NewSecret returns a secret of 32 random bytes.
func NewSecret() Secret {
	key := make([]byte, 32)
	rand.Read(key) // never fails
	return Secret{key}
}

// ParseSecret reads what [Secret.Reveal] returns: "whsec_" and 24 to 64 bytes in base64. The
// error does not show what it could not read.
func ParseSecret(text string) (Secret, error) {
	encoded, ok := strings.CutPrefix(text, secretPrefix)
	if !ok {
		return Secret{}, fmt.Errorf("webhook: a secret begins with %s", secretPrefix)
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return Secret{}, errors.New("webhook: a secret is in base64")
	}
	if len(key) < minSecret || len(key) > maxSecret {
		return Secret{}, fmt.Errorf("webhook: a secret has %d to %d bytes, and this one %d", minSecret, maxSecret, len(key))
	}
	return Secret{key}, nil
}

// Reveal returns the secret as text, to be kept or told to the receiver.
func (s Secret) Reveal() string { return secretPrefix + base64.StdEncoding.EncodeToString(s.key) }

// String hides the secret.
func (s Secret) String() string { return secretPrefix + "…" }

// GoString hides the secret.
func (s Secret) GoString() string { return s.String() }

// sign sets the headers that say who sends what, and when.
func sign(h http.Header, id string, at time.Time, body []byte, secrets []Secret) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	var signatures []string
	for _, s := range secrets {
		signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(s.mac(id, timestamp, body)))
	}
	h.Set(HeaderID, id)
	h.Set(HeaderTimestamp, timestamp)
	h.Set(HeaderSignature, strings.Join(signatures, " "))
}

// mac returns the HMAC-SHA256 of what is signed.
func (s Secret) mac(id, timestamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, s.key)
	fmt.Fprintf(mac, "%s.%s.", id, timestamp)
	mac.Write(body)
	return mac.Sum(nil)
}

// Window is how far the time of a request may be from the receiver's: what is older may be
// an eavesdropper's who sends it again. Within it the id tells what was there before.
const Window = 5 * time.Minute

// The reasons for which [Verify] does not take a request.
var (
	// ErrSignature: it was not signed with any of the secrets, or was changed on its way.
	ErrSignature = errors.New("webhook: no signature of the request is good")
	// ErrTime: it was signed too long ago, or its time is yet to come.
	ErrTime = errors.New("webhook: the request is from another time")
)

// maxSignatures is how many signatures of a request are looked at: more than anybody has
// secrets.
const maxSignatures = 16

// Verify checks a request's headers and body, of which the receiver has read all: that it
// was signed with one of the secrets, and within [Window] of now. It returns the id of the
// event, by which to tell whether it came before, or [ErrSignature] or [ErrTime]. It takes
// the same time however wrong a signature is.
func Verify(h http.Header, body []byte, now time.Time, secrets ...Secret) (id string, err error) {
	id, timestamp := h.Get(HeaderID), h.Get(HeaderTimestamp)
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || id == "" {
		return "", ErrSignature
	}
	good := false
	given := strings.SplitN(h.Get(HeaderSignature), " ", maxSignatures+1)
	for _, s := range secrets {
		if len(s.key) == 0 {
			continue // anybody can sign with no secret
		}
		want := s.mac(id, timestamp, body)
		for _, signature := range given[:min(len(given), maxSignatures)] {
			encoded, v1 := strings.CutPrefix(signature, "v1,")
			got, err := base64.StdEncoding.DecodeString(encoded)
			if v1 && err == nil && hmac.Equal(got, want) {
				good = true
			}
		}
	}
	if !good {
		return "", ErrSignature
	}
	if at := time.Unix(seconds, 0); at.Before(now.Add(-Window)) || at.After(now.Add(Window)) {
		return "", ErrTime
	}
	return id, nil
}
