package simulated

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/daybook-es/daybook/apps/orders"
)

func charge(order string) orders.Charge {
	return orders.Charge{Order: order, Amount: 100, Method: "card"}
}

// Whatever becomes of the answers, what is asked under one key is done once, and answered
// the same.
func TestWhatIsAskedUnderOneKeyIsDoneOnce(t *testing.T) {
	p := NewPayments(1)
	p.Next(Silent, Unreachable, Twice, Declining, Slow)
	var answered []orders.Charged
	for range 6 {
		if a, err := p.Charge(t.Context(), "k", charge("1")); err == nil {
			answered = append(answered, a)
		} else if errors.Is(err, orders.ErrDeclined) {
			t.Errorf("what was done is declined: %v", err)
		}
	}
	if len(answered) != 4 {
		t.Errorf("it answered %d times, want 4", len(answered))
	}
	for _, a := range answered {
		if a != answered[0] || a.Amount != 100 || a.Charge == "" {
			t.Errorf("it answered %+v, then %+v", answered[0], a)
		}
	}
	if b := p.Balance("1"); p.Done("k") != 1 || b != (Balance{Charged: 100, Charges: 1}) {
		t.Errorf("it was done %d times, and came to %+v", p.Done("k"), b)
	}
	if got, want := p.Tally(), (Tally{Calls: 6, Done: 1, Repeated: 5, Lost: 2}); got != want {
		t.Errorf("the tally is %+v, want %+v", got, want)
	}
	for key, want := range map[string]orders.Cents{"2": 0, "1": 100} {
		for range 2 {
			if r, err := p.Refund(t.Context(), "r"+key, orders.RefundCharge{Order: key}); err != nil || r.Amount != want {
				t.Errorf("of order %s it refunded %+v, %v; want %d", key, r, err, want)
			}
		}
	}
	if r, err := p.Refund(t.Context(), "another", orders.RefundCharge{Order: "1"}); err != nil || r.Amount != 0 {
		t.Errorf("asked under another key it refunded %+v, %v", r, err)
	}
	if b := p.Balance("1"); b.Refunded != 100 || b.Refunds != 1 {
		t.Errorf("refunded it comes to %+v", b)
	}
}

func TestNoIsAnAnswerForGood(t *testing.T) {
	c := NewCarrier(1)
	c.Next(Declining)
	for range 3 {
		if _, err := c.Book(t.Context(), "k", orders.BookShipment{Order: "1"}); !errors.Is(err, orders.ErrDeclined) {
			t.Errorf("answered %v, want that it is declined", err)
		}
	}
	if c.Done("k") != 0 || c.Bookings("1") != (Bookings{}) {
		t.Errorf("what was declined was done: %+v", c.Bookings("1"))
	}
	booked, err := c.Book(t.Context(), "other", orders.BookShipment{Order: "1"})
	if err != nil || booked.Carrier != CarrierName {
		t.Errorf("under another key: %+v, %v", booked, err)
	}
	if _, err := c.Cancel(t.Context(), "c", orders.CancelShipment{Order: "1"}); err != nil || c.Bookings("1") != (Bookings{1, 1}) {
		t.Errorf("cancelled: %+v, %v", c.Bookings("1"), err)
	}
}

func TestASlowProviderTakesItsTimeAndNoMoreThanItIsGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPayments(1)
		if err := p.Behave(Behaviour{Slow: 1, DelayMillis: 3000}); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if _, err := p.Charge(t.Context(), "a", charge("1")); err != nil || time.Since(began) != 3*time.Second {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := p.Charge(ctx, "b", charge("1")); !errors.Is(err, context.DeadlineExceeded) || p.Done("b") != 0 {
			t.Errorf("given a second: %v", err)
		}
	})
}

// Which calls go wrong follows from the seed and the keys, not from who calls when; and so
// many of them do.
func TestRatesAreKeptAndRepeatable(t *testing.T) {
	const keys = 4000
	b := Behaviour{Decline: 0.1, Unreachable: 0.2, Silent: 0.05, Twice: 0.05}
	run := func(seed uint64, workers int) (Tally, [keys]bool) {
		p := NewPayments(seed)
		if err := p.Behave(b); err != nil {
			t.Fatal(err)
		}
		var failed [keys]bool
		var wg sync.WaitGroup
		for w := range workers {
			wg.Go(func() {
				for k := w; k < keys; k += workers {
					_, err := p.Charge(t.Context(), fmt.Sprint(k), charge("1"))
					failed[k] = err != nil
				}
			})
		}
		wg.Wait()
		return p.Tally(), failed
	}
	one, failed := run(7, 1)
	many, again := run(7, 8)
	if one != many || failed != again {
		t.Errorf("one caller meets %+v, eight meet %+v", one, many)
	}
	if _, other := run(8, 1); other == failed {
		t.Error("another seed makes the same calls fail")
	}
	for name, rate := range map[string][2]float64{
		"declined": {float64(one.Declined) / keys, 0.1}, "lost": {float64(one.Lost) / keys, 0.25}, "repeated": {float64(one.Repeated) / keys, 0.05},
	} {
		if math.Abs(rate[0]-rate[1]) > 0.02 {
			t.Errorf("%s are %.3f of the calls, want about %.2f", name, rate[0], rate[1])
		}
	}
}

func TestABehaviourThatCannotBeChangesNothing(t *testing.T) {
	p := NewPayments(1)
	for _, b := range []Behaviour{{Decline: -0.1}, {Silent: 1.1}, {Slow: 0.6, Twice: 0.6}, {DelayMillis: -1}, {DelayMillis: 3_600_000}} {
		if err := p.Behave(b); err == nil {
			t.Errorf("%+v is taken", b)
		}
	}
	p.Next(Slow, Twice)
	if b, next := p.Told(); b != (Behaviour{}) || len(next) != 2 {
		t.Errorf("it was told %+v, %v", b, next)
	}
}
