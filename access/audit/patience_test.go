package audit_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/access/audit"
	"github.com/daybook-es/daybook/store/memstore"
)

// A silent store takes no events and does not say so before its caller gives up.
type silent struct{ daybook.Store }

func (silent) Append(ctx context.Context, _ []daybook.Event, _ daybook.Condition) (daybook.Receipt, error) {
	<-ctx.Done()
	return daybook.Receipt{}, ctx.Err()
}

func TestNobodyWaitsLongerThanTheyWantForAStoreThatIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := open(t, silent{memstore.New()}, audit.Options{})
		began := time.Now()
		told := make(chan error)
		for n := range 20 {
			go func() { told <- l.Tell(t.Context(), denial("eve", string(rune('a'+n)))) }()
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Record(ctx, rebuild(1)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("behind twenty others it is %v", err)
		}
		if waited := time.Since(began); waited != time.Second {
			t.Errorf("whoever waits for a second waits for %v", waited)
		}
		for range 20 {
			if err := <-told; !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a denial is told as %v", err)
			}
		}
		if waited := time.Since(began); waited > 5*time.Second {
			t.Errorf("twenty denials wait for %v", waited)
		}
	})
}
