package memview

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/sealed"
	"github.com/daybook-es/daybook/projection"
)

// A snapshot file has two lines: the SHA-256 of the second line in hexadecimal
// digits, and this as JSON.
type snapshot struct {
	Projection string           `json:"projection"`
	Version    int              `json:"version"`
	Codec      string           `json:"codec"`
	Point      daybook.Point    `json:"point"`
	Applied    daybook.Position `json:"applied"`
	EventID    uuid.UUID        `json:"event_id"`
	Events     uint64           `json:"events"`
	// What was set aside and skipped belongs to where the view stands.
	Aside  []projection.Aside `json:"aside,omitempty"`
	Skips  []projection.Skip  `json:"skips,omitempty"`
	Paused string             `json:"paused,omitempty"`
	Mark   projection.Mark    `json:"mark,omitempty"`
	Model  json.RawMessage    `json:"model"`
}

// Save writes a snapshot of the read model and its checkpoint to a file, from which
// [View.Load] reads them. The file is replaced as a whole: after a crash it is the
// old one or the new one. V must be a type that encoding/json writes and reads back
// as it was: what is not exported is lost.
//
// Handlers wait while the model is encoded in memory, not while the file is written.
func (v *View[V]) Save(file string) error {
	model, stand, err := v.encode()
	if err != nil {
		return fmt.Errorf("memview: snapshot of %s: %w", v.name, err)
	}
	content, err := json.Marshal(snapshot{
		Projection: v.name, Version: v.version, Codec: v.handlers.Fingerprint(),
		Point: stand.Point, Applied: stand.Applied, EventID: stand.EventID, Events: stand.Events,
		Aside: stand.Aside, Skips: stand.Skips, Paused: stand.Paused, Mark: stand.Mark, Model: model,
	})
	if err != nil {
		return fmt.Errorf("memview: snapshot of %s: %w", v.name, err)
	}
	if err := sealed.Write(file, content); err != nil {
		return fmt.Errorf("memview: snapshot of %s: %w", v.name, err)
	}
	return nil
}

// encode returns the read model as JSON, and where it stands.
func (v *View[V]) encode() ([]byte, projection.Stand, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.torn {
		return nil, v.stand, v.tornError()
	}
	model, err := json.Marshal(v.model)
	return model, v.stand, err
}

// Load sets the read model and its checkpoint from a file that [View.Save] wrote, and
// reports whether it did. It is for a view to which nothing was applied yet; any
// other view is an error. If there is no file, or it is of another name, version or
// codec, Load returns false and no error: the view is then built from the log. A
// damaged file is an error. Unless Load returns true, it changes nothing.
func (v *View[V]) Load(file string) (bool, error) {
	content, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("memview: snapshot of %s: %w", v.name, err)
	}
	content, sound := sealed.Open(content)
	if !sound {
		return false, fmt.Errorf("memview: snapshot of %s: %s is damaged: it is not what was saved", v.name, file)
	}
	var saved snapshot
	if err := json.Unmarshal(content, &saved); err != nil {
		return false, fmt.Errorf("memview: snapshot of %s: %s: %w", v.name, file, err)
	}
	if saved.Projection != v.name || saved.Version != v.version || saved.Codec != v.handlers.Fingerprint() {
		return false, nil
	}
	var model V
	decoder := json.NewDecoder(bytes.NewReader(saved.Model))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&model); err != nil {
		return false, fmt.Errorf("memview: snapshot of %s: %s: raise the version when the read model changes: %w", v.name, file, err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.stand.Checkpoint != (projection.Checkpoint{}) {
		return false, fmt.Errorf("memview: snapshot of %s: the view is at position %d already", v.name, v.stand.Position)
	}
	v.model = model
	v.stand = projection.Stand{
		Checkpoint: projection.Checkpoint{Point: saved.Point, Applied: saved.Applied, EventID: saved.EventID, Events: saved.Events},
		Aside:      saved.Aside, Skips: saved.Skips, Paused: saved.Paused, Mark: saved.Mark,
	}
	return true, nil
}
