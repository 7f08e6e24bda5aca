package logstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
)

// RepairOptions adjust [Repair]. The zero value, and nil, make anew what can be made from
// the log itself, and lose nothing.
type RepairOptions struct {
	// From is the directory of a backup of the same log, or of a copy that is damaged
	// elsewhere. What it has of the damaged places is taken from it, if the checksums prove
	// that it belongs there. Empty means that there is none.
	From string

	// Quarantine makes the log usable without the events that neither it nor the backup
	// has any more. The positions are named in the manifest, and stay empty. A reading
	// that may have selected something there ends with a [*daybook.CorruptError] that wraps
	// [ErrLost], and an append that may depend on it is refused with one, unless
	// [Options].PastLost is set. That something was not there is known from the index that
	// the damaged segment had, if it is sound. An append that repeats one that was lost is
	// recorded again, and what events about a stream have hidden that were lost is seen
	// again.
	Quarantine bool
}

// Repaired says what [Repair] did.
type Repaired struct {
	// Found is the state in which the log was, and Now the one in which it is.
	Found, Now *Verification
	// Restored are damages whose bytes came from the backup, and Remade those that were
	// mended without it.
	Restored, Remade []Damage
	// Lost are damages that the log is used without from now on.
	Lost []Damage
	// Aside are the files, as they were, that others have taken the place of.
	Aside []string
}

// String returns what was done, for people: a line for each damage, and what is left.
func (r *Repaired) String() string {
	var b strings.Builder
	for i := range r.Restored {
		fmt.Fprintf(&b, "restored: %s\n", r.Restored[i].String())
	}
	for i := range r.Remade {
		fmt.Fprintf(&b, "made anew: %s\n", r.Remade[i].String())
	}
	for i := range r.Lost {
		fmt.Fprintf(&b, "given up: %s\n", r.Lost[i].String())
	}
	for _, name := range r.Aside {
		fmt.Fprintf(&b, "kept as it was: %s\n", name)
	}
	b.WriteString(r.Now.text("not closed before it is opened again"))
	return b.String()
}

// Repair mends a log that [Verify] finds damaged. Nothing is thrown away: a file whose
// place another one takes is kept beside it, under a name that ends in ".damaged". It needs
// the directory for itself: the error is a [*LockedError] if a store has it open.
//
// What can be made anew from the log is: headers and footers of segments, and the manifest,
// which names the incarnation that HEAD names, or else begins another one. What events need
// comes from the backup, if there is one and it has them. If events are lost all the same,
// the error is a [*daybook.CorruptError] that names the first place; Repaired says what was
// done, and what is left.
//
// It may be interrupted at any moment, and called again.
func Repair(ctx context.Context, dir string, o *RepairOptions) (*Repaired, error) {
	absolute, err := directory(dir)
	if err != nil {
		return nil, err
	}
	var options RepairOptions
	if o != nil {
		options = *o
	}
	if options.From != "" {
		if options.From, err = directory(options.From); err != nil {
			return nil, err
		}
	}
	return repair(ctx, vfs.OS(), absolute, options)
}

func repair(ctx context.Context, world vfs.World, dir string, o RepairOptions) (_ *Repaired, err error) {
	h := &home{dir: dir, world: world, log: &logger{slog.New(slog.DiscardHandler)}}
	if _, err := world.FS.List(dir); err != nil { // locking would make the file
		return nil, fmt.Errorf("logstore: list %s: %w", dir, err)
	}
	lock, err := takeLock(h, "a repair")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, releaseLock(h, lock)) }()
	r := &repairer{home: h, report: new(Repaired), giveUp: o.Quarantine}
	if o.From != "" {
		if r.from, err = openReader(world, o.From, nil); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, r.from.Close()) }()
	}
	if r.report.Found, err = verify(ctx, world, dir, nil); err != nil {
		return nil, err
	}
	if err := r.run(ctx); err != nil {
		return r.report, err
	}
	if r.report.Now, err = verify(ctx, world, dir, nil); err != nil {
		return r.report, err
	}
	for _, d := range r.report.Now.Damages {
		if d.Harm != Harmless {
			return r.report, &daybook.CorruptError{Where: fmt.Sprintf("%s at %d", h.path(d.File), d.Begin), Position: d.Sound, Err: d.Err}
		}
	}
	return r.report, nil
}

