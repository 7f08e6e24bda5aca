package orders

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/readmodel"
	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/sqlview"
)

// readModels are the editions of the overview: the one that answers, and one that is
// built beside it when somebody asks for that.
type readModels struct {
	place    readmodel.Place
	versions *projection.Versions[*sqlview.View]
	first    *sqlview.View // answers while none does yet
}

// openReadModels opens the editions that are in a directory, or the first.
func openReadModels(ctx context.Context, store daybook.Store, dir string, options projection.Options) (*readModels, error) {
	place := readmodel.Place{Dir: dir}
	views, err := place.OpenAll(ctx, Overview)
	if err != nil {
		return nil, fmt.Errorf("orders: open the views: %w", err)
	}
	// Somebody looks at what has changed before readers are switched.
	versions := projection.NewVersions(store, &projection.VersionsOptions{Runner: options, ByHand: true}, views...)
	if err := versions.Choose(ctx); err != nil {
		return nil, errors.Join(err, readmodel.CloseAll(views))
	}
	return &readModels{place: place, versions: versions, first: views[0]}, nil
}

// close closes all editions.
func (m *readModels) close() error {
	return readmodel.CloseAll(m.versions.Views())
}

// current returns the read model that answers.
func (m *readModels) current() *sqlview.View {
	if view, ok := m.versions.Answering(); ok {
		return view
	}
	return m.first
}

// A standing says how far the read model has come that is asked, and which it is.
type standing = readmodel.Standing

// read asks the read model that answers. All questions of look are about one moment.
func (s *Shop) read(ctx context.Context, look func(rows *sqlview.Reader, at standing) error) error {
	view := s.views.current()
	return view.Read(ctx, func(rows *sqlview.Reader, at projection.Checkpoint) error {
		return look(rows, standing{Checkpoint: at, Edition: view.Edition()})
	})
}

// A ReadModel says where an edition of the shop's read model stands.
type ReadModel = readmodel.Edition

// ReadModels returns where the editions stand, from the oldest to the newest.
func (s *Shop) ReadModels(ctx context.Context) ([]ReadModel, error) {
	return readmodel.EditionsOf(ctx, s.views.versions)
}

var (
	// ErrNoSuchEdition is returned where there is no such edition of the read model.
	ErrNoSuchEdition = errors.New("there is no such edition of the read model")
	// ErrBuilding is returned while another edition waits for somebody to switch to it, or
	// to remove it.
	ErrBuilding = errors.New("another edition of the read model is there already; switch to it, or remove it")
)

// Rebuild begins to build the read model once more beside the one that answers, and
// returns the new edition. It goes on by itself, and after a restart too; readers stay
// where they are until [Shop.SwitchTo]. While there are two, the error is [ErrBuilding].
func (s *Shop) Rebuild(ctx context.Context) (edition int, err error) {
	s.rebuilding.Lock()
	defer s.rebuilding.Unlock()
	all := s.views.versions.Views()
	if len(all) > 1 {
		return 0, ErrBuilding
	}
	edition = all[0].Edition() + 1
	view, err := s.views.place.Open(ctx, Overview.Edition(edition))
	if err != nil {
		return 0, err
	}
	return edition, s.views.versions.Add(view)
}

// edition returns an edition of the read model, or [ErrNoSuchEdition].
func (s *Shop) edition(edition int) (*sqlview.View, error) {
	for _, view := range s.views.versions.Views() {
		if view.Edition() == edition {
			return view, nil
		}
	}
	return nil, ErrNoSuchEdition
}

// SwitchTo has an edition answer, as soon as it shows what the one that answers does.
//
// While it waits for that, the edition can be removed; it is then [ErrNoSuchEdition].
func (s *Shop) SwitchTo(ctx context.Context, edition int) error {
	view, err := s.edition(edition)
	if err != nil {
		return err
	}
	return s.views.versions.Switch(ctx, view)
}

// RemoveEdition drops an edition that does not answer.
func (s *Shop) RemoveEdition(ctx context.Context, edition int) error {
	s.rebuilding.Lock()
	defer s.rebuilding.Unlock()
	view, err := s.edition(edition)
	if err != nil {
		return err
	}
	return s.views.versions.Remove(ctx, view)
}

// Compare returns how an edition differs from the one that answers, both at the same
// moment, and hands each difference to each, which may be nil.
func (s *Shop) Compare(ctx context.Context, edition int, each func(sqlview.Difference) error) (sqlview.Comparison, error) {
	view, err := s.edition(edition)
	if err != nil {
		return sqlview.Comparison{}, err
	}
	return sqlview.DiffStill(ctx, s.views.versions, s.views.current(), view, each)
}

// RetrySetAside has an edition try once more what it has set aside under a key, or all of
// it under none.
func (s *Shop) RetrySetAside(ctx context.Context, edition int, key string) error {
	view, err := s.edition(edition)
	if err != nil {
		return err
	}
	return s.views.versions.Runner(view).Retry(ctx, key)
}

// SkipSetAside has an edition do without an event that it has set aside, for a reason.
func (s *Shop) SkipSetAside(ctx context.Context, edition int, event uuid.UUID, reason string) error {
	view, err := s.edition(edition)
	if err != nil {
		return err
	}
	return s.views.versions.Runner(view).Skip(ctx, event, reason)
}
