//go:build !race

package logstore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
	"github.com/daybook-es/daybook/internal/vfs/crashfs"
)

// A rotting is a small store of two sealed segments and an active one, to be damaged in every place.
type rotting struct {
	recording *crashfs.Recording
	opts      *Options
	clean     bool // it was closed properly
	log       []daybook.Recorded
	appends   [][]daybook.Event
	durable   int // events that a crash cannot have torn
}

const rottingSegmentBytes = 620

func newRotting(t *testing.T, seed uint64, clean bool) *rotting {
	t.Helper()
	r := newRun(t, seed)
	r.opts = &Options{SegmentBytes: rottingSegmentBytes, Logger: quiet}
	r.reopen()
	r.append(nil, r.event("order-1", 20))
	r.append(nil, r.event("order-1", 20), r.event("order-2", 20))
	for range 4 {
		r.append(nil, r.event("order-2", 30))
	}
	r.append(nil, r.event("", 40))
	if n := len(r.store.view.Load().segments); n != 3 {
		t.Fatalf("there are %d segments, want 3", n)
	}
	log, err := everything(r.store)
	if err != nil {
		t.Fatal(err)
	}
	if clean {
		if err := r.close(); err != nil {
			t.Fatal(err)
		}
	} else {
		r.kill()
	}
	rot := &rotting{recording: r.disk.Recording(), opts: r.opts, clean: clean, log: log, durable: len(log)}
	for _, in := range r.ledger.made {
		rot.appends = append(rot.appends, in.events)
	}
	if !clean {
		rot.durable-- // each append was a group of its own
	}
	return rot
}

// A harm is something that happens to one file. It returns false when there is no n-th.
type harm struct {
	what string
	do   func(f vfs.File, content []byte, n int) bool
}

// harms are what may happen to a file. Of an index, which can be made anew, each byte is harmed once rather than
// each bit.
func harms(name string) []harm {
	flip := func(f vfs.File, content []byte, n int) bool {
		at, bit := n/8, n%8
		if strings.HasSuffix(name, ".idx") {
			at, bit = n, n%7
		}
		if at >= len(content) {
			return false
		}
		f.WriteAt([]byte{content[at] ^ 1<<bit}, int64(at))
		return true
	}
	cut := func(f vfs.File, content []byte, n int) bool {
		if strings.HasSuffix(name, ".idx") {
			n *= 16
		}
		f.Truncate(int64(n))
		return n < len(content)
	}
	clear := func(f vfs.File, content []byte, n int) bool {
		if n*64 >= len(content) {
			return false
		}
		f.WriteAt(make([]byte, min(64, len(content)-n*64)), int64(n*64))
		return true
	}
	swap := func(f vfs.File, content []byte, n int) bool { // two blocks change places
		blocks := len(content) / 64
		i, j := n%max(blocks, 1), n/max(blocks, 1)
		if j >= blocks || blocks > 40 {
			return false
		}
		f.WriteAt(content[i*64:][:64], int64(j*64))
		f.WriteAt(content[j*64:][:64], int64(i*64))
		return true
	}
	return []harm{{"a bit is flipped", flip}, {"the end is cut off", cut}, {"a block is zeros", clear}, {"two blocks changed places", swap}}
}

// Goal: damage is told, or does no harm; it is never passed off as what was recorded. Method: every file of a small
// store is damaged in every place.
func TestEveryDamageIsToldOrDoesNoHarm(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	for _, clean := range []bool{true, false} {
		t.Run(map[bool]string{true: "closed", false: "killed"}[clean], func(t *testing.T) {
			rot := newRotting(t, soaking(t).base(5), clean)
			names, err := rot.image().List("db")
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range names {
				if !clean && strings.HasSuffix(name, ".idx") {
					continue // closing does not change them
				}
				for _, h := range harms(name) {
					rot.every(t, name, h)
				}
			}
		})
	}
}

func (rot *rotting) image() *crashfs.Disk {
	return rot.recording.Cut(rot.recording.Calls(), crashfs.All, 1)
}

// every does a harm to a file in every place, and looks at what the store makes of it.
func (rot *rotting) every(t *testing.T, name string, h harm) {
	step := soaking(t).choose(7, 1, 1)
	var workers sync.WaitGroup
	var next, told, cases atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			player := rot.recording.Play()
			for !t.Failed() {
				n := int(next.Add(int64(step))) - step
				disk := player.Cut(rot.recording.Calls(), crashfs.All, 1)
				f, err := disk.OpenWrite(filepath.Join("db", name))
				if err != nil {
					t.Error(err)
					return
				}
				size, _ := f.Size()
				content := make([]byte, size)
				f.ReadAt(content, 0)
				if !h.do(f, content, n) {
					return
				}
				f.Close()
				wasTold, err := rot.open(disk, name)
				if err != nil {
					t.Errorf("%s, %s (%d): %v", name, h.what, n, err)
				}
				cases.Add(1)
				if wasTold {
					told.Add(1)
				}
			}
		})
	}
	workers.Wait()
	tried(t, int(cases.Load()))
	t.Logf("%s, %s: %d cases, %d told, the others harmless", name, h.what, cases.Load(), told.Load())
}

