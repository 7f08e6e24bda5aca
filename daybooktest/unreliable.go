package daybooktest

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/daybook-es/daybook"
)

// A Fault is what goes wrong with one append.
type Fault uint8

const (
	// NoFault: nothing goes wrong.
	NoFault Fault = iota
	// Unavailable: the events do not reach the store. The answer is a
	// [*daybook.UnavailableError].
	Unavailable
	// RequestLost: the events do not reach the store. The answer is a
	// [*daybook.UnknownError].
	RequestLost
	// AnswerLost: the store does what it is asked. The answer is a
	// [*daybook.UnknownError].
	AnswerLost
)

// ErrFault is what errors.Is finds in the errors of an [Unreliable] store's faults.
var ErrFault = errors.New("daybooktest: a fault")

// An Unreliable store is a store whose appends go wrong as it is told. Every answer it
// gives is one that callers of a real store must be ready for. Its functions are set
// before it is used, and may be called by many goroutines.
type Unreliable struct {
	// Store is the store behind it.
	daybook.Store
	// Fault says what goes wrong with the n-th append, counted from one. Nil means that
	// nothing does.
	Fault func(n int) Fault
	// Before, if set, is called before the n-th append is handed over, for instance to
	// append something else first.
	Before func(n int)
	// After, if set, is called when the store has done the n-th append and before the
	// caller is answered, for instance to end a context.
	After func(n int)

	appends atomic.Int64
}

// Appends returns how many appends there were.
func (u *Unreliable) Appends() int { return int(u.appends.Load()) }

// Append implements [daybook.Store].
func (u *Unreliable) Append(ctx context.Context, events []daybook.Event, cond daybook.Condition) (daybook.Receipt, error) {
	n := int(u.appends.Add(1))
	fault := NoFault
	if u.Fault != nil {
		fault = u.Fault(n)
	}
	if u.Before != nil {
		u.Before(n)
	}
	switch fault {
	case Unavailable:
		return daybook.Receipt{}, &daybook.UnavailableError{Doing: "append", Err: ErrFault}
	case RequestLost:
		return daybook.Receipt{}, daybook.Unknown(events, ErrFault)
	}
	receipt, err := u.Store.Append(ctx, events, cond)
	if u.After != nil {
		u.After(n)
	}
	if fault == AnswerLost {
		return daybook.Receipt{}, daybook.Unknown(events, ErrFault)
	}
	if ended := ctx.Err(); ended != nil {
		return daybook.Receipt{}, daybook.Unknown(events, ended)
	}
	return receipt, err
}
