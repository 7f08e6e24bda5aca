package httpapi

import (
	"net/url"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/apps/internal/past"
)

// MomentIn reads the moment of the past that a query names by version, as_of and known_at, or
// by those of them that it may have.
func MomentIn(asked url.Values) (m past.Moment, err error) {
	version, err := Number(asked, "version", 1, 1<<62, 0)
	if err != nil {
		return m, err
	}
	m.Version = daybook.Version(version)
	if m.AsOf, err = Time(asked, "as_of"); err != nil {
		return m, err
	}
	m.KnownAt, err = Time(asked, "known_at")
	return m, err
}

// A Past says, with the template "past", that a page shows the past of something, and leads
// back to Now.
type Past struct {
	What   string
	Moment past.Moment
	Now    string
}

// PastOf returns what a page says about a moment of the past; nil about now.
func PastOf(what, now string, m past.Moment) *Past {
	if m == (past.Moment{}) {
		return nil
	}
	return &Past{what, m, now}
}
