package peers

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore"
)

// Logstore is ours.
type Logstore struct{ store *logstore.Store }

// OpenLogstore opens the embedded store with its default options.
func OpenLogstore(dir string) (Peer, error) {
	store, err := logstore.Open(dir, &logstore.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	return &Logstore{store}, nil
}

// Store returns the store, for what no rival has.
func (p *Logstore) Store() daybook.Store { return p.store }

// Append implements [Peer].
func (p *Logstore) Append(ctx context.Context, events []daybook.Event) error {
	_, err := p.store.Append(ctx, events, nil)
	return err
}

// Replay implements [Peer].
func (p *Logstore) Replay(ctx context.Context, visit func([]byte)) error {
	return p.read(ctx, daybook.All(), visit)
}

// Load implements [Peer].
func (p *Logstore) Load(ctx context.Context, stream string, visit func([]byte)) error {
	return p.read(ctx, daybook.Stream(stream), visit)
}

func (p *Logstore) read(ctx context.Context, q daybook.Query, visit func([]byte)) error {
	reading, err := p.store.Read(ctx, q, daybook.Span{Borrowed: true})
	if err != nil {
		return err
	}
	for e, err := range reading.Events() {
		if err != nil {
			return err
		}
		visit(e.Data)
	}
	return nil
}

// Head implements [Peer].
func (p *Logstore) Head(ctx context.Context, stream string) (uint64, error) {
	reading, err := p.store.Read(ctx, daybook.Stream(stream), daybook.Span{Backward: true, Limit: 1, Borrowed: true})
	if err != nil {
		return 0, err
	}
	for e, err := range reading.Events() {
		return uint64(e.Position), err
	}
	return 0, fmt.Errorf("stream %s has no events", stream)
}

// Close implements [Peer].
func (p *Logstore) Close() error { return p.store.Close() }
