package library

import (
	"time"

	"github.com/daybook-es/daybook"
)

// A Day is a day of the calendar, in UTC, such as "2026-12-20". Days are compared as text.
type Day string

// DayOf returns the day that a time is in.
func DayOf(t time.Time) Day { return Day(t.UTC().Format(time.DateOnly)) }

// Plus returns the day so many days later.
func (d Day) Plus(days int) Day { return DayOf(d.Time().AddDate(0, 0, days)) }

// Time returns the first moment of the day; the zero time if it is none.
func (d Day) Time() time.Time {
	t, err := time.Parse(time.DateOnly, string(d))
	if err != nil {
		return time.Time{}
	}
	return t
}

// Validate returns what is wrong with a day that somebody wrote; nil if nothing is.
func (d Day) Validate() error {
	if d.Time().IsZero() {
		return &daybook.InvalidError{What: "due", Value: string(d), Reason: "is no day such as 2026-12-20"}
	}
	return nil
}
