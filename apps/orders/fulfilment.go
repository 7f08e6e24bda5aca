package orders

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/check"
	"github.com/daybook-es/daybook/process"
)

// A Fulfilment is what the shop remembers of an order that it sees to by itself:
//
//	FulfilmentRequested ──> reserve the goods ──> have it paid ──> book the carrier ──> ship ──> pick
//
// What is done next follows from what happened to the order, whoever did it: the
// customer may pay, and anybody may cancel or ship the order by hand. When a step fails,
// or the order is not paid in time, the fulfilment cancels the order; and whoever
// cancelled it, that it is cancelled has everything undone: the booking is taken back,
// the money refunded, the goods released. The order alone decides whether it is shipped
// or cancelled, so it is never both.
type Fulfilment struct {
	Total  Cents  `json:"total"`
	Method string `json:"method,omitempty"`

	Reserved  bool   `json:"reserved,omitempty"` // the goods are kept, as far as they are kept in stock
	Paid      bool   `json:"paid,omitempty"`     // somebody paid, or the card was charged
	Booked    bool   `json:"booked,omitempty"`   // the carrier was asked
	Tracking  string `json:"tracking,omitempty"`
	Stopped   bool   `json:"stopped,omitempty"` // the order is to be cancelled
	Cancelled bool   `json:"cancelled,omitempty"`
	Shipped   bool   `json:"shipped,omitempty"`

	// Charged reports whether the card was charged for the order, and Recorded whether
	// that is the payment that the order received.
	Charged  bool `json:"charged,omitempty"`
	Recorded bool `json:"recorded,omitempty"`
	// Received and Refunded are what the order was paid and what went back.
	Received Cents `json:"received,omitempty"`
	Refunded Cents `json:"refunded,omitempty"`
	// Open counts the steps without an outcome, and Undos what is to be undone if the
	// order is cancelled.
	Open  int `json:"open"`
	Undos int `json:"undos,omitempty"`
	// RefundAgain and UnbookAgain report that a provider is to be asked again, which is
	// one step that is open, however many failed.
	RefundAgain bool `json:"refundAgain,omitempty"`
	UnbookAgain bool `json:"unbookAgain,omitempty"`
}

// FulfilmentOptions adjust the fulfilment. The zero value is right for most shops.
type FulfilmentOptions struct {
	// AskAgain is how long the fulfilment waits until it asks a provider again that could
	// not give money back, or take a booking back. It asks until it can. Zero means a
	// minute.
	AskAgain time.Duration
}

// The names of the process and of its deadlines. They are recorded.
const (
	FulfilmentName = "fulfilment"

	fulfilmentCategory = "process." + FulfilmentName // of the instances' streams

	unpaid      = "unpaid"
	refundAgain = "refund again"
	unbookAgain = "unbook again"
)

