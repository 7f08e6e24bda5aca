package readmodel

import (
	"context"
	"os"

	"github.com/daybook-es/daybook/projection/sqlview"
)

// A Place is where read models lie: in files of a directory, or, if it has an address, in
// a PostgreSQL database.
type Place struct{ Dir, URL string }

// open opens an edition of a read model.
func (p Place) open(ctx context.Context, d *sqlview.Definition) (*sqlview.View, error) {
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
