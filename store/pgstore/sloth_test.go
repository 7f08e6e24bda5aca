package pgstore

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/pgtest"
)

// A sloth is a read model of which each change takes longer than it may.
type sloth struct{}

func (sloth) Name() string         { return "sloth" }
func (sloth) Version() int         { return 1 }
func (sloth) Query() daybook.Query { return daybook.Query{{Types: []string{"Slow"}}} }

func (sloth) Make(context.Context, *pgx.Conn) (daybook.Point, error) { return daybook.Point{}, nil }

func (sloth) Apply(ctx context.Context, conn *pgx.Conn, _ []daybook.Recorded) error {
	_, err := conn.Exec(ctx, "set local statement_timeout = '50ms'")
	if err == nil {
		_, err = conn.Exec(ctx, "select pg_sleep(60)")
	}
	return err
}

func (sloth) Move(context.Context, *pgx.Conn, daybook.Point, daybook.Point, []daybook.Recorded) error {
	return nil
}

func TestAReadModelThatTakesTooLongHoldsTheOthersUpOnce(t *testing.T) {
	s := open(t, pgtest.Database(t), Options{Synchronous: []Synchronous{sloth{}}, patience: time.Hour})
	away := (*daybook.UnavailableError)(nil)
	if _, err := s.Append(t.Context(), []daybook.Event{{Type: "Slow"}}, nil); !errors.As(err, &away) {
		t.Errorf("what takes too long: %v", err)
	}
	if receipt, err := s.Append(t.Context(), []daybook.Event{{Type: "Noted"}}, nil); err != nil || receipt.Position != 1 {
		t.Errorf("behind it: %+v (%v)", receipt, err)
	}
}
