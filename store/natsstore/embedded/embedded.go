// Package embedded runs a NATS server with JetStream in this process, for programs that
// keep a log in a stream and need no cluster yet, and for tests.
//
//	store, err := embedded.Open(ctx, "data", nil)
//
// is a server and a node of a log, in one directory. Later the same program opens the log
// of a cluster with package natsstore; [daybook.Restorer] carries the log over.
//
// It is a package of its own so that a program that only connects links no server.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/natsstore"
)

// Options adjust a server. The zero value, and nil, are right for most programs.
type Options struct {
	// Name is the server's name. Empty means "embedded".
	Name string

	// Unsynced has the server acknowledge before it syncs, as servers do by default: a loss
	// of power then loses what was acknowledged in the last two minutes.
	Unsynced bool

	// Listen is an address for clients of other processes, such as 127.0.0.1:4222. Anybody
	// who reaches it may do anything. Empty means that there is none.
	Listen string
}

// A Server is a NATS server in this process. Make it with [Start].
type Server struct {
	server *server.Server
	synced bool
}

// Most payload of a message: the most that NATS recommends.
const payload = 8 << 20

// patience is how long a server may take to start or to stop.
const patience = 30 * time.Second

// Start starts a server that keeps its streams in a directory, which is made if it is not
// there. Only one server at a time may have it. When it returns, the server is ready.
func Start(dir string, o *Options) (*Server, error) {
	if dir == "" {
		return nil, &daybook.InvalidError{What: "directory of a server", Reason: "has no name"}
	}
	if o == nil {
		o = new(Options)
	}
	opts := &server.Options{
		ServerName: o.Name, StoreDir: dir, JetStream: true, SyncAlways: !o.Unsynced,
		DontListen: o.Listen == "", NoSigs: true, NoLog: true, MaxPayload: payload,
	}
	if opts.ServerName == "" {
		opts.ServerName = "embedded"
	}
	if o.Listen != "" {
		if err := listen(opts, o.Listen); err != nil {
			return nil, err
		}
	}
	s, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("embedded: make a server: %w", err)
	}
	go s.Start()
	started := &Server{server: s, synced: !o.Unsynced}
	if !s.ReadyForConnections(patience) || !s.JetStreamEnabled() {
		return nil, errors.Join(fmt.Errorf("embedded: the server in %s does not start", dir), started.Close())
	}
	return started, nil
}

// URL returns the address of the server: that at which it listens, or one that only
// [Server.InProcess] makes useful.
func (s *Server) URL() string { return s.server.ClientURL() }

// InProcess returns the option that connects to the server within this process.
func (s *Server) InProcess() nats.Option { return nats.InProcessServer(s.server) }

// Synced is what [natsstore.Options] ask whether the server syncs.
func (s *Server) Synced(_ context.Context, servers []string) error {
	if !s.synced {
		return errors.New("the server in this process was told not to sync")
	}
	if !slices.Equal(servers, []string{s.server.Name()}) {
		return fmt.Errorf("the log is kept by the servers %q, and the one in this process is %s", servers, s.server.Name())
	}
	return nil
}

// Close ends the server. What it acknowledged is kept.
func (s *Server) Close() error {
	s.server.Shutdown()
	s.server.WaitForShutdown()
	return nil
}

// A Store is a node with a server of its own. Make it with [Open].
type Store struct {
	*natsstore.Store
	server *Server
}

// Open opens a log that a server in this process keeps: the server has the directory
// "server" in dir, and the node "node". The options' Dir and NATS are not used. What is
// acknowledged is synced.
func Open(ctx context.Context, dir string, o *natsstore.Options) (*Store, error) {
	if dir == "" {
		return nil, &daybook.InvalidError{What: "directory of a log", Reason: "has no name"}
	}
	s, err := Start(filepath.Join(dir, "server"), nil)
	if err != nil {
		return nil, err
	}
	var own natsstore.Options
	if o != nil {
		own = *o
	}
	own.Dir, own.Synced, own.NATS = filepath.Join(dir, "node"), s.Synced, []nats.Option{s.InProcess()}
	store, err := natsstore.Open(ctx, s.URL(), &own)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &Store{store, s}, nil
}

// Close closes the node, and then the server.
func (s *Store) Close() error { return errors.Join(s.Store.Close(), s.server.Close()) }
