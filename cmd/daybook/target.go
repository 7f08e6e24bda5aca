package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore"
	"github.com/daybook-es/daybook/store/natsstore/embedded"
	"github.com/daybook-es/daybook/store/storeurl"
)

// A Target is the log that a verb is about: its first argument.
type Target struct {
	Log string `arg:"" name:"LOG" help:"Directory in which the log is kept, or the URL of its store."`
}

// stores are those that the program knows: all, and a NATS server of its own.
func stores() storeurl.Registry {
	stores := storeurl.Stores()
	stores["nats"] = storeurl.NATSWith(embedded.Open)
	return stores
}

// String names the target for people, without a secret.
func (t Target) String() string {
	if u, elsewhere := t.elsewhere(); elsewhere {
		return u.String()
	}
	return t.Log
}

// elsewhere returns the URL of the target if its log is not kept in a directory.
func (t Target) elsewhere() (u *storeurl.URL, is bool) {
	u, err := storeurl.Parse(t.Log)
	return u, err == nil && u.Scheme != "log"
}

// directory returns the directory of the target. The URL of a log that is kept elsewhere
// is refused.
func (t Target) directory() (string, error) {
	if !strings.Contains(t.Log, "://") {
		return t.Log, nil
	}
	u, err := storeurl.Parse(t.Log)
	if err != nil {
		return "", err
	}
	if u.Scheme != "log" {
		return "", fmt.Errorf("%s: this is for logs that are kept in directories, to which daybook copy copies others", u)
	}
	return u.Directory()
}

// errNoLog is of a directory that has nothing of a log.
var errNoLog = errors.New("there is no log")

// errNoManifest is of a directory that has segments: a log that is damaged, and not none.
var errNoManifest = errors.New("has no MANIFEST: verify says what is damaged, and repair mends it")

// existing returns the directory of the target if there is a log in it, or what is left of
// one.
func (t Target) existing() (string, error) {
	dir, err := t.directory()
	if err != nil {
		return "", err
	}
	entries, err := os.ReadDir(dir)
	switch {
	case dir == "":
		return "", errors.New("the name of the log's directory is empty")
	case errors.Is(err, syscall.ENOTDIR):
		return "", fmt.Errorf("%s is a file, and a log is a directory", dir)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", err
	}
	left, backup := false, false
	for _, entry := range entries {
		switch name := entry.Name(); {
		case name == "MANIFEST":
			return dir, nil
		case name == "restoring.tmp":
			return "", fmt.Errorf("there is no log in %s yet: a restore was interrupted there, and goes on when it is run again", dir)
		case name == "BACKUP":
			backup = true
		case filepath.Ext(name) == ".seg":
			left = true
		}
	}
	if backup {
		return "", fmt.Errorf("there is no backup in %s yet: backing up was interrupted there, and goes on when it is run again", dir)
	}
	if left {
		return dir, fmt.Errorf("the log in %s %w", dir, errNoManifest)
	}
	for _, entry := range entries {
		inner := filepath.Join(dir, entry.Name())
		if _, err := os.Stat(filepath.Join(inner, "MANIFEST")); err == nil {
			return "", fmt.Errorf("there is no log in %s, but in %s", dir, inner)
		}
	}
	return "", fmt.Errorf("%w in %s", errNoLog, dir)
}

// look opens the target for reading, beside whoever has it open for recording.
func (t Target) look(ctx context.Context, c *console) (storeurl.Store, error) {
	if _, is := t.elsewhere(); !is {
		if _, err := t.existing(); err != nil {
			return nil, err
		}
	}
	o := c.options("")
	o.ReadOnly = true
	return stores().Open(ctx, t.Log, o)
}

// ownable returns the directory of the target if it can be opened for recording. Without
// create there must be a log.
func (t Target) ownable(verb string, create bool) (string, error) {
	if create {
		return t.directory()
	}
	dir, err := t.existing()
	if errors.Is(err, errNoLog) && verb == "append" {
		err = fmt.Errorf("%w; --create makes one", err)
	}
	return dir, err
}

// ready returns what is wrong with the target before it is opened for recording.
func (t Target) ready(verb string, create bool) error {
	if _, is := t.elsewhere(); is {
		_, err := stores().Parse(t.Log)
		return err
	}
	_, err := t.ownable(verb, create)
	return err
}

// own opens the target for recording. Without create there must be a log.
func (t Target) own(ctx context.Context, c *console, verb string, create bool) (storeurl.Store, error) {
	if err := t.ready(verb, create); err != nil {
		return nil, err
	}
	o := c.options(verb)
	o.Existing = !create
	return stores().Open(ctx, t.Log, o)
}

// ownDirectory opens the target for what only logs in directories have.
func (t Target) ownDirectory(c *console, verb string) (*logstore.Store, error) {
	dir, err := t.ownable(verb, false)
	if err != nil {
		return nil, err
	}
	o := c.options(verb)
	return logstore.Open(dir, &logstore.Options{Owner: o.Owner, Logger: o.Logger})
}

func (c *console) options(verb string) *storeurl.Options {
	return &storeurl.Options{
		Owner:  fmt.Sprintf("daybook %s, process %d", verb, os.Getpid()),
		Logger: slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
}

// restorer returns the store as one into which what another one recorded is copied.
func restorer(store storeurl.Store) (daybook.Restorer, error) {
	if r, is := store.(daybook.Restorer); is {
		return r, nil
	}
	return nil, errors.New("this store takes no events that another one recorded")
}

// closing closes a log at the end of a verb. It is for defer: it adds to err.
func closing(l io.Closer, err *error) { *err = errors.Join(*err, l.Close()) }
