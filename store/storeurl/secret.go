package storeurl

import (
	"net/url"
	"strings"
)

// Secrets returns what is secret in the URL, such as a password, as it is written there and as
// it is meant: for a program that keeps them out of what it tells.
func (u *URL) Secrets() []string {
	var all []string
	add := func(secret string) {
		if secret != "" {
			all = append(all, secret)
		}
	}
	if u.userinfo != "" {
		for _, secret := range u.userSecrets() {
			add(secret)
			if meant, err := url.PathUnescape(secret); err == nil {
				add(meant)
			}
		}
	}
	for name, values := range u.params {
		if secretParam(name) {
			for _, value := range values {
				add(value)
				add(url.QueryEscape(value))
			}
		}
	}
	return all
}

// A redactedError is an error whose text had a secret in it.
type redactedError struct {
	text string
	err  error
}

func (e *redactedError) Error() string { return e.text }
func (e *redactedError) Unwrap() error { return e.err }

// redact returns the error that an opener returned, without the secrets of the URL in its
// text.
func (u *URL) redact(err error) error {
	secrets := u.Secrets()
	if err == nil || len(secrets) == 0 {
		return err
	}
	shown := u.String()
	text := strings.ReplaceAll(err.Error(), u.Rest(), shown)
	for _, secret := range secrets {
		// What is shown anyway cannot be kept secret: with the password postgres, nobody
		// could read an error.
		if !strings.Contains(shown, secret) {
			text = strings.ReplaceAll(text, secret, hidden)
		}
	}
	if text == err.Error() {
		return err
	}
	return &redactedError{text, err}
}
