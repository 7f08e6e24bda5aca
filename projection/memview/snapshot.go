package memview

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/projection"
)

// A snapshot file is two lines of JSON: this header, then the read model.
type header struct {
	Projection  string           `json:"projection"`
	Version     int              `json:"version"`
	Codec       string           `json:"codec"`
	Point       daybook.Point    `json:"point"`
	Applied     daybook.Position `json:"applied"`
	EventID     uuid.UUID        `json:"event_id"`
	ModelSHA256 string           `json:"model_sha256"`
}

// Save writes a snapshot of the read model and its checkpoint to a file, from which
// [View.Load] takes them. The file is replaced as a whole: after a crash it is the
// old one or the new one. V must be a type that encoding/json writes and reads back
// as it was, with exported fields.
//
// Handlers wait while the model is written to memory, not while the file is.
func (v *View[V]) Save(file string) error {
	v.mu.RLock()
	model, err := json.Marshal(v.model)
	at := v.at
	v.mu.RUnlock()
	if err != nil {
		return fmt.Errorf("memview: snapshot of %s: %w", v.name, err)
	}
	head, err := json.Marshal(header{
		Projection: v.name, Version: v.version, Codec: v.handlers.Fingerprint(),
		Point: at.Point, Applied: at.Applied, EventID: at.EventID,
		ModelSHA256: sum(model),
	})
	if err != nil {
		return fmt.Errorf("memview: snapshot of %s: %w", v.name, err)
	}
	if err := replace(file, head, []byte("\n"), model, []byte("\n")); err != nil {
		return fmt.Errorf("memview: snapshot of %s: %w", v.name, err)
	}
	return nil
}

// Load takes the read model and its checkpoint from a file that [View.Save] wrote,
// and reports whether it did. A file that is not there, or is of another name,
// version or codec, is no error and changes nothing: the view is then built from the
// log. A damaged file is an error, and changes nothing either. It is for a view to
// which nothing was applied yet.
func (v *View[V]) Load(file string) (bool, error) {
	content, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("memview: snapshot of %s: %w", v.name, err)
	}
	first, model, _ := bytes.Cut(content, []byte("\n"))
	var head header
	if err := json.Unmarshal(first, &head); err != nil {
		return false, fmt.Errorf("memview: snapshot of %s: %s: its header is damaged: %w", v.name, file, err)
	}
	if head.Projection != v.name || head.Version != v.version || head.Codec != v.handlers.Fingerprint() {
		return false, nil
	}
	model = bytes.TrimSuffix(model, []byte("\n"))
	if sum(model) != head.ModelSHA256 {
		return false, fmt.Errorf("memview: snapshot of %s: %s is damaged: its read model is not what was saved", v.name, file)
	}
	var loaded V
	decoder := json.NewDecoder(bytes.NewReader(model))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&loaded); err != nil {
		return false, fmt.Errorf("memview: snapshot of %s: %s: raise the version when the read model changes: %w", v.name, file, err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.at != (projection.Checkpoint{}) {
		return false, fmt.Errorf("memview: snapshot of %s: the view is at position %d already", v.name, v.at.Position)
	}
	v.model = loaded
	v.at = projection.Checkpoint{Point: head.Point, Applied: head.Applied, EventID: head.EventID}
	return true, nil
}

func sum(b []byte) string {
	digest := sha256.Sum256(b)
	return hex.EncodeToString(digest[:])
}

// replace puts a file with this content in place of one that may be there.
func replace(file string, parts ...[]byte) (err error) {
	temporary, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temporary.Name()))
		}
	}()
	for _, part := range parts {
		if _, err := temporary.Write(part); err != nil {
			return errors.Join(err, temporary.Close())
		}
	}
	// The name must not come to stand for bytes that a power cut can still lose. That
	// the name itself may be lost is no harm: then the old snapshot is there.
	if err := temporary.Sync(); err != nil {
		return errors.Join(err, temporary.Close())
	}
	if err := temporary.Close(); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), file)
}
