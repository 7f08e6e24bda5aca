package natsstore

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/daybook-es/daybook"
)

// Options adjust a store. Only Dir is required; otherwise the zero value is right for
// most programs.
type Options struct {
	// Dir is the directory of this node's own copy of the log. No other process uses it.
	Dir string

	// Log is the name of the log: letters, digits, hyphens and underscores. The stream and
	// its subjects are called after it. Empty means "main".
	Log string

	// ID is the id of the log where this node makes it: that of the log whose events are
	// going to be restored into it, which is then another incarnation of the same log. Zero
	// means a new id. A log that exists has the one that it has.
	ID uuid.UUID

	// Replicas is how many servers keep the log, 1 or 3 or 5, where this node makes it. Zero
	// means 3 in a cluster of servers, and otherwise 1. A log that exists has as many as it
	// has.
	Replicas int

	// Existing has Open refuse servers that have no log of this name, and make none. It is
	// for programs that only look.
	Existing bool

	// Require is what a receipt must survive at least. If the servers cannot be shown to
	// keep that, Open refuses. Zero takes what there is, which every receipt states.
	Require daybook.Durability

	// Synced finds out whether servers have synced a message when they acknowledge it:
	// [Monitors], [SystemAccount], or what an embedded server offers. Nil finds out nothing;
	// the durability is then memory, whatever the servers do.
	Synced func(ctx context.Context, servers []string) error

	// Node is this node's name, for people. Empty means the machine's name and Dir, as in
	// "host:data/log".
	Node string

	// Patience is how long an append goes on trying while there is no quorum, or while the
	// node that holds the epoch does not answer, unless its context ends before. Zero means
	// 20 seconds: servers elect a leader in four to nine.
	Patience time.Duration

	// Stride, SegmentBytes, OpenFiles, and Compress are about the node's own copy, as in
	// package logstore.
	Stride       uint64
	SegmentBytes int64
	OpenFiles    int
	Compress     bool

	// NATS are options of the connection, such as credentials, keys and TLS.
	NATS []nats.Option

	// Logger is told what goes wrong in the background. Nil means [slog.Default].
	Logger *slog.Logger
}

const (
	defaultLog      = "main"
	defaultPatience = 20 * time.Second
)

// CheckURL returns what is wrong with a URL that [Open] is to be given, without connecting to
// anybody. Files that it names are read.
func CheckURL(url string) error {
	_, _, err := address(url, nil)
	return err
}

// address is a URL taken apart: the servers for NATS, and the options that it names.
func address(address string, given *Options) (servers string, o Options, err error) {
	if given != nil {
		o = *given
	}
	servers, query, _ := strings.Cut(address, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", o, &daybook.InvalidError{What: "URL of a log", Value: address, Reason: fmt.Sprintf("has parameters that cannot be read: %v", err)}
	}
	for name, all := range values {
		if len(all) != 1 {
			return "", o, &daybook.InvalidError{What: "URL of a log: parameter", Value: name, Reason: "is there twice"}
		}
		if err := o.set(name, all[0]); err != nil {
			return "", o, err
		}
	}
	if o.Log == "" {
		o.Log = defaultLog
	}
	if o.Patience == 0 {
		o.Patience = defaultPatience
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return servers, o, o.check()
}

// set sets what a parameter of a URL names. A file's name is that of a file on this
// machine.
func (o *Options) set(name, value string) error {
	invalid := func(reason string) error {
		return &daybook.InvalidError{What: "URL of a log: " + name, Value: value, Reason: reason}
	}
	switch name {
	case "dir":
		o.Dir = value
	case "log":
		o.Log = value
	case "node":
		o.Node = value
	case "replicas":
		n, err := strconv.Atoi(value)
		if err != nil {
			return invalid("is no number")
		}
		o.Replicas = n
	case "require":
		if err := o.Require.UnmarshalText([]byte(value)); err != nil {
			return invalid("is none of memory, disk, quorum")
		}
	case "monitor":
		o.Synced = Monitors(strings.Split(value, ",")...)
	case "creds":
		o.NATS = append(o.NATS[:len(o.NATS):len(o.NATS)], nats.UserCredentials(value))
	case "nkey":
		key, err := nats.NkeyOptionFromSeed(value)
		if err != nil {
			return invalid(fmt.Sprintf("has no key: %v", err))
		}
		o.NATS = append(o.NATS[:len(o.NATS):len(o.NATS)], key)
	case "ca":
		o.NATS = append(o.NATS[:len(o.NATS):len(o.NATS)], nats.RootCAs(value))
	case "cert":
		cert, key, both := strings.Cut(value, ",")
		if !both {
			return invalid("should be the file of a certificate and that of its key, with a comma between")
		}
		o.NATS = append(o.NATS[:len(o.NATS):len(o.NATS)], nats.ClientCert(cert, key))
	default:
		return &daybook.InvalidError{What: "URL of a log: parameter", Value: name, Reason: "is none of dir, log, node, replicas, require, monitor, creds, nkey, ca, cert"}
	}
	return nil
}

func (o *Options) check() error {
	if o.Dir == "" {
		return &daybook.InvalidError{What: "options: Dir", Reason: "is missing: a node keeps a copy of the log, in a directory of its own"}
	}
	for _, r := range o.Log {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_') {
			return &daybook.InvalidError{What: "name of a log", Value: o.Log, Reason: "has other signs than letters, digits, hyphens and underscores"}
		}
	}
	if len(o.Log) > 64 {
		return &daybook.InvalidError{What: "name of a log", Value: o.Log, Reason: "has more than 64 letters"}
	}
	if o.Replicas < 0 || o.Replicas > 5 || o.Replicas > 0 && o.Replicas%2 == 0 {
		return &daybook.InvalidError{What: "replicas", Value: strconv.Itoa(o.Replicas), Reason: "are none of 1, 3, 5"}
	}
	return nil
}
