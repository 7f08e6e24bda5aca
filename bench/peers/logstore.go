package peers

import (
	"context"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore"
)

// Logstore is ours.
type Logstore struct{ store *logstore.Store }

// OpenLogstore opens the embedded store with its default options.
func OpenLogstore(dir string) (Peer, error) {
	store, err := logstore.Open(dir, nil)
	if err != nil {
		return nil, err
	}
	return &Logstore{store}, nil
}

// Name implements [Peer].
func (*Logstore) Name() string { return "logstore" }

// Synced implements [Peer].
func (*Logstore) Synced() string { return "fdatasync of the group's frames" }

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
	reading, err := p.store.Read(ctx, q, daybook.Span{})
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

// Close implements [Peer].
func (p *Logstore) Close() error { return p.store.Close() }
