package command

import (
	"encoding/json"

	"github.com/daybook-es/daybook"
)

// A Record is what the first event of a command says about the command, in its
// metadata: enough to answer the command again.
type Record struct {
	ID ID `json:"id"`
	// Type is the command's name.
	Type string `json:"type"`
	// Digest is the SHA-256, in hexadecimal, of the command as it was understood.
	Digest string `json:"digest"`
	// Events is how many events the command recorded.
	Events int `json:"events"`
	// Causation is what led to the command: the command itself is what led to its
	// events.
	Causation string `json:"causation_id,omitempty"`
}

// metadata is the metadata of a command's events, as JSON on people's disks.
type metadata struct {
	daybook.Trace
	Command *Record `json:"command,omitempty"`
}

// RecordOf returns what an event says about the command that it is the first event
// of; of any other event it reports false.
func RecordOf(e daybook.Event) (Record, bool) {
	var m metadata
	if len(e.Metadata) == 0 || json.Unmarshal(e.Metadata, &m) != nil || m.Command == nil || m.Command.Events < 1 {
		return Record{}, false
	}
	return *m.Command, true
}