// Fulfil returns the process that fulfils orders: one instance for each, under the
// order's id. It begins with [FulfilmentRequested], and with nothing else.
func Fulfil(payments Payments, carrier Carrier, options *FulfilmentOptions) *process.Process[Fulfilment] {
	var o FulfilmentOptions
	if options != nil {
		o = *options
	}
	if o.AskAgain <= 0 {
		o.AskAgain = time.Minute
	}
	return process.For(FulfilmentName, 1, Orders.Codec(),
		process.Starts(ofOrder[FulfilmentRequested], func(f *Fulfilment, e FulfilmentRequested, do *process.Steps) {
			f.Total, f.Method = e.Total, e.Method
			order := do.Instance()
			f.send(do, ReserveStock{Order: order, Wanted: e.Wanted}, process.Undo(ReleaseStock{Order: order, Reason: "the order is cancelled"}))
			if !e.PayBy.IsZero() {
				do.At(unpaid, e.PayBy)
			}
		}),

		// What happens to the order, whoever did it.
		process.On(ofOrder[PaymentReceived], func(f *Fulfilment, e PaymentReceived, do *process.Steps) {
			f.Received += e.Amount
			if f.Recorded = f.Charged && e.Method == CardOnFile; f.Recorded {
				return // it is given back where it came from, and then that is recorded
			}
			f.Undos++
			do.Undo(RefundOrder{Order: do.Instance(), Reason: "the order is cancelled"})
		}),
		process.On(ofOrder[PaymentApproved], func(f *Fulfilment, _ PaymentApproved, do *process.Steps) {
			f.Paid = true
			do.Cancel(unpaid)
			f.book(do)
		}),
		process.On(ofOrder[OrderShipped], func(f *Fulfilment, e OrderShipped, do *process.Steps) {
			f.Shipped = true
			do.Cancel(unpaid)
			if f.Tracking != "" && f.Tracking != e.Tracking {
				f.ask(do, CancelShipment{Order: do.Instance(), Reason: "the order was shipped otherwise"})
			}
			f.send(do, PickStock{Order: do.Instance()})
		}),
		process.On(ofOrder[OrderCancelled], func(f *Fulfilment, _ OrderCancelled, do *process.Steps) {
			f.undo(do)
		}),
		process.On(ofOrder[PaymentRefunded], func(f *Fulfilment, e PaymentRefunded, do *process.Steps) {
			// An order that somebody refunded in full has ended, as if it were cancelled.
			if f.Refunded += e.Amount; f.Refunded >= f.Received {
				f.undo(do)
			}
		}),
		process.Deadline(unpaid, func(f *Fulfilment, do *process.Steps) { f.stop(do, "it was not paid in time") }),

		// The commands.
		process.Sends("ReserveStock", func(f *Fulfilment, _ ReserveStock, a process.Answer, do *process.Steps) {
			if a.Refused() {
				f.stop(do, a.Reason)
			} else {
				f.Reserved = true
				f.undoable()
				f.charge(do)
				f.book(do)
			}
			f.answered(do)
		}),
		process.Sends("PayOrder", func(f *Fulfilment, _ PayOrder, a process.Answer, do *process.Steps) {
			switch {
			case !a.Refused():
			case a.Rule == ErrPaidAlready.Name(): // the customer was first, in another way
				f.ask(do, RefundCharge{Order: do.Instance(), Reason: "the order was paid otherwise"})
			default:
				f.stop(do, a.Reason)
			}
			f.answered(do)
		}),
		// That the order is shipped, or that somebody else was first, is told by its facts.
		process.Sends("ShipOrder", func(f *Fulfilment, _ ShipOrder, _ process.Answer, do *process.Steps) { f.answered(do) }),
		process.Sends("CancelOrder", func(f *Fulfilment, _ CancelOrder, _ process.Answer, do *process.Steps) { f.answered(do) }),
		process.Sends("PickStock", func(f *Fulfilment, _ PickStock, _ process.Answer, do *process.Steps) { f.answered(do) }),
		process.Sends("ReleaseStock", func(f *Fulfilment, _ ReleaseStock, _ process.Answer, do *process.Steps) { f.answered(do) }),
		process.Sends("RefundOrder", func(f *Fulfilment, _ RefundOrder, _ process.Answer, do *process.Steps) { f.answered(do) }),

		// The providers.
		process.Calls("charge", final(payments.Charge), func(f *Fulfilment, c Charge, r process.Result[Charged], do *process.Steps) {
			order := do.Instance()
			switch {
			case r.Failed():
				if !declined(r.Failure) { // it may have come through all the same
					f.ask(do, RefundCharge{Order: order, Reason: "nobody knows whether it came through"})
				}
				if !f.Paid {
					f.stop(do, "the card could not be charged: "+r.Failure)
				}
			case f.Cancelled:
				f.undoable()
			case f.Paid:
				f.undoable()
				f.ask(do, RefundCharge{Order: order, Reason: "the order was paid otherwise"})
			default:
				f.Charged = true
				f.undoable()
				f.send(do, PayOrder{Order: order, Amount: c.Amount, Method: c.Method})
			}
			f.answered(do)
		}),
		process.Calls("refund", final(payments.Refund), func(f *Fulfilment, c RefundCharge, r process.Result[ChargeRefunded], do *process.Steps) {
			switch {
			case r.Failed():
				f.later(&f.RefundAgain)
				do.After(refundAgain, o.AskAgain)
			case f.Recorded && f.Cancelled:
				f.send(do, RefundOrder{Order: do.Instance(), Reason: c.Reason})
			}
			f.answered(do)
		}),
		process.Deadline(refundAgain, func(f *Fulfilment, do *process.Steps) {
			f.RefundAgain = false
			f.ask(do, RefundCharge{Order: do.Instance(), Reason: "the order is cancelled"})
			f.answered(do)
		}),
		process.Calls("book", final(carrier.Book), func(f *Fulfilment, _ BookShipment, r process.Result[ShipmentBooked], do *process.Steps) {
			order := do.Instance()
			switch {
			case r.Failed():
				if !declined(r.Failure) {
					f.ask(do, CancelShipment{Order: order, Reason: "nobody knows whether it is booked"})
				}
				f.stop(do, "nobody fetches it: "+r.Failure)
			case f.Cancelled:
				f.undoable()
			case f.Shipped:
				f.ask(do, CancelShipment{Order: order, Reason: "the order was shipped otherwise"})
			default:
				f.Tracking = r.Value.Tracking
				f.undoable()
				f.send(do, ShipOrder{Order: order, Carrier: r.Value.Carrier, Tracking: r.Value.Tracking})
			}
			f.answered(do)
		}),
		process.Calls("unbook", final(carrier.Cancel), func(f *Fulfilment, _ CancelShipment, r process.Result[ShipmentCancelled], do *process.Steps) {
			if r.Failed() {
				f.later(&f.UnbookAgain)
				do.After(unbookAgain, o.AskAgain)
			}
			f.answered(do)
		}),
		process.Deadline(unbookAgain, func(f *Fulfilment, do *process.Steps) {
			f.UnbookAgain = false
			f.ask(do, CancelShipment{Order: do.Instance(), Reason: "the order is cancelled"})
			f.answered(do)
		}),
	)
}

