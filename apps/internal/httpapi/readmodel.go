package httpapi

import (
	"fmt"
	"math"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
)

// A ReadModel says where an edition of a site's read model stands, for programs and, with the
// template "edition", on a page.
type ReadModel struct {
	Name    string `json:"name"`
	Version int    `json:"version"`
	Edition int    `json:"edition"`
	// Answers reports whether it is the one that is asked, and Unready says why it could not
	// be, if it could not.
	Answers  bool             `json:"answers"`
	Unready  string           `json:"unready,omitempty"`
	Position daybook.Position `json:"position"`
	Head     daybook.Position `json:"head"`
	Lag      uint64           `json:"lag"`
	// Progress is how much of the log it shows, from 0 to 1.
	Progress float64 `json:"progress"`
	// Rate is how many events it applied in a second lately, Left about how many seconds
	// it takes until it shows the whole log, and Age how many the oldest event is old that
	// it does not show.
	Rate float64 `json:"rate"`
	Left float64 `json:"left,omitempty"`
	Age  float64 `json:"age,omitempty"`
	// Events is how many events were applied to it in all.
	Events uint64 `json:"events"`
	// Paused says why it is not to be moved, and Stuck what keeps it from going on; empty if
	// nothing does.
	Paused string `json:"paused,omitempty"`
	Stuck  string `json:"stuck,omitempty"`
}

// ReadModelOf returns what is said of an edition that stands so.
func ReadModelOf(is projection.Status, edition int, answers bool, unready string) ReadModel {
	m := ReadModel{
		Name: is.Name, Version: is.Version, Edition: edition, Answers: answers, Unready: unready,
		Position: is.Checkpoint.Position, Head: is.Head.Position, Lag: is.Lag, Progress: is.Progress(),
		Rate: math.Round(is.Rate), Left: max(0, is.Left.Seconds()), Age: is.Age.Seconds(),
		Events: is.Checkpoint.Events, Paused: is.Paused,
	}
	if is.Stuck != nil {
		m.Stuck = is.Stuck.Err.Error()
	}
	return m
}

// Percent is how much of the log it shows, in whole percent, and never 100 before all.
func (m ReadModel) Percent() int { return int(math.Floor(m.Progress * 100)) }

// LeftWords says how long it takes until it shows the whole log.
func (m ReadModel) LeftWords() string {
	switch left := time.Duration(m.Left * float64(time.Second)); {
	case m.Lag == 0 || left == 0:
		return ""
	case left < time.Minute:
		return fmt.Sprintf("about %d s left", int(left.Seconds())+1)
	default:
		return "about " + left.Round(time.Minute).String() + " left"
	}
}