// A repairer mends one log.
type repairer struct {
	home     *home
	from     *Reader // of the backup; nil without one
	manifest *manifest
	report   *Repaired
	giveUp   bool // what cannot be mended is quarantined
}

func (r *repairer) run(ctx context.Context) error {
	found := r.report.Found
	if err := r.mendManifest(ctx, found); err != nil {
		return err
	}
	if len(r.report.Remade) > 0 {
		// Now that the manifest is back, the segments are verified by it.
		var err error
		if found, err = verify(ctx, r.home.world, r.home.dir, nil); err != nil {
			return err
		}
	}
	m, err := existingManifest(r.home)
	if err != nil {
		return err
	}
	r.manifest, r.home.salt = m, m.salt
	if r.from != nil && r.from.store.life.Log != m.log {
		return &daybook.InvalidError{What: "backup", Value: r.from.store.home.dir, Reason: fmt.Sprintf("holds log %s, and this is log %s", r.from.store.life.Log, m.log)}
	}
	byFile := make(map[string][]Damage)
	var files []string
	for _, d := range found.Damages {
		if !strings.HasSuffix(d.File, ".seg") {
			continue
		}
		if byFile[d.File] == nil {
			files = append(files, d.File)
		}
		byFile[d.File] = append(byFile[d.File], d)
	}
	for _, name := range files {
		if err := r.mend(ctx, name, byFile[name]); err != nil {
			return err
		}
	}
	return nil
}

// mendManifest makes the manifest anew if it is damaged.
func (r *repairer) mendManifest(ctx context.Context, found *Verification) error {
	if len(found.Damages) == 0 || found.Damages[0].File != manifestName {
		return nil
	}
	names, err := r.home.world.FS.List(r.home.dir)
	if err != nil {
		return fmt.Errorf("logstore: list %s: %w", r.home.dir, err)
	}
	m, endless, err := manifestOfSegments(r.home, names)
	if err != nil {
		return err
	}
	if m == nil {
		return &daybook.CorruptError{Where: r.home.path(manifestName), Err: errors.New("no segment's header can be read, so nothing tells which log this is")}
	}
	for i, s := range m.sealed {
		if s.number != uint64(i)+1 || slices.Contains(endless, s.number) {
			return &daybook.CorruptError{Where: r.home.path(segmentName(s.number)), Position: s.first - 1, Err: errors.New("this segment's trailer, or the header of the one before it, is needed to make the manifest anew")}
		}
	}
	if m.active != uint64(len(m.sealed))+1 {
		return &daybook.CorruptError{Where: r.home.path(manifestName), Err: errors.New("the segment before the last one is needed to make the manifest anew")}
	}
	if m.incarnation == uuid.Nil {
		if m.incarnation, err = uuid.NewRandomFromReader(r.home.world.Chance); err != nil {
			return fmt.Errorf("logstore: make an identity: %w", err)
		}
	}
	if err := r.keep(ctx, manifestName); err != nil {
		return err
	}
	if err := m.replace(r.home); err != nil {
		return fmt.Errorf("logstore: repair %s: %w", r.home.dir, err)
	}
	r.report.Remade = append(r.report.Remade, found.Damages[0])
	return nil
}

// keep gives a file a second name that says that it was damaged, if it is there.
func (r *repairer) keep(ctx context.Context, name string) error {
	names, err := r.home.world.FS.List(r.home.dir)
	if err != nil {
		return fmt.Errorf("logstore: list %s: %w", r.home.dir, err)
	}
	size, err := r.home.world.FS.Size(r.home.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("logstore: look at %s: %w", r.home.path(name), err)
	}
	aside := unusedName(name+".damaged", names)
	if err := r.home.world.FS.Link(r.home.path(name), r.home.path(aside)); err != nil {
		if _, err := copyInto(ctx, r.home, r.home.path(name), aside, size); err != nil {
			return err
		}
	}
	if err := r.home.world.FS.SyncDir(r.home.dir); err != nil {
		return fmt.Errorf("logstore: sync %s: %w", r.home.dir, err)
	}
	r.report.Aside = append(r.report.Aside, aside)
	return nil
}
