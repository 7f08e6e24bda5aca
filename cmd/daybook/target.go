package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore"
)

// A Target is the log that a verb is about: its first argument.
type Target struct {
	Log string `arg:"" name:"LOG" help:"Directory in which the log is kept."`
}

// directory returns the directory of the target. A URL is refused: there is no store yet
// that has one.
func (t Target) directory() (string, error) {
	if scheme, _, is := strings.Cut(t.Log, "://"); is {
		return "", fmt.Errorf("%s: this program has no store for %s URLs yet, only for directories", t.Log, scheme)
	}
	return t.Log, nil
}

// existing returns the directory of the target if there is a log in it.
func (t Target) existing() (string, error) {
	dir, err := t.directory()
	if err != nil {
		return "", err
	}
	_, err = os.Stat(filepath.Join(dir, "MANIFEST"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("there is no log in %s", dir)
	}
	return dir, err
}

// A log is an open store.
type log interface {
	daybook.Store
	io.Closer
}

// look opens the target for reading, beside whoever has it open for recording.
func (t Target) look(c *console) (log, error) {
	dir, err := t.existing()
	if err != nil {
		return nil, err
	}
	return logstore.OpenReader(dir, c.options(""))
}

// own opens the target for recording. Without create there must be a log.
func (t Target) own(c *console, verb string, create bool) (*logstore.Store, error) {
	dir, err := t.existing()
	switch {
	case create:
		dir, err = t.directory()
	case err != nil && verb == "append":
		err = fmt.Errorf("%w; --create makes one", err)
	}
	if err != nil {
		return nil, err
	}
	return logstore.Open(dir, c.options(verb))
}

func (c *console) options(verb string) *logstore.Options {
	return &logstore.Options{
		Owner:  fmt.Sprintf("daybook %s, process %d", verb, os.Getpid()),
		Logger: slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
}

// closing closes a log at the end of a verb. It is for defer: it adds to err.
func closing(l io.Closer, err *error) { *err = errors.Join(*err, l.Close()) }
