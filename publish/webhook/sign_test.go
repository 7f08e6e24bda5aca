package webhook

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A vector is a signature that another implementation made.
type vector struct{ Secret, ID, Timestamp, Body, Signature string }

func vectors(t *testing.T) (all []vector) {
	t.Helper()
	text, err := os.ReadFile("testdata/vectors.json")
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil || len(all) == 0 {
		t.Fatalf("%d vectors, %v", len(all), err)
	}
	return all
}

// at returns the time that a vector was signed at.
func (v vector) at(t *testing.T) time.Time {
	t.Helper()
	seconds, err := strconv.ParseInt(v.Timestamp, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.Unix(seconds, 0)
}

func secret(t *testing.T, text string) Secret {
	t.Helper()
	s, err := ParseSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSignaturesAreThoseOfOtherImplementations(t *testing.T) {
	for _, v := range vectors(t) {
		h := make(http.Header)
		sign(h, v.ID, v.at(t), []byte(v.Body), []Secret{secret(t, v.Secret)})
		if h.Get("webhook-signature") != v.Signature || h.Get("webhook-id") != v.ID || h.Get("webhook-timestamp") != v.Timestamp {
			t.Errorf("signed as %v; want %s", h, v.Signature)
		}
		h = http.Header{"Webhook-Id": {v.ID}, "Webhook-Timestamp": {v.Timestamp}, "Webhook-Signature": {v.Signature}}
		if id, err := Verify(h, []byte(v.Body), v.at(t), secret(t, v.Secret)); err != nil || id != v.ID {
			t.Errorf("verified as %q, %v", id, err)
		}
	}
}

func TestWhatWasChangedOrSignedWithAnotherSecretIsNotTaken(t *testing.T) {
	v, now := vectors(t)[1], time.Unix(1795262400, 0)
	good := func() http.Header {
		h := make(http.Header)
		sign(h, v.ID, now, []byte(v.Body), []Secret{secret(t, v.Secret)})
		return h
	}
	for what, bend := range map[string]func(h http.Header) (body string){
		"another body": func(h http.Header) string { return v.Body + " " },
		"another id":   func(h http.Header) string { h.Set("webhook-id", strings.Replace(v.ID, "1", "2", 1)); return v.Body },
		"another time": func(h http.Header) string { h.Set("webhook-timestamp", "1795262401"); return v.Body },
		"no id":        func(h http.Header) string { h.Del("webhook-id"); return v.Body },
		"no time":      func(h http.Header) string { h.Del("webhook-timestamp"); return v.Body },
		"no signature": func(h http.Header) string { h.Del("webhook-signature"); return v.Body },
		"an empty one": func(h http.Header) string { h.Set("webhook-signature", "v1,"); return v.Body },
		"another version": func(h http.Header) string {
			h.Set("webhook-signature", "v2"+h.Get("webhook-signature")[2:])
			return v.Body
		},
		"a part of it": func(h http.Header) string { h.Set("webhook-signature", h.Get("webhook-signature")[:20]); return v.Body },
		"text moved around": func(h http.Header) string {
			h.Set("webhook-id", v.ID+".1795262400")
			return strings.TrimPrefix(v.Body, "1795262400.")
		},
		"one too far behind": func(h http.Header) string {
			h.Set("webhook-signature", strings.Repeat("v1,AAAA ", maxSignatures)+h.Get("webhook-signature"))
			return v.Body
		},
	} {
		h := good()
		body := bend(h)
		if _, err := Verify(h, []byte(body), now, secret(t, v.Secret)); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v; want ErrSignature", what, err)
		}
	}
	if _, err := Verify(good(), []byte(v.Body), now, NewSecret()); !errors.Is(err, ErrSignature) {
		t.Errorf("with another secret: %v", err)
	}
	if _, err := Verify(good(), []byte(v.Body), now); !errors.Is(err, ErrSignature) {
		t.Errorf("with no secret: %v", err)
	}
	empty := make(http.Header)
	sign(empty, v.ID, now, []byte(v.Body), []Secret{{}})
	if _, err := Verify(empty, []byte(v.Body), now, Secret{}); !errors.Is(err, ErrSignature) {
		t.Errorf("with an empty secret: %v", err)
	}
}

func TestARequestFromAnotherTimeIsNotTaken(t *testing.T) {
	signed, s := time.Unix(1795262400, 0), NewSecret()
	h := make(http.Header)
	sign(h, "1", signed, nil, []Secret{s})
	for _, c := range []struct {
		away time.Duration
		want error
	}{{0, nil}, {Window, nil}, {-Window, nil}, {Window + time.Second, ErrTime}, {-Window - time.Second, ErrTime}, {365 * 24 * time.Hour, ErrTime}} {
		if _, err := Verify(h, nil, signed.Add(c.away), s); !errors.Is(err, c.want) {
			t.Errorf("%s after it was signed: %v; want %v", c.away, err, c.want)
		}
	}
}

func TestASecretIsReplacedWithoutAMessageLost(t *testing.T) {
	now, before, after := time.Now(), NewSecret(), NewSecret()
	h := make(http.Header)
	sign(h, "1", now, []byte("body"), []Secret{before, after})
	for what, known := range map[string][]Secret{"only the old one": {before}, "only the new one": {after}, "both": {after, before}} {
		if _, err := Verify(h, []byte("body"), now, known...); err != nil {
			t.Errorf("a receiver that knows %s: %v", what, err)
		}
	}
}

func TestASecretIsReadAndNotShown(t *testing.T) {
	s := NewSecret()
	again, err := ParseSecret(s.Reveal())
	if err != nil || again.Reveal() != s.Reveal() || NewSecret().Reveal() == s.Reveal() {
		t.Errorf("read again as %s, %v", again.Reveal(), err)
	}
	hidden := s.Reveal()[len(secretPrefix):]
	if shown := fmt.Sprintf("%v %+v %#v %s", s, s, s, []Secret{s}); strings.Contains(shown, hidden) {
		t.Errorf("printed as %s", shown)
	}
	for _, wrong := range []string{"", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa", "whsec_????????????????????????????????", "whsec_" + strings.Repeat("AAAA", 22)} {
		if _, err := ParseSecret(wrong); err == nil || len(wrong) > 10 && strings.Contains(err.Error(), wrong[8:]) {
			t.Errorf("read %q: %v; want an error that does not show it", wrong, err)
		}
	}
}
