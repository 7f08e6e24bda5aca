package decider

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/daybook-es/daybook"
)

// folding is the subject of state S.
type folding[S any] struct {
	folds  folds[S]
	stream string // that facts are recorded in; empty is none
	now    S
	decide Decision[S]
	within within[S]
}

// within is what, beside the folds, the state of a boundary depends on.
type within[S any] struct {
	Query daybook.Query
	Start S
}

func (f *folding[S]) fold(e daybook.Recorded) error { return f.folds.apply(&f.now, e) }

func (f *folding[S]) decided() ([]any, error) { return f.decide(f.now) }

func (f *folding[S]) event(decided any) (daybook.Event, error) {
	return f.folds.event(decided, f.stream)
}

// key names everything that the state depends on beside the log: decider, revision,
// the shapes of facts and state, and the stream or the query with its start.
func (f *folding[S]) key() (string, bool) {
	about := f.stream
	if about == "" {
		encoded, ok := faithfully(f.within)
		if !ok {
			return "", false
		}
		about = fmt.Sprintf("%s/%x", f.folds.name, sha256.Sum256(encoded))
	}
	return fmt.Sprintf("%s/%d/%s", about, f.folds.revision, f.folds.fingerprint), true
}

func (f *folding[S]) state() ([]byte, bool) { return faithfully(f.now) }

// faithfully returns a value as JSON if it can be read back unchanged. A struct with
// something in fields that are not exported cannot.
func faithfully[V any](v V) ([]byte, bool) {
	encoded, err := json.Marshal(v)
	if err != nil {
		return nil, false
	}
	var back V
	if err := json.Unmarshal(encoded, &back); err != nil || !reflect.DeepEqual(back, v) {
		return nil, false
	}
	return encoded, true
}

func (f *folding[S]) restore(state []byte) bool {
	var restored S
	if err := json.Unmarshal(state, &restored); err != nil {
		return false
	}
	f.now = restored
	return true
}