// open opens a damaged store and asks it everything. It reports whether the damage was told, and returns an
// error if something was answered that is not so.
func (rot *rotting) open(disk *crashfs.Disk, name string) (told bool, err error) {
	s, err := open(disk.World(), "db", rot.opts)
	if err != nil {
		return true, rot.isTold(err, name)
	}
	defer abandonStore(s)

	// After a crash the last group may be lost, and is kept. If the file ends too early, nothing is
	// left that could tell how much more there was.
	want, cutOff := rot.log, rot.cutOff(disk)
	if head := int(s.view.Load().head); head < len(want) {
		if head < rot.durable && !cutOff {
			return false, fmt.Errorf("the store opens with %d events of %d", head, len(want))
		}
		want = want[:head]
	}
	names, err := disk.List("db")
	if err != nil {
		return false, err
	}
	if torn := slices.ContainsFunc(names, func(name string) bool { return strings.Contains(name, ".torn-") }); rot.clean && torn {
		return false, errors.New("the store was closed properly, and something is taken for torn")
	} else if len(want) < len(rot.log) && !torn && !cutOff {
		return false, fmt.Errorf("the last of %d events is not there, and nothing was kept of it: %v", len(rot.log), names)
	}

	for _, q := range []daybook.Query{
		daybook.All(), daybook.Stream("order-1"), daybook.Stream("order-2"),
		{{Tags: []string{"tag:1"}}}, {{Types: []string{"Paid"}}}, {{Categories: []string{"order"}}, {Tags: []string{"tag:2"}}},
	} {
		for _, span := range []daybook.Span{{}, {Backward: true}, {After: 2}, {Before: 4}, {KnownAt: rot.log[3].RecordedAt}} {
			failed, err := rot.ask(s, q, span, want)
			if err == nil && failed != nil {
				told, err = true, rot.isTold(failed, name)
			}
			if err != nil {
				return told, fmt.Errorf("%v, %+v: %w", q, span, err)
			}
		}
	}
	for _, events := range rot.appends {
		if !slices.ContainsFunc(want, func(e daybook.Recorded) bool { return e.ID == events[0].ID }) {
			continue
		}
		receipt, err := s.Append(context.Background(), events, nil)
		if err != nil {
			told = true
			if err := rot.isTold(err, name); err != nil {
				return told, err
			}
		} else if !receipt.Repeated {
			return told, fmt.Errorf("event %s is recorded a second time", events[0].ID)
		}
	}
	return told, nil
}

// cutOff reports whether the active segment's file ends before its last frame.
func (rot *rotting) cutOff(disk *crashfs.Disk) bool {
	size, err := disk.Size("db/00000003.seg")
	return err == nil && size < rottingSegmentBytes && !rot.clean
}

// isTold returns an error unless damage to a file was told as such, with its place.
func (rot *rotting) isTold(err error, name string) error {
	var corrupt *daybook.CorruptError
	if !errors.As(err, &corrupt) {
		return fmt.Errorf("damage is told as %w", err)
	}
	if !strings.Contains(corrupt.Where, name) {
		return fmt.Errorf("damage is told to be in %s: %w", corrupt.Where, err)
	}
	if int(corrupt.Position) > len(rot.log) {
		return fmt.Errorf("sound up to %d of %d: %w", corrupt.Position, len(rot.log), err)
	}
	return nil
}

// ask reads, and returns the error that reading ended with. What was read before it must be so.
func (rot *rotting) ask(s *Store, q daybook.Query, span daybook.Span, log []daybook.Recorded) (failed, wrong error) {
	var want []daybook.Recorded
	for _, e := range log {
		if q.Selects(e.Event) && e.Position > span.After && (span.Before == 0 || e.Position < span.Before) && (span.KnownAt.IsZero() || !e.RecordedAt.After(span.KnownAt)) {
			want = append(want, e)
		}
	}
	if span.Backward {
		slices.Reverse(want)
	}
	reading, err := s.Read(context.Background(), q, span)
	if err != nil {
		return err, nil
	}
	n := 0
	for e, err := range reading.Events() {
		if err != nil {
			return err, nil
		}
		if n == len(want) || !same(e, want[n]) {
			return nil, fmt.Errorf("%s is read, and never was there", describe(e))
		}
		n++
	}
	if n < len(want) {
		return nil, fmt.Errorf("%d events are read, and %d were recorded", n, len(want))
	}
	return nil, nil
}
