package storeurl

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// A URL is the URL of a store, taken apart. Printing it shows no secret.
type URL struct {
	// Scheme says which store it is, in lower case.
	Scheme string

	// userinfo is what stands before the @, host what stands behind it up to the path,
	// both as they were written. Drivers allow several hosts, which no URL proper has.
	userinfo, host string
	path           string // as it was written, with its leading slash
	params         url.Values
	known          []string // parameters that were asked for
}

// Parse takes a URL apart. Text without :// is the path of a directory, all of it, and so
// one of scheme log. An error does not repeat what may be secret.
func Parse(text string) (*URL, error) {
	scheme, rest, is := strings.Cut(text, "://")
	if !is {
		if text == "" {
			return nil, errors.New("the URL of the store is empty")
		}
		return &URL{Scheme: "log", path: (&url.URL{Path: text}).EscapedPath()}, nil
	}
	u := &URL{Scheme: strings.ToLower(scheme)}
	if scheme == "" || strings.ContainsFunc(u.Scheme, func(r rune) bool { return !strings.ContainsRune(schemeLetters, r) }) {
		return nil, fmt.Errorf("the URL of a store begins with its scheme, such as log://, and %q is none", scheme)
	}
	rest, query, _ := strings.Cut(rest, "?")
	if u.Scheme != "log" { // whose paths may have any sign
		rest = strings.ReplaceAll(rest, ","+scheme+"://", ",") // as NATS has several hosts
		if i := strings.LastIndexByte(rest, '@'); i >= 0 {
			u.userinfo, rest = rest[:i], rest[i+1:]
		}
	}
	u.host, u.path = rest, ""
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		u.host, u.path = rest[:i], rest[i:]
	}
	if u.Scheme != "log" && !ports(u.host) {
		// What looks like a port may be a password with a sign that ends it.
		return nil, fmt.Errorf("the %s:// URL of the store has a port that is no number; in a password, / is written %%2F, ? %%3F, and # %%23", u.Scheme)
	}
	params, err := url.ParseQuery(query)
	if err != nil { // which repeats what it could not read
		return nil, fmt.Errorf("%s: what stands behind the ? is not NAME=VALUE&NAME=VALUE, with %%25 for %%", u)
	}
	u.params = params
	for _, name := range slices.Sorted(maps.Keys(params)) {
		switch values := params[name]; {
		case len(values) > 1:
			return nil, fmt.Errorf("%s: the parameter %s is given twice", u, name)
		case values[0] == "":
			return nil, fmt.Errorf("%s: the parameter %s has no value", u, name)
		}
	}
	return u, nil
}

// ports reports whether the ports of hosts, with commas between them, are numbers.
func ports(hosts string) bool {
	for host := range strings.SplitSeq(hosts, ",") {
		_, port, has := strings.Cut(host[strings.LastIndexByte(host, ']')+1:], ":")
		if _, err := strconv.ParseUint(port, 10, 16); has && err != nil {
			return false
		}
	}
	return true
}

const schemeLetters = "abcdefghijklmnopqrstuvwxyz0123456789+-."

// Host returns what stands between the scheme and the path, without a user and password.
func (u *URL) Host() string { return u.host }

// Path returns the path with its leading slash, as it is meant: %20 is a space.
func (u *URL) Path() (string, error) {
	return u.unescape(u.path)
}

func (u *URL) unescape(text string) (string, error) {
	text, err := url.PathUnescape(text)
	if err != nil {
		return "", fmt.Errorf("%s: a %% in a path is written %%25", u)
	}
	return text, nil
}

// Take returns a parameter, or nothing if it is not given. Those that were taken are known;
// see [URL.Done].
func (u *URL) Take(name string) string {
	u.known = append(u.known, name)
	return u.params.Get(name)
}

// TakeFlag returns a parameter that is true or false, and false if it is not given.
func (u *URL) TakeFlag(name string) (bool, error) {
	switch value := u.Take(name); value {
	case "true":
		return true, nil
	case "", "false":
		return false, nil
	default:
		return false, fmt.Errorf("%s: the parameter %s is true or false", u, name)
	}
}

// Done returns an error if there are parameters that were not taken. An [Opener] calls it
// before it opens anything, unless it hands the rest to a driver; see [URL.Rest].
func (u *URL) Done() error {
	for _, name := range slices.Sorted(maps.Keys(u.params)) {
		if !slices.Contains(u.known, name) {
			return fmt.Errorf("%s: there is no parameter %s for %s://; there are %s", u, name, u.Scheme, strings.Join(slices.Sorted(slices.Values(u.known)), ", "))
		}
	}
	return nil
}

// Rest returns the URL with its secrets and without the parameters that were taken. It is
// for a driver, and is not to be printed.
func (u *URL) Rest() string {
	rest := maps.Clone(u.params)
	for _, name := range u.known {
		delete(rest, name)
	}
	text := u.Scheme + "://"
	if u.userinfo != "" {
		text += u.userinfo + "@"
	}
	text += u.host + u.path
	if len(rest) > 0 {
		text += "?" + rest.Encode()
	}
	return text
}

// String returns the URL, with xxxxx for what is secret in it.
func (u *URL) String() string {
	text := u.Scheme + "://"
	if u.userinfo != "" {
		shown, _, password := strings.Cut(u.userinfo, ":")
		switch {
		case u.lonelyToken() || strings.ContainsAny(u.userinfo, "@,"):
			shown = hidden
		case password:
			shown += ":" + hidden
		}
		text += shown + "@"
	}
	text += u.host + u.path
	between := "?"
	for _, name := range slices.Sorted(maps.Keys(u.params)) {
		for _, value := range u.params[name] {
			value = url.QueryEscape(value)
			if secretParam(name) {
				value = hidden
			}
			text += between + url.QueryEscape(name) + "=" + value
			between = "&"
		}
	}
	return text
}

// GoString returns what [URL.String] does.
func (u *URL) GoString() string { return u.String() }

// hidden stands for a secret.
const hidden = "xxxxx"

// secretParam reports whether a parameter is not to be shown. That of a file which holds a
// secret is no secret.
func secretParam(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc([]string{"password", "passwd", "secret", "token"}, func(s string) bool { return strings.Contains(name, s) })
}

// lonelyToken reports whether what stands before the @ is secret without being a password:
// that is how NATS writes a token. A user of PostgreSQL may have no password.
func (u *URL) lonelyToken() bool {
	return !strings.Contains(u.userinfo, ":") && !strings.HasPrefix(u.Scheme, "postgres")
}

// userSecrets returns what is secret before the @, with several hosts in each of them.
func (u *URL) userSecrets() []string {
	if u.lonelyToken() || strings.ContainsAny(u.userinfo, "@,") {
		return append(strings.FieldsFunc(u.userinfo, func(r rune) bool { return strings.ContainsRune("@,:", r) }), u.userinfo)
	}
	_, password, _ := strings.Cut(u.userinfo, ":")
	return []string{password}
}
