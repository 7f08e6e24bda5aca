package storeurl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/daybook-es/daybook"
)

// A Store is an open store. Whoever opened it closes it.
type Store interface {
	daybook.Store
	io.Closer
}

// Options say how a store is opened, whichever it is. The zero value, and nil, are right
// for most programs.
type Options struct {
	// Existing refuses a store in which there is no log yet, and makes none.
	Existing bool

	// ReadOnly opens a store to look at what is in it, as Existing does. An append is a
	// [*daybook.UnavailableError] that wraps [daybook.ErrReadOnly]. A directory is opened
	// beside the process that records in it; a log in JetStream as a node, for which no
	// other process may have the node's directory.
	ReadOnly bool

	// Owner says who opens the store, such as "orders at http://localhost:8080, process
	// 42", where somebody else may want to know it.
	Owner string

	// Require refuses a store that promises less. Zero is what the parameter require says,
	// or else nothing.
	Require daybook.Durability

	// Logger is told what the store has to say. Nil means [slog.Default].
	Logger *slog.Logger
}

// An Opener opens the store at a URL of its scheme. It takes the parameters that it knows
// and then calls [URL.Done]. The options are never nil, and are not to be changed. The
// context is that of the opening, and the store outlives it.
type Opener func(ctx context.Context, u *URL, o *Options) (Store, error)

// A Registry is the stores that a program knows, by their schemes in lower case. It is the
// program's own: one may be added and deleted.
type Registry map[string]Opener

// Stores returns a new registry of the stores of this module.
func Stores() Registry {
	return Registry{"log": Log, "mem": Mem, "nats": NATS, "postgres": Postgres, "postgresql": Postgres}
}

// Open opens the store at a URL, or in a directory, with [Stores].
func Open(ctx context.Context, url string, o *Options) (Store, error) {
	return Stores().Open(ctx, url, o)
}

// Parse takes the URL of a store apart, as [Parse] does, and refuses those of schemes that
// are not known. It opens nothing.
func (r Registry) Parse(url string) (*URL, error) {
	// Postgres:shop would be a directory of this name; nobody means that.
	if scheme, _, is := strings.Cut(url, ":"); is && !strings.Contains(url, "://") && r[strings.ToLower(scheme)] != nil {
		return nil, fmt.Errorf("the URL of a store goes on with // behind %s: ; the directory would be ./%s:…", scheme, scheme)
	}
	u, err := Parse(url)
	if err == nil && r[u.Scheme] == nil {
		err = fmt.Errorf("%s: there is no store for %s://; there are %s", u, u.Scheme, r.schemes())
	}
	return u, err
}

// Open opens the store at a URL. Text without :// is the path of a directory, and so of
// scheme log. An error says what is wrong with the URL, or is that of the package that keeps
// the store, which [errors.As] finds; the URL's secrets are not in its text.
func (r Registry) Open(ctx context.Context, url string, o *Options) (Store, error) {
	u, err := r.Parse(url)
	if err != nil {
		return nil, err
	}
	options := Options{}
	if o != nil {
		options = *o
	}
	if err := options.require(u); err != nil {
		return nil, err
	}
	options.Existing = options.Existing || options.ReadOnly
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	store, err := r[u.Scheme](ctx, u, &options)
	if err == nil {
		err = options.refuse(ctx, u, store)
	}
	if err != nil {
		return nil, u.redact(err)
	}
	return store, nil
}

// opened returns what a package's own Open returned, as an [Opener] does: no pointer to
// nothing beside an error.
func opened[S Store](store S, err error) (Store, error) {
	if err != nil {
		return nil, err
	}
	return store, nil
}

// schemes returns the schemes that are known, for people.
func (r Registry) schemes() string {
	var known []string
	for _, scheme := range slices.Sorted(maps.Keys(r)) {
		known = append(known, scheme+"://")
	}
	return strings.Join(known, ", ")
}

// require takes the parameter of this name.
func (o *Options) require(u *URL) error {
	given := u.Take("require")
	if given == "" {
		return nil
	}
	var d daybook.Durability
	if err := d.UnmarshalText([]byte(given)); err != nil {
		return fmt.Errorf("%s: the parameter require is one of memory, disk and quorum", u)
	}
	o.Require = max(o.Require, d)
	return nil
}

// refuse closes a store that promises less than was required.
func (o *Options) refuse(ctx context.Context, u *URL, store Store) error {
	if o.Require == 0 {
		return nil
	}
	info, err := store.Info(ctx)
	if err == nil && info.Durability < o.Require {
		err = fmt.Errorf("%s: what is recorded there survives as %q says, and %q was required", u, info.Durability, o.Require)
	}
	if err != nil {
		return errors.Join(err, store.Close())
	}
	return nil
}
