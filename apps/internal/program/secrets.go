package program

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/daybook-es/daybook/store/storeurl"
)

// Secrets knows what must not be told: passwords in the URLs that a program was given, what
// stands in files of secrets, and the values of flags with the tag secret. The zero value
// knows none. It is safe for use by many goroutines.
type Secrets struct {
	mu    sync.RWMutex
	known []string // the longest first, so that a part of a secret does not spoil the whole
}

// hidden stands for a secret.
const hidden = "***"

// shortest is the length, in bytes, from which a secret is looked for in what is told. One of
// three letters would be found everywhere, and nothing could be read any more.
const shortest = 4

// Add makes secrets known, in all the ways in which they are written in an URL, in JSON and
// in a log.
func (s *Secrets) Add(secrets ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, secret := range secrets {
		quoted, err := json.Marshal(secret)
		if err != nil {
			panic(err) // a string has a form in JSON
		}
		for _, written := range []string{
			secret, url.QueryEscape(secret), url.PathEscape(secret), escaped(secret), url.UserPassword("", secret).String()[1:],
			strings.Trim(string(quoted), `"`), strings.Trim(strconv.Quote(secret), `"`),
		} {
			if len(written) >= shortest && !slices.Contains(s.known, written) {
				s.known = append(s.known, written)
			}
		}
	}
	slices.SortStableFunc(s.known, func(a, b string) int { return len(b) - len(a) })
}

// Hide returns a text with *** for every secret in it.
func (s *Secrets) Hide(text string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, secret := range s.known {
		text = strings.ReplaceAll(text, secret, hidden)
	}
	return text
}

// Writer returns a writer that hides secrets in what is written to w. A secret must be in one
// piece in one call, as it is in a line of a log.
func (s *Secrets) Writer(w io.Writer) io.Writer { return hiding{s, w} }

type hiding struct {
	secrets *Secrets
	w       io.Writer
}

func (h hiding) Write(p []byte) (int, error) {
	if _, err := io.WriteString(h.w, h.secrets.Hide(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// reference is how a value names a file in which a part of it stands, or all of it.
var reference = regexp.MustCompile(`\$\{file:([^{}]*)\}`)

// longest is the size of the largest file of a secret, in bytes.
const longest = 64 << 10

// Expand returns a value with the content of the file PATH in the place of each ${file:PATH},
// and knows it as a secret from then on. A newline at the end of the file is not part of it.
// Behind a :// what is put in is escaped, so that a password may have any sign.
func (s *Secrets) Expand(value string) (string, error) {
	var broken []error
	expanded := ""
	for {
		at := reference.FindStringSubmatchIndex(value)
		if at == nil {
			break
		}
		content, err := secretIn(value[at[2]:at[3]])
		if err != nil {
			broken = append(broken, err)
		}
		s.Add(content)
		expanded += value[:at[0]]
		if strings.Contains(expanded, "://") {
			content = escaped(content)
		}
		expanded, value = expanded+content, value[at[1]:]
	}
	if strings.Contains(value, "${file:") {
		broken = append(broken, errors.New("a ${file:PATH} has no end"))
	}
	return expanded + value, errors.Join(broken...)
}

// secretIn returns the secret in a file.
func secretIn(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		reason := (*fs.PathError)(nil)
		if errors.As(err, &reason) {
			err = reason.Err
		}
		return "", fmt.Errorf("the file of a secret, %s: %w", path, err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, longest+1))
	if err != nil {
		return "", fmt.Errorf("the file of a secret: %w", err)
	}
	secret := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	switch {
	case len(content) > longest:
		return "", fmt.Errorf("the file of a secret, %s, has more than %d bytes", path, longest)
	case secret == "":
		return "", fmt.Errorf("the file of a secret, %s, is empty", path)
	}
	return secret, nil
}

// escaped returns a text as it is written in any part of an URL.
func escaped(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

// learn makes the secrets in a value known if it is an URL, and returns the value as it may be
// shown, and whether something is hidden in it.
func (s *Secrets) learn(value string) (shown string, secret bool) {
	if !strings.Contains(value, "://") {
		shown = s.Hide(value)
		return shown, shown != value
	}
	u, err := storeurl.Parse(value)
	if err != nil {
		// Who knows what is in it: a password with a sign that ends it, say.
		_, rest, _ := strings.Cut(value, "://")
		s.Add(append(strings.FieldsFunc(rest, func(r rune) bool { return strings.ContainsRune("/:@?&=", r) }), value)...)
		return hidden, true
	}
	found := u.Secrets()
	s.Add(found...)
	shown = s.Hide(strings.ReplaceAll(u.String(), "xxxxx", hidden))
	return shown, len(found) > 0
}