// ofOrder correlates a fact about an order with the fulfilment of that order.
func ofOrder[E any](_ E, at daybook.Recorded) string { return OrderID(at.Stream) }

// send and ask have a step carried out, whose outcome is awaited.
func (f *Fulfilment) send(do *process.Steps, c any, options ...process.StepOption) {
	f.Open++
	do.Send(c, options...)
}

func (f *Fulfilment) ask(do *process.Steps, effect any, options ...process.StepOption) {
	f.Open++
	do.Ask(effect, options...)
}

// undoable counts what has just succeeded and is undone if the order is cancelled: then,
// or at once if it is already.
func (f *Fulfilment) undoable() {
	if f.Cancelled {
		f.Open++
	} else {
		f.Undos++
	}
}

// later counts what is asked for again at a deadline: once, though several wait for it.
func (f *Fulfilment) later(again *bool) {
	if !*again {
		f.Open++
	}
	*again = true
}

// answered notes that a step has its outcome, after what that led to.
func (f *Fulfilment) answered(do *process.Steps) {
	f.Open--
	f.end(do)
}

// end ends the fulfilment, if the order has come to where it stays and nothing is on its
// way.
func (f *Fulfilment) end(do *process.Steps) {
	if f.Open == 0 && (f.Shipped || f.Cancelled) {
		do.Done()
	}
}

// undo has everything undone that was done, once.
func (f *Fulfilment) undo(do *process.Steps) {
	if f.Cancelled || f.Shipped {
		return
	}
	f.Cancelled = true
	do.Cancel(unpaid)
	f.Open += f.Undos
	f.Undos = 0
	do.Compensate()
	f.end(do)
}

// stop has the order cancelled, unless somebody has seen to it otherwise.
func (f *Fulfilment) stop(do *process.Steps, reason string) {
	if f.Stopped || f.Cancelled || f.Shipped {
		return
	}
	f.Stopped = true
	do.Cancel(unpaid)
	f.send(do, CancelOrder{Order: do.Instance(), Reason: brief(reason)})
}

// charge asks for the money, if the shop is to do that.
func (f *Fulfilment) charge(do *process.Steps) {
	if f.Method != CardOnFile || f.Paid || f.Stopped || f.Cancelled || f.Shipped {
		return
	}
	order := do.Instance()
	f.ask(do, Charge{Order: order, Amount: f.Total, Method: f.Method}, process.Undo(RefundCharge{Order: order, Reason: "the order is cancelled"}))
}

// book asks for somebody who fetches the goods, once there are some and they are paid.
func (f *Fulfilment) book(do *process.Steps) {
	if !f.Reserved || !f.Paid || f.Booked || f.Stopped || f.Cancelled || f.Shipped {
		return
	}
	f.Booked = true
	order := do.Instance()
	f.ask(do, BookShipment{Order: order}, process.Undo(CancelShipment{Order: order, Reason: "the order is cancelled"}))
}

// final makes what a provider declines the result of a call: it says so every time.
func final[E, R any](call func(context.Context, string, E) (R, error)) func(context.Context, string, E) (R, error) {
	return func(ctx context.Context, key string, e E) (R, error) {
		r, err := call(ctx, key, e)
		if errors.Is(err, ErrDeclined) {
			err = process.Permanent(fmt.Errorf("%w (%s)", ErrDeclined, err.Error()))
		}
		return r, err
	}
}

// declined reports whether a call failed because the provider said no, and so did nothing.
func declined(failure string) bool { return strings.HasPrefix(failure, ErrDeclined.Error()) }

// brief returns words as a command takes them for a reason.
func brief(words string) string {
	words = strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, words), "?")
	for len(words) > check.MaxText {
		_, last := utf8.DecodeLastRuneInString(words)
		words = words[:len(words)-last]
	}
	return words
}
