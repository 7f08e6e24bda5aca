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
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
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

// A Server is a NATS server in this process. Make it with [Start]. It is safe for use by
// many goroutines.
type Server struct {
	server *server.Server
	synced bool
	lock   io.Closer // of the directory
	close  func() error
}

// Most payload of a message: the most that NATS recommends.
const payload = 8 << 20

// patience is how long a server may take to start or to stop.
const patience = 30 * time.Second

// Start starts a server that keeps its streams in a directory, which is made if it is not
// there. One server at a time has it: while another one does, in this process or in another
// one, the error is a [*daybook.UnavailableError]. When it returns, the server is ready; one
// that is not within half a minute is an error, too.
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
	lock, err := takeLock(dir)
	if err != nil {
		return nil, err
	}
	s, err := server.NewServer(opts)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("embedded: make a server: %w", err), lock.Close())
	}
	go s.Start()
	started := &Server{server: s, synced: !o.Unsynced, lock: lock}
	started.close = sync.OnceValue(started.shutdown)
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

// Synced is for [natsstore.Options]: it returns nil if the log is kept by this server alone
// and the server syncs before it acknowledges, and otherwise says which of the two is not so.
func (s *Server) Synced(_ context.Context, servers []string) error {
	if !s.synced {
		return errors.New("the server in this process was told not to sync")
	}
	if !slices.Equal(servers, []string{s.server.Name()}) {
		return fmt.Errorf("the log is kept by the servers %q, and the one in this process is %s", servers, s.server.Name())
	}
	return nil
}

// Close ends the server, and returns when it has ended. What it acknowledged is kept. Closing
// again does nothing.
func (s *Server) Close() error { return s.close() }

// shutdown ends the server, and then lets go of its directory.
func (s *Server) shutdown() error {
	s.server.Shutdown()
	s.server.WaitForShutdown()
	return s.lock.Close()
}

// A Store is a node with a server of its own. Make it with [Open].
type Store struct {
	*natsstore.Store
	server *Server
}

// Open opens a log that a server in this process keeps: the server has the directory
// "server" in dir, and the node "node". The options' Dir, NATS and Synced are not used. What
// is acknowledged is synced, so receipts say disk. One process at a time has the directory.
// The errors are those of [natsstore.Open], or say why the server does not start.
func Open(ctx context.Context, dir string, o *natsstore.Options) (*Store, error) {
	if dir == "" {
		return nil, &daybook.InvalidError{What: "directory of a log", Reason: "has no name"}
	}
	var own natsstore.Options
	if o != nil {
		own = *o
	}
	if own.Existing {
		if _, err := os.Stat(filepath.Join(dir, "server")); errors.Is(err, fs.ErrNotExist) {
			return nil, &daybook.InvalidError{What: "directory of a log", Value: dir, Reason: "has no server, and so no log"}
		}
	}
	s, err := Start(filepath.Join(dir, "server"), nil)
	if err != nil {
		return nil, err
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
