//go:build !race

package logstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/internal/vfs/crashfs"
	"github.com/daybook-es/daybook/internal/vfs/errorfs"
)

// A patient is a disk with a log that is looked after, and with an earlier backup of it.
type patient struct {
	disk  *crashfs.Disk
	rng   *rand.Rand
	log   []daybook.Recorded // what the log in "log" holds
	first int                // how many events the backup in "backup" has of them
	left  []daybook.Recorded // what the log holds when it was repaired
	copy  bool               // segments are copied where they could be linked
}

// newPatient makes a log of several segments, some rewritten, on a disk of its own.
func newPatient(t *testing.T, seed uint64) *patient {
	t.Helper()
	p := &patient{disk: crashfs.New(seed), rng: rand.New(rand.NewPCG(seed, 1))}
	p.copy = p.rng.IntN(2) == 0
	world := p.disk.World()
	s, err := open(world, "log", &Options{SegmentBytes: int64(700 + p.rng.IntN(500)), Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	record := func(appends int) {
		for range appends {
			events := make([]daybook.Event, 1+p.rng.IntN(2))
			for i := range events {
				events[i] = daybook.Event{Stream: []string{"order-1", "order-2", "gone-1"}[p.rng.IntN(3)], Type: "Placed", Data: make([]byte, p.rng.IntN(120))}
			}
			if _, err := s.Append(t.Context(), events, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	record(10 + p.rng.IntN(5))
	if _, err := backup(t.Context(), world, "log", "backup", &BackupOptions{Copy: p.copy}); err != nil {
		t.Fatal(err)
	}
	p.first = int(s.view.Load().head)
	if p.rng.IntN(2) == 0 {
		if _, err := s.Append(t.Context(), []daybook.Event{daybook.Deleted("gone-1")}, nil); err != nil {
			t.Fatal(err)
		}
		_, err = s.Scavenge(t.Context(), nil)
	} else if p.rng.IntN(2) == 0 {
		_, err = s.Compress(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	record(8 + p.rng.IntN(5))
	for _, dir := range []string{"first", "restored"} {
		if err := vfs.MkdirSync(world.FS, dir); err != nil {
			t.Fatal(err)
		}
	}
	if p.log, err = everything(s); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	p.left = p.log
	p.settle()
	return p
}

// settle makes everything on the disk durable, and begins a new recording.
func (p *patient) settle() { p.disk = p.disk.CutNow(crashfs.All, 1) }

// damage inverts a bit of a file of the log.
func (p *patient) damage(t *testing.T, name string, at int64) {
	t.Helper()
	f, err := p.disk.OpenWrite("log/" + name)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1)
	_, err = f.ReadAt(b, at)
	b[0] ^= 1
	if err == nil {
		_, err = f.WriteAt(b, at)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// damageSegment does so within the frames of one of its segments.
func (p *patient) damageSegment(t *testing.T) {
	t.Helper()
	names, err := p.disk.List("log")
	if err != nil {
		t.Fatal(err)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasSuffix(name, ".seg") })
	p.damage(t, names[p.rng.IntN(len(names))], int64(segmentHeaderBytes+p.rng.IntN(200)))
}

// holdsAsMuch looks at a log: it must be sound and have so many events at least, and no
// others than the patient's.
func (p *patient) holdsAsMuch(world vfs.World, dir string, least int) error {
	log, err := readIn(world, dir)
	if err != nil {
		return err
	}
	v, err := verify(context.Background(), world, dir, nil)
	if err != nil {
		return err
	}
	if !v.Sound() {
		return errors.New(v.String())
	}
	if len(log) < least || len(log) > len(p.log) || !slices.EqualFunc(p.log[:len(log)], log, same) {
		return fmt.Errorf("%s has %d events, want the first %d at least, of %d", dir, len(log), least, len(p.log))
	}
	return nil
}

// A care is a way of looking after a log: it may be interrupted at every call, and done again.
type care struct {
	name  string
	begin func(t *testing.T, p *patient)
	do    func(ctx context.Context, p *patient, world vfs.World) error
	// holds is so whatever has interrupted it, and done when it was done.
	holds, done func(p *patient, world vfs.World) error
	// reverts says that a power cut may undo it although it was found done the second time,
	// if a sync failed the first time. It is then done once more.
	reverts bool
}

var cares = []care{
	{
		name: "a first backup",
		do: func(ctx context.Context, p *patient, world vfs.World) error {
			_, err := backup(ctx, world, "log", "first", &BackupOptions{Copy: p.copy})
			return err
		},
		holds: func(p *patient, world vfs.World) error {
			err := p.holdsAsMuch(world, "first", len(p.log))
			if errors.Is(err, fs.ErrNotExist) {
				err = nil // not there yet
			}
			return errors.Join(err, p.holdsAsMuch(world, "log", len(p.log)))
		},
		done: func(p *patient, world vfs.World) error {
			return errors.Join(p.holdsAsMuch(world, "first", len(p.log)), p.holdsAsMuch(world, "log", len(p.log)))
		},
	},
	{
		name: "a backup that is brought up to date",
		do: func(ctx context.Context, p *patient, world vfs.World) error {
			_, err := backup(ctx, world, "log", "backup", &BackupOptions{Copy: p.copy})
			return err
		},
		holds: func(p *patient, world vfs.World) error {
			return errors.Join(p.holdsAsMuch(world, "backup", p.first), p.holdsAsMuch(world, "log", len(p.log)))
		},
		done: func(p *patient, world vfs.World) error {
			return errors.Join(p.holdsAsMuch(world, "backup", len(p.log)), p.holdsAsMuch(world, "log", len(p.log)))
		},
	},
	{
		name: "a restore",
		do: func(ctx context.Context, p *patient, world vfs.World) error {
			if _, err := readIn(world, "restored"); err == nil {
				return nil // it was done in the end after all
			}
			return restoreBackup(ctx, world, "log", "restored")
		},
		holds: func(p *patient, world vfs.World) error {
			err := p.holdsAsMuch(world, "restored", len(p.log))
			if errors.Is(err, fs.ErrNotExist) {
				err = nil
			}
			return errors.Join(err, p.holdsAsMuch(world, "log", len(p.log)))
		},
		done: func(p *patient, world vfs.World) error {
			s, err := open(world, "restored", quietly)
			if err != nil {
				return err
			}
			return errors.Join(s.Close(), p.holdsAsMuch(world, "restored", len(p.log)))
		},
		reverts: true,
	},
	{
		name: "a repair from a backup",
		begin: func(t *testing.T, p *patient) {
			if _, err := backup(t.Context(), p.disk.World(), "log", "copy", &BackupOptions{Copy: true}); err != nil {
				t.Fatal(err)
			}
			p.damageSegment(t)
		},
		do: func(ctx context.Context, p *patient, world vfs.World) error {
			_, err := repair(ctx, world, "log", RepairOptions{From: "copy"})
			return err
		},
		holds: func(p *patient, world vfs.World) error { return p.holdsAsMuch(world, "copy", len(p.log)) },
		done:  (*patient).isRepaired, reverts: true,
	},
	{
		name:  "a manifest that is made anew",
		begin: func(t *testing.T, p *patient) { p.damage(t, manifestName, 60) },
		do: func(ctx context.Context, p *patient, world vfs.World) error {
			_, err := repair(ctx, world, "log", RepairOptions{})
			return err
		},
		holds:   func(p *patient, world vfs.World) error { return nil },
		done:    (*patient).isRepaired,
		reverts: true,
	},
	{
		name: "a quarantine",
		begin: func(t *testing.T, p *patient) {
			p.damageSegment(t)
			p.settle()
			// What is lost is what is lost when nothing fails.
			try := p.disk.Recording().Cut(0, crashfs.All, 1)
			report, err := repair(t.Context(), try.World(), "log", RepairOptions{Quarantine: true})
			if err != nil {
				t.Fatal(err)
			}
			p.left = slices.DeleteFunc(slices.Clone(p.log), func(e daybook.Recorded) bool {
				return slices.ContainsFunc(report.Lost, func(d Damage) bool { return d.First <= e.Position && e.Position <= d.Last })
			})
			if len(p.left) == 0 {
				t.Fatal("everything is lost, so this tests nothing")
			}
		},
		do: func(ctx context.Context, p *patient, world vfs.World) error {
			_, err := repair(ctx, world, "log", RepairOptions{Quarantine: true})
			return err
		},
		holds: func(p *patient, world vfs.World) error {
			if !p.copy {
				return nil // its backup has the same files, damaged
			}
			return p.holdsAsMuch(world, "backup", p.first)
		},
		done: (*patient).isRepaired, reverts: true,
	},
}

// isRepaired opens a log that was repaired, which must have what was left of it.
func (p *patient) isRepaired(world vfs.World) error {
	s, err := open(world, "log", &Options{PastLost: true, Logger: quiet})
	if err != nil {
		return err
	}
	log, err := everything(s)
	if err := errors.Join(err, s.Close()); err != nil {
		return err
	}
	if !slices.EqualFunc(p.left, log, same) {
		return fmt.Errorf("the repaired log has %d events, and not the %d that it should", len(log), len(p.left))
	}
	return nil
}

// prepared returns a patient on whom nothing of the care was done yet.
func (c *care) prepared(t *testing.T, seed uint64) *patient {
	p := newPatient(t, seed)
	if c.begin != nil {
		c.begin(t, p)
	}
	p.settle()
	return p
}

// Goal: a power cut while a log is backed up, restored or repaired loses nothing that there
// was, and what was interrupted goes on when it is done again. Method: after every call,
// with all survivors.
func TestNoPowerCutWhileALogIsLookedAfterLosesAnything(t *testing.T) {
	soak := soaking(t)
	for _, c := range cares {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			all := 0
			for n := range soak.choose(1, 1, 20) {
				p := c.prepared(t, soak.base(usualSeed)+uint64(n))
				recording := p.record(t, &c)
				cuts, err := recording.EveryCut(soak.choose(1, 2, 3), func(cut crashfs.Cut) error {
					world := cut.Disk.World()
					if err := c.holds(p, world); err != nil {
						return err
					}
					if err := c.do(context.Background(), p, world); err != nil {
						return fmt.Errorf("doing it again: %w", err)
					}
					return c.done(p, world)
				})
				if err != nil {
					t.Fatalf("%d-th patient: %v", n, err)
				}
				all += cuts
			}
			tried(t, all)
		})
	}
}

// record does what is to be interrupted on a disk of its own, and returns the recording of it.
func (p *patient) record(t *testing.T, c *care) *crashfs.Recording {
	t.Helper()
	disk := p.disk.Recording().Cut(0, crashfs.All, 1)
	if err := c.do(t.Context(), p, disk.World()); err != nil {
		t.Fatal(err)
	}
	recording := disk.Recording()
	if err := c.done(p, disk.World()); err != nil {
		t.Fatal(err)
	}
	return recording
}

// Goal: whichever call fails while a log is backed up, restored or repaired, nothing is
// lost, what is said to be done is done and durable, and it can be done again. Method: with
// the fault at every call in turn; in the end the power is cut, which shows what of it only
// seemed to be there.
func TestEveryAnswerIsRightWhicheverCallOfLookingAfterALogFails(t *testing.T) {
	soak := soaking(t)
	every := soak.choose(7, 3, 1)
	faults := append(errorfs.Faults(), errorfs.Fault{Kinds: errorfs.Reads}, errorfs.Fault{Kinds: errorfs.SyncDir}, errorfs.Fault{Kinds: errorfs.Sync})
	for _, c := range cares {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			runs := 0
			for n := range soak.choose(1, 1, 3) {
				p := c.prepared(t, soak.base(usualSeed)+uint64(n))
				player := p.disk.Recording().Play()
				for _, fault := range faults {
					step := every
					if fault.Kinds == errorfs.SyncDir {
						step = 1 // these are few, and matter most
					}
					for fault.Call = 1; ; fault.Call += step {
						met, err := p.with(t, &c, fault, player.Cut(0, crashfs.All, 1))
						if err != nil {
							t.Fatalf("%d-th patient, %v: %v", n, fault, err)
						}
						if runs++; !met {
							break
						}
					}
				}
			}
			tried(t, runs)
		})
	}
}

// with does what is to be interrupted with a fault, and judges what comes of it. It returns
// false if the fault was not met.
func (p *patient) with(t *testing.T, c *care, fault errorfs.Fault, disk *crashfs.Disk) (met bool, err error) {
	world := disk.World()
	failing := errorfs.New(disk)
	world.FS = failing
	failing.Arm(fault)
	answer := c.do(t.Context(), p, world)
	met, where := failing.Met() > 0, failing.Where()
	failing.Arm(errorfs.Fault{})
	if err := c.holds(p, disk.World()); err != nil {
		return met, fmt.Errorf("at %s, answered with %v: %w", where, answer, err)
	}
	if answer != nil {
		if err := c.do(t.Context(), p, disk.World()); err != nil {
			return met, fmt.Errorf("at %s, answered with %v; doing it again: %w", where, answer, err)
		}
	}
	cut := disk.CutNow(crashfs.None, 1)
	if c.reverts && answer != nil {
		if err := c.do(t.Context(), p, cut.World()); err != nil {
			return met, fmt.Errorf("at %s, answered with %v; done, and after a power cut once more: %w", where, answer, err)
		}
	}
	if err := c.done(p, cut.World()); err != nil {
		return met, fmt.Errorf("at %s, answered with %v; done, and then the power is cut: %w", where, answer, err)
	}
	return met, nil
}
