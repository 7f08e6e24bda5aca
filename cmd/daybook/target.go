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
	"syscall"

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

// own opens the target for recording. Without create there must be a log.
func (t Target) own(c *console, verb string, create bool) (*logstore.Store, error) {
	dir, err := t.ownable(verb, create)
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
