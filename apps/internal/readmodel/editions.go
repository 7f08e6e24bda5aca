package readmodel

import (
	"context"
	"errors"
	"time"

	"github.com/daybook-es/daybook/projection"
	"github.com/daybook-es/daybook/projection/sqlview"
)

// An Edition says where an edition of the read model stands.
type Edition struct {
	projection.Status
	// Number tells it from others that were built from the same log by the same rules.
	Number int
	// Answers reports whether it is the one that is asked, and Unready why it could not be,
	// if it could not.
	Answers bool
	Unready string
	// SetAside are the events that it could not apply.
	SetAside []projection.Aside
}

// Editions returns where the editions stand, from the oldest to the newest. While nothing
// is open the error is an [*AwayError].
func (k *Keeper) Editions(ctx context.Context) ([]Edition, error) {
	for {
		open, away, _ := k.state()
		if open == nil {
			return nil, away
		}
		editions, err := EditionsOf(ctx, open)
		if err == nil || ctx.Err() != nil || k.has(open) {
			return editions, err
		}
	}
}

// EditionsOf returns where editions stand, from the oldest to the newest.
func EditionsOf(ctx context.Context, open *projection.Versions[*sqlview.View]) ([]Edition, error) {
	all, err := open.Status(ctx)
	if err != nil {
		return nil, err
	}
	editions := make([]Edition, 0, len(all))
	for _, v := range all {
		e := Edition{Status: v.Status, Number: v.View.Edition(), Answers: v.Answers, Unready: v.Unready}
		runner := open.Runner(v.View)
		if runner != nil && v.Aside > 0 {
			e.SetAside, err = runner.SetAside(ctx)
		}
		if open.Runner(v.View) == nil {
			continue // it was removed meanwhile
		}
		if err != nil {
			return nil, err
		}
		editions = append(editions, e)
	}
	return editions, nil
}

// ErrBuilding is returned while another edition is being built already.
var ErrBuilding = errors.New("another edition of the read model is being built already")

// Rebuild begins to build the read model once more beside the one that answers, and
// returns the new edition. It goes on by itself, and after a restart too; readers are
// switched to it when it shows what the other does, which is then removed. While there are
// two, the error is [ErrBuilding].
func (k *Keeper) Rebuild(ctx context.Context) (edition int, err error) {
	err = k.with(ctx, func(ctx context.Context, open *opened, _ func()) (bool, error) {
		all := open.Views()
		if len(all) > 1 {
			return false, ErrBuilding
		}
		edition = all[0].Edition() + 1
		view, err := k.place.Open(ctx, k.definition.Edition(edition))
		if err != nil {
			return false, asAway(err)
		}
		return false, open.Add(view)
	})
	return edition, err
}

// Drop drops all editions, and has the read model built again from the first event.
// Nothing can be asked until it is.
func (k *Keeper) Drop(ctx context.Context) error {
	return k.with(ctx, func(ctx context.Context, open *opened, end func()) (bool, error) {
		k.set(nil, &AwayError{Building: true})
		end()
		var errs []error
		for _, view := range open.Views() {
			errs = append(errs, view.Remove(ctx))
		}
		return true, asAway(errors.Join(errs...))
	})
}

// asAway says of an error that it is the database's. Nil stays nil.
func asAway(err error) error {
	if err == nil {
		return nil
	}
	return &AwayError{Since: time.Now(), Err: err}
}
