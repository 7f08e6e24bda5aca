package natsstore

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/natstest"
	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/store/memstore"
	"github.com/daybook-es/daybook/store/storetest"
)

// conformance hands logs on some nodes to the suite.
func conformance(servers *natstest.Cluster, nodes int, opts Options) storetest.Subject {
	return storetest.Subject{
		Open: func(t testing.TB) daybook.Store { return newSubject(t, servers, nodes, opts) },
		Reopen: func(t testing.TB, s daybook.Store) daybook.Store {
			old := s.(*subject)
			if err := old.Close(); err != nil {
				t.Error(err)
			}
			old.open(t)
			return old
		},
		OpenAt: func(t testing.TB, now func() time.Time) daybook.Store {
			var worlds []vfs.World
			for range nodes {
				world := vfs.OS()
				world.Clock = clockAt(now)
				worlds = append(worlds, world)
			}
			return newSubject(t, servers, nodes, opts, worlds...)
		},
		OpenFaulty: func(t testing.TB) (daybook.Store, func(bool)) {
			impatient := opts
			impatient.Patience = 60 * time.Millisecond
			s := newSubject(t, servers, nodes, impatient)
			return s, func(on bool) {
				if on {
					if err := s.settled(t.Context()); err != nil {
						t.Error(err)
					}
				}
				for _, g := range s.gates {
					g.Cut(on)
				}
			}
		},
		Scavenge: func(t testing.TB, s daybook.Store) {
			if err := s.(*subject).scavenge(t.Context()); err != nil {
				t.Error(err)
			}
		},
		// Everything is restored into another log.
		NewIncarnation: func(t testing.TB, s daybook.Store) daybook.Store {
			reading, err := s.Read(t.Context(), daybook.All(), daybook.Span{Forgotten: true})
			if err != nil {
				t.Fatal(err)
			}
			events, err := reading.Collect()
			if err != nil {
				t.Fatal(err)
			}
			same := opts
			same.ID = reading.Snapshot().Log
			again := newSubject(t, servers, nodes, same)
			if err := again.Restore(t.Context(), events); err != nil {
				t.Fatal(err)
			}
			return again
		},
		// The context ends while the answer is on its way.
		LoseAnswer: func(t testing.TB, s daybook.Store, events []daybook.Event, cond daybook.Condition) error {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			for _, g := range s.(*subject).gates {
				g.Hold(true)
				defer g.Hold(false)
			}
			_, err := s.Append(ctx, events, cond)
			return err
		},
	}
}

func TestOneNodeIsAStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, conformance(natstest.StartWith(t, 1, unsynced), 1, Options{}))
}

func TestTwoNodesAreAStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, conformance(natstest.StartWith(t, 1, unsynced), 2, Options{}))
}

func TestTwoNodesGiveTheAnswersOfTheModel(t *testing.T) {
	t.Parallel()
	storetest.Compare(t, memstore.New(), conformance(natstest.StartWith(t, 1, unsynced), 2, Options{SegmentBytes: 20000, Stride: 1000}), 2, 1000)
}

func TestThreeServersAreAStore(t *testing.T) {
	if os.Getenv("DAYBOOK_KILLS") == "" {
		t.Skip("three servers that sync on one disk take minutes; DAYBOOK_KILLS has them run")
	}
	t.Parallel()
	storetest.Run(t, conformance(natstest.Start(t, 3), 2, Options{}))
}

// unsynced has servers acknowledge before they sync: the suite cuts no power, and is three times as fast.
func unsynced(o *server.Options) { o.SyncAlways = false }
