package logstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/daybook-es/daybook"
)

// backupName is a file that says that a directory is a backup, or is going to be one. It is
// there before anything else of the backup. Nothing is recorded in such a directory: events
// of its own would be at positions that events of the log get too.
const (
	backupName = "BACKUP"
	backupTemp = "BACKUP.tmp"
)

// isBackup reports whether a directory is marked as a backup.
func (h *home) isBackup() (bool, error) {
	_, err := h.world.FS.Size(h.path(backupName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("logstore: look at %s: %w", h.path(backupName), err)
	}
	return true, nil
}

// notBackup returns an error if a directory is marked as a backup.
func (h *home) notBackup() error {
	is, err := h.isBackup()
	if err == nil && is && !planted("backup-appended-to") {
		err = &daybook.InvalidError{What: "directory of a log", Value: h.dir, Reason: "is a backup, and nothing is recorded there: restore it to another directory"}
	}
	return err
}

// markBackup marks a directory as a backup, durably. A mark that is there already may have
// been left by a sync that failed, and is written again.
func (h *home) markBackup(of daybook.Point) error {
	text := fmt.Sprintf("This is a backup of log %s. Nothing is recorded here: restore it to another directory.\n", of.Log)
	if err := h.put(backupTemp, backupName, []byte(text)); err != nil {
		return fmt.Errorf("logstore: back up to %s: %w", h.dir, err)
	}
	return nil
}

// receptive makes sure that a directory can be made a backup: that it is one or a log
// already, which is looked at more closely later, or has nothing in it.
func receptive(h *home) error {
	names, err := h.world.FS.List(h.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("logstore: list %s: %w", h.dir, err)
	}
	if slices.Contains(names, manifestName) || slices.Contains(names, backupName) {
		return nil
	}
	for _, name := range names {
		switch name {
		case lockName, ownerName, apartName, backupTemp: // of a backup that was interrupted before it was marked
		default:
			return &daybook.InvalidError{What: "target of a backup", Value: h.dir, Reason: fmt.Sprintf("is no backup, and has %s in it", name)}
		}
	}
	return nil
}

// precedes makes sure that the log has what the backup has: somebody may have appended to
// the backup all the same. That the last event is the same says so of all.
func (b *backuper) precedes(ctx context.Context) (err error) {
	backup, err := openReader(b.to.world, b.to.dir, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, backup.Close()) }()
	last := backup.store.view.Load().head
	if last == 0 {
		return nil
	}
	has := fmt.Sprintf("goes up to position %d, and the log to %d", last, b.report.Head.Position)
	if last <= b.report.Head.Position {
		there, err := eventAt(ctx, backup, last)
		if err != nil {
			return err
		}
		here, err := eventAt(ctx, b.from, last)
		if err != nil {
			return err
		}
		if there == here || planted("backup-of-another-life") {
			return nil
		}
		has = fmt.Sprintf("has an event at position %d that the log does not have there", last)
	}
	return &daybook.InvalidError{What: "target of a backup", Value: b.to.dir, Reason: has}
}

// A footprint is what tells an event at a position from all others; zero, if there is none.
type footprint struct {
	digest   [32]byte
	recorded int64
}

func eventAt(ctx context.Context, r *Reader, at daybook.Position) (found footprint, err error) {
	reading, err := r.Read(ctx, daybook.All(), daybook.Span{After: at - 1, Before: at + 1, Forgotten: true, Borrowed: true})
	if err != nil {
		return footprint{}, err
	}
	for e, err := range reading.Events() {
		if err != nil {
			return footprint{}, err
		}
		found = footprint{e.Digest(), e.RecordedAt.UnixNano()}
	}
	return found, nil
}
