package readmodel

import (
	"context"
	"errors"
	"os"

	"github.com/daybook-es/daybook/projection/sqlview"
)

// A Place is where read models lie: in files of a directory, or, if it has an address, in
// a PostgreSQL database.
type Place struct{ Dir, URL string }

// OpenAll opens the editions of a read model that are there, the first if there is none. It
// makes the directory.
func (p Place) OpenAll(ctx context.Context, d *sqlview.Definition) ([]*sqlview.View, error) {
	editions, err := p.editions(ctx, d)
	if err != nil {
		return nil, err
	}
	var views []*sqlview.View
	for _, edition := range editions {
		view, err := p.Open(ctx, d.Edition(edition))
		if err != nil {
			return nil, errors.Join(err, CloseAll(views))
		}
		views = append(views, view)
	}
	return views, nil
}

// CloseAll closes editions of a read model.
func CloseAll(views []*sqlview.View) error {
	var errs []error
	for _, view := range views {
		errs = append(errs, view.Close())
	}
	return errors.Join(errs...)
}

// Open opens an edition of a read model.
func (p Place) Open(ctx context.Context, d *sqlview.Definition) (*sqlview.View, error) {
	if p.URL != "" {
		return d.OpenIn(ctx, p.URL)
	}
	return d.Open(ctx, p.Dir)
}

// editions returns the editions that are there, the first if there is none. It makes the
// directory.
func (p Place) editions(ctx context.Context, d *sqlview.Definition) (editions []int, err error) {
	if p.URL != "" {
		editions, err = d.EditionsIn(ctx, p.URL)
	} else if err = os.MkdirAll(p.Dir, 0o750); err == nil {
		editions, err = d.Editions(p.Dir)
	}
	if len(editions) == 0 {
		editions = []int{1}
	}
	return editions, err
}
