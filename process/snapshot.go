package process

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/sealed"
)

// snapshotEvery is how many events of instances are read until a snapshot is written, if
// the session does not end before: as many as are read again in about a second.
const snapshotEvery = 500_000

// A snapshot is what a register knew at a position, so that the next session need not
// read the streams of all instances there ever were. It is a cache: one that is damaged,
// of another life of the log or of another log is passed over. The file is named after
// the process. It has three parts: a line with the SHA-256 of the others in hexadecimal
// digits; a line of JSON, which is this; and the deadlines, each as its time in
// nanoseconds since 1970 and its position, eight big-endian bytes each.
type snapshot struct {
	// Format is 1.
	Format int `json:"format"`
	// At is how far the log was read, and Last the last event of an instance before.
	At        daybook.Point        `json:"at"`
	Last      eventAt              `json:"last"`
	Live      map[int]int          `json:"live"`
	Finished  int                  `json:"finished"`
	Steps     map[uuid.UUID]stepOf `json:"steps"`
	SetAside  []Aside              `json:"set_aside"`
	Deadlines int                  `json:"deadlines"`
}

type eventAt struct {
	ID         uuid.UUID        `json:"id"`
	Position   daybook.Position `json:"position"`
	RecordedAt time.Time        `json:"recorded_at"`
}

type stepOf struct {
	Instance string    `json:"instance"`
	Since    time.Time `json:"since"`
}

const snapshotFormat = 1

func (s *session) snapshotFile() string {
	return filepath.Join(s.options.Snapshots, s.name+".process")
}

// saveSnapshot writes a snapshot of the register as it stands at a position. That it
// cannot is logged, and costs the next start some time.
func (s *session) saveSnapshot(ctx context.Context, at daybook.Position, last eventAt) {
	if s.options.Snapshots == "" {
		return
	}
	header, due := s.snapshot(at, last)
	content, err := json.Marshal(header)
	if err == nil {
		content = append(content, '\n')
		for _, d := range due {
			content = binary.BigEndian.AppendUint64(content, uint64(d.at))
			content = binary.BigEndian.AppendUint64(content, uint64(d.position))
		}
		if err = os.MkdirAll(s.options.Snapshots, 0o750); err == nil {
			err = sealed.Write(s.snapshotFile(), content)
		}
	}
	if err != nil {
		s.options.Logger.WarnContext(ctx, "what the process has to do could not be saved", "process", s.name, "error", err)
	}
}

// snapshot returns what a snapshot is made of.
func (s *session) snapshot(at daybook.Position, last eventAt) (snapshot, []due) {
	s.mu.Lock()
	defer s.mu.Unlock()
	reg := &s.register
	header := snapshot{
		Format: snapshotFormat, At: s.life.At(at), Last: last,
		Live: maps.Clone(reg.live), Finished: reg.finished,
		Steps: make(map[uuid.UUID]stepOf, len(reg.steps)), SetAside: slices.Collect(maps.Values(reg.aside)),
	}
	for id, p := range reg.steps {
		header.Steps[id] = stepOf{p.instance, p.since}
	}
	reg.deadlines.compact()
	due := slices.Clone(reg.deadlines.heap)
	for _, d := range reg.taken { // that were due, and of whose end the register has not read
		due = append(due, d)
	}
	header.Deadlines = len(due)
	return header, due
}

// loadSnapshot has the register begin with what a snapshot says, and returns up to where
// that has read the log: zero if there is none of any use.
func (s *session) loadSnapshot(ctx context.Context) (daybook.Position, eventAt, error) {
	if s.options.Snapshots == "" {
		return 0, eventAt{}, nil
	}
	header, due, err := readSnapshot(s.snapshotFile())
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			s.options.Logger.WarnContext(ctx, "a snapshot is of no use", "process", s.name, "error", err)
		}
		return 0, eventAt{}, nil
	}
	if header.At.Log != s.life.Log || header.At.Incarnation != s.life.Incarnation {
		return 0, eventAt{}, nil
	}
	if header.Last.Position > 0 {
		events, err := readEvents(ctx, s.store, []uuid.UUID{header.Last.ID})
		if err != nil {
			return 0, eventAt{}, err
		}
		if events[header.Last.ID].Position != header.Last.Position {
			return 0, eventAt{}, nil // the log is an older copy
		}
	}
	s.watch.recorded(header.Last.RecordedAt)
	s.mu.Lock()
	defer s.mu.Unlock()
	reg := &s.register
	reg.live, reg.finished = header.Live, header.Finished
	for id, step := range header.Steps {
		reg.steps[id] = &pending{instance: step.Instance, since: step.Since}
		reg.byInstance[step.Instance] = append(reg.byInstance[step.Instance], id)
	}
	for _, a := range header.SetAside {
		reg.aside[a.Instance] = a
	}
	reg.deadlines.heap = due
	reg.deadlines.compact()
	return header.At.Position, header.Last, nil
}

// readSnapshot reads a file that saveSnapshot wrote.
func readSnapshot(file string) (header snapshot, all []due, err error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return header, nil, err
	}
	content, sound := sealed.Open(content)
	if !sound {
		return header, nil, fmt.Errorf("process: %s is damaged: it is not what was saved", file)
	}
	line, deadlines, _ := bytes.Cut(content, []byte("\n"))
	if err := json.Unmarshal(line, &header); err != nil {
		return header, nil, fmt.Errorf("process: %s: %w", file, err)
	}
	if header.Format != snapshotFormat || len(deadlines) != 16*header.Deadlines {
		return header, nil, fmt.Errorf("process: %s is of format %d, or not whole", file, header.Format)
	}
	all = make([]due, header.Deadlines)
	for n := range all {
		all[n].at = int64(binary.BigEndian.Uint64(deadlines[16*n:]))
		all[n].position = daybook.Position(binary.BigEndian.Uint64(deadlines[16*n+8:]))
	}
	return header, all, nil
}
