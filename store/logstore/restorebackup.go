package logstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
)

// restoringName is there while a directory is being filled from a backup, and until it
// has a manifest. What lies beside it may be replaced by another attempt.
const restoringName = "restoring.tmp"

// RestoreBackup makes a log in a directory from a backup that [Backup] made, or from any
// log. It is the same log in a new incarnation: ids, positions, versions and times are as
// they were, and what was read in another life, tokens, checkpoints and conditions, is
// refused with a [*daybook.LifeError] or as a conflict, because the log may have come
// further in that life.
//
// The directory is made if it is missing. If there is a log in it, or another store has it
// open, nothing is done: the error is a [*daybook.InvalidError] or a [*LockedError].
// Everything is copied and verified, and becomes a log in the last step; what interrupts
// it before leaves a directory in which no log opens, and RestoreBackup can be called
// again.
func RestoreBackup(ctx context.Context, backup, dir string) error {
	from, err := directory(backup)
	if err != nil {
		return err
	}
	to, err := directory(dir)
	if err != nil {
		return err
	}
	return restoreBackup(ctx, vfs.OS(), from, to)
}

func restoreBackup(ctx context.Context, world vfs.World, backup, dir string) (err error) {
	if err := vfs.MkdirSync(world.FS, dir); err != nil {
		return fmt.Errorf("logstore: make directory %s: %w", dir, err)
	}
	h := &home{dir: dir, world: world, log: &logger{slog.New(slog.DiscardHandler)}}
	lock, err := takeLock(h, "a restore from "+backup)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, releaseLock(h, lock)) }()
	if err := vacant(h); err != nil {
		return err
	}
	return unlessReplaced(func() error { return h.fill(ctx, backup) })
}

// fill makes a directory the log that another one is, in an incarnation of its own.
func (h *home) fill(ctx context.Context, backup string) (err error) {
	world := h.world
	from, err := openReader(world, backup, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	v, m := from.store.view.Load(), *from.manifest
	m.clean, m.fresh = nil, false
	if m.active > 0 {
		m.clean = &ending{head: v.head, end: v.end, checksum: v.checksum}
	}
	if m.incarnation, err = uuid.NewRandomFromReader(world.Chance); err != nil {
		return fmt.Errorf("logstore: make an identity: %w", err)
	}
	h.salt = m.salt

	for i, s := range v.segments {
		size, to := v.end, extent{v.end, v.head, v.checksum}
		if i < len(m.sealed) {
			sealed := m.sealed[i]
			size, to = sealed.size, extent{sealed.end, sealed.last, sealed.checksum}
		}
		if _, err := copyInto(ctx, h, from.store.home.path(s.name()), s.name(), size); err != nil {
			return err
		}
		if err := checkSegment(ctx, h, &m, s.name(), s, size, to, nil); err != nil {
			return copied(err, from.store.home.path(s.name()), h.path(s.name()))
		}
		// An index can be made anew, which takes longer than to copy it.
		index := from.store.home.path(s.indexName())
		if size, err := world.FS.Size(index); err == nil && i < len(m.sealed) {
			if _, err := copyInto(ctx, h, index, s.indexName(), size); err != nil {
				return err
			}
		}
	}
	if _, err := copyLost(ctx, h, from.store.home, m.lost); err != nil {
		return err
	}
	if err := world.FS.SyncDir(h.dir); err != nil {
		return fmt.Errorf("logstore: sync %s: %w", h.dir, err)
	}
	if err := m.replace(h); err != nil {
		return fmt.Errorf("logstore: restore %s: %w", h.dir, err)
	}
	return h.remove(restoringName)
}

// vacant makes sure that a directory has no log, and marks it as one that gets one.
func vacant(h *home) error {
	names, err := h.world.FS.List(h.dir)
	if err != nil {
		return fmt.Errorf("logstore: list %s: %w", h.dir, err)
	}
	begun, found := false, ""
	for _, name := range names {
		_, segment := segmentNumber(name)
		switch {
		case name == restoringName:
			begun = true
		case name == manifestName:
			return &daybook.InvalidError{What: "directory to restore to", Value: h.dir, Reason: "has a log"}
		case name == backupName:
			return &daybook.InvalidError{What: "directory to restore to", Value: h.dir, Reason: "is a backup, or was going to be one"}
		case segment:
			found = name
		}
	}
	if begun {
		return nil
	}
	if found != "" {
		return &daybook.InvalidError{What: "directory to restore to", Value: h.dir, Reason: fmt.Sprintf("has %s, a segment of a log", found)}
	}
	f, err := h.world.FS.Create(h.path(restoringName))
	if err == nil {
		err = f.Close()
	}
	if err == nil {
		err = h.world.FS.SyncDir(h.dir)
	}
	if err != nil {
		return fmt.Errorf("logstore: restore %s: %w", h.dir, err)
	}
	return nil
}
