//go:build !race

package logstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs/crashfs"
)

// A keptLog is a log of many segments, closed properly, that is to be damaged in every place: so large that each case can
// look only at what the damage may have touched.
type keptLog struct {
	opts      *Options
	recording *crashfs.Recording // nothing but the files
	log       []daybook.Recorded
	files     []keptFile
	blocks    map[string][][][]byte // by the ending of files' names and the size: all that such files have, and zeros
}

type keptFile struct {
	name        string
	content     []byte
	first, last daybook.Position // what it holds, or is the index of; zero of the manifest
	frames      []int            // where frames begin, and where the last one ends
}

// newKeptLog makes a log with so many sealed segments.
func newKeptLog(t *testing.T, seed uint64, segments int, opts *Options) *keptLog {
	t.Helper()
	disk := crashfs.New(seed)
	rng := rand.New(rand.NewPCG(seed, 3))
	number := 0
	event := func() daybook.Event {
		number++
		var id uuid.UUID
		le.PutUint64(id[:], rng.Uint64())
		le.PutUint64(id[8:], rng.Uint64())
		id[6], id[8] = id[6]&0x0f|[]byte{0x40, 0x70}[number%2], id[8]&0x3f|0x80
		e := daybook.Event{ID: id, Type: []string{"Placed", "Paid", "Sent"}[number%3], Tags: []string{fmt.Sprintf("customer:%d", rng.IntN(60))}, ContentType: daybook.JSON}
		if number%7 > 0 {
			e.Stream = fmt.Sprintf("order-%d", rng.IntN(50))
		}
		e.Data = []byte(strings.Repeat("x", rng.IntN(400)))
		if number%97 == 0 {
			e.Data = make([]byte, 3000) // zeros, as an empty block has
		}
		return e
	}
	k := &keptLog{opts: opts}
	open := func() *Store {
		s, err := open(disk.World(), "db", opts)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	for len(s.view.Load().segments) <= segments {
		events := []daybook.Event{event()}
		for rng.IntN(4) == 0 {
			events = append(events, event())
		}
		if _, err := s.Append(t.Context(), events, nil); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 { // the active one is to have something, too
		if _, err := s.Append(t.Context(), []daybook.Event{event()}, nil); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if k.log, err = everything(s); err != nil {
		t.Fatal(err)
	}
	v := s.view.Load()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	k.recording = disk.CutNow(crashfs.All, 1).Recording()

	names, err := disk.List("db")
	if err != nil {
		t.Fatal(err)
	}
	k.blocks = make(map[string][][][]byte)
	for _, name := range names {
		content := contentOf(t, disk, name)
		if len(content) == 0 {
			continue // LOCK
		}
		f := keptFile{name: name, content: content}
		if name != manifestName {
			f.first, f.last = 1, v.head // what is not of a segment says nothing that its owner believes
		}
		for i, seg := range v.segments {
			if base := strings.TrimSuffix(segmentName(seg.number), ".seg"); base+".seg" != name && base+".idx" != name {
				continue
			}
			f.first, f.last = seg.first, v.head
			if i+1 < len(v.segments) {
				f.last = v.segments[i+1].first - 1
			}
			if strings.HasSuffix(name, ".seg") {
				f.frames = offsets(content)
			}
		}
		k.files = append(k.files, f)
		kind := filepath.Ext(name)
		if k.blocks[kind] == nil {
			for _, size := range blockSizes {
				k.blocks[kind] = append(k.blocks[kind], [][]byte{make([]byte, size)})
			}
		}
		for i, size := range blockSizes {
			k.blocks[kind][i] = append(k.blocks[kind][i], f.blocks(size)...)
		}
	}
	return k
}

// contentOf returns the bytes of a file; none if there is no such file.
func contentOf(t *testing.T, disk *crashfs.Disk, name string) []byte {
	f, err := disk.Open(filepath.Join("db", name))
	if err != nil {
		return nil
	}
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, size)
	if n, err := f.ReadAt(b, 0); n < len(b) {
		t.Fatal(err)
	}
	return b
}

// A damage is what happens to a file of a kept log: some of its bytes become others, or it becomes shorter.
type damage struct {
	what   string
	file   *keptFile
	at, to int // what of it was changed; its end, if it was cut off
	bytes  []byte
	cut    bool
}

func (d damage) String() string {
	return fmt.Sprintf("%s, bytes %d to %d: %s", d.file.name, d.at, d.to, d.what)
}

// blockSizes are what a disk writes whole, and what a file system does.
var blockSizes = []int{512, 4096}

// blocks returns the blocks of a file.
func (f *keptFile) blocks(size int) (blocks [][]byte) {
	for at := 0; at < len(f.content); at += size {
		blocks = append(blocks, f.content[at:min(at+size, len(f.content))])
	}
	return blocks
}

// count returns how many damages there are of a log: each bit flipped, each length that is too short, each block zeroed or
// changed for each block of each file of the same kind.
func (k *keptLog) count() (sum int) {
	for i := range k.files {
		f := &k.files[i]
		sum += 9 * len(f.content)
		for size, others := range k.blocks[filepath.Ext(f.name)] {
			sum += len(f.blocks(blockSizes[size])) * len(others)
		}
	}
	return sum
}

// damage returns the n-th damage there is. It is nothing if it would change nothing.
func (k *keptLog) damage(n int) (d damage, is bool) {
	for i := range k.files {
		f := &k.files[i]
		length := len(f.content)
		if n < 8*length {
			return damage{what: fmt.Sprintf("bit %d is flipped", n%8), file: f, at: n / 8, to: n/8 + 1, bytes: []byte{f.content[n/8] ^ 1<<(n%8)}}, true
		}
		if n -= 8 * length; n < length {
			return damage{what: "the end is cut off", file: f, at: n, to: length, cut: true}, true
		}
		n -= length
		for i, others := range k.blocks[filepath.Ext(f.name)] {
			size := blockSizes[i]
			blocks := (length + size - 1) / size
			if n < blocks*len(others) {
				at, other := n/len(others)*size, others[n%len(others)]
				return f.replaced(at, other[:min(len(other), length-at)])
			}
			n -= blocks * len(others)
		}
	}
	return damage{}, false
}

// replaced returns a damage that has other bytes in a place, narrowed to those that differ.
func (f *keptFile) replaced(at int, b []byte) (damage, bool) {
	d := damage{what: "a block is another one", file: f, bytes: b, at: at, to: at + len(b)}
	for d.at < d.to && d.bytes[0] == f.content[d.at] {
		d.at, d.bytes = d.at+1, d.bytes[1:]
	}
	for d.at < d.to && d.bytes[len(d.bytes)-1] == f.content[d.to-1] {
		d.to, d.bytes = d.to-1, d.bytes[:len(d.bytes)-1]
	}
	return d, d.at < d.to
}

// Goal: over a log of many segments, whichever bit is flipped, wherever a file ends too early, whichever block is given back
// for another: it is told, with a place in what was damaged, or makes no difference. Method: one damage at a time, the log opened anew for each, and all
// read that the file holds. A soak goes through all of them in so many pieces; a test picks some.
func TestNoDamageOfALargeLogGoesUnnoticed(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	const pieces = 64
	soak := soaking(t)
	k := newKeptLog(t, soak.seed+uint64(soak.piece/pieces), soak.choose(6, 6, 18), &Options{SegmentBytes: 16 << 10, Logger: quiet})
	segmentBytes, all := 0, k.count()
	for _, f := range k.files {
		if strings.HasSuffix(f.name, ".seg") {
			segmentBytes += len(f.content)
		}
	}
	first, step := soak.piece%pieces, pieces
	if !soak.asked {
		first, step = 0, max(all/soak.choose(2000, 10_000, 0), 1)
	}

	var workers sync.WaitGroup
	var next, cases, flips, told atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			player := k.recording.Play()
			for !t.Failed() {
				n := first + step*(int(next.Add(1))-1)
				if n >= all {
					return
				}
				d, is := k.damage(n)
				if !is {
					continue
				}
				wasTold, err := k.look(player.Cut(0, crashfs.All, 1), d)
				if err != nil {
					t.Errorf("%v: %v", d, err)
				}
				cases.Add(1)
				if wasTold {
					told.Add(1)
				}
				if strings.Contains(d.what, "flipped") {
					flips.Add(1)
				}
			}
		})
	}
	workers.Wait()
	tried(t, int(cases.Load()))
	t.Logf("%d damages, %d of them flipped bits, of %d that there are to %d bytes of segments and their indexes: %d told, the others harmless",
		cases.Load(), flips.Load(), all, segmentBytes, told.Load())
}

// look damages a log, opens it and asks for all that the file holds. It returns an error if something was answered that
// is not so, or if damage was told where there is none.
func (k *keptLog) look(disk *crashfs.Disk, d damage) (told bool, err error) {
	f, err := disk.OpenWrite(filepath.Join("db", d.file.name))
	if err != nil {
		return false, err
	}
	if d.cut {
		err = f.Truncate(int64(d.at))
	} else {
		_, err = f.WriteAt(d.bytes, int64(d.at))
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return false, err
	}

	s, err := open(disk.World(), "db", k.opts)
	if err != nil {
		return true, k.isTold(err, d)
	}
	defer abandonStore(s)
	if head := s.view.Load().head; int(head) != len(k.log) {
		return false, fmt.Errorf("the log opens with %d events of %d", head, len(k.log))
	}
	if d.file.last == 0 {
		return false, fmt.Errorf("the log opens")
	}

	span := daybook.Span{After: d.file.first - 1, Before: d.file.last + 1}
	held := k.log[d.file.first-1 : d.file.last]
	some := held[(d.at*31)%len(held)]
	all, customer := daybook.All(), daybook.Query{{Tags: some.Tags}}
	answered := 0
	for _, ask := range []struct {
		q    daybook.Query
		span daybook.Span
	}{{all, span}, {customer, span}, {customer, daybook.Span{After: span.After, Before: span.Before, Backward: true}}} {
		failed, wrong := asked(s, ask.q, ask.span, held)
		if wrong == nil && failed != nil {
			told, wrong = true, k.isTold(failed, d)
		} else {
			answered++
		}
		if wrong != nil {
			return told, fmt.Errorf("%v, %+v: %w", ask.q, ask.span, wrong)
		}
	}
	if d.touchesFrames() != (answered == 0 || told) {
		return told, fmt.Errorf("%d of 3 questions were answered", answered)
	}
	receipt, err := s.Append(context.Background(), []daybook.Event{some.Event}, nil)
	if err != nil && strings.Contains(err.Error(), "reused") {
		return told, nil // it is one of several that were appended together
	}
	if err != nil {
		return true, k.isTold(err, d)
	}
	if !receipt.Repeated || receipt.Position != some.Position {
		return told, fmt.Errorf("the event at %d is recorded again, at %d", some.Position, receipt.Position)
	}
	return told, nil
}

// touchesFrames reports whether a frame was changed.
func (d damage) touchesFrames() bool {
	return len(d.file.frames) > 0 && d.to > d.file.frames[0] && d.at < d.file.frames[len(d.file.frames)-1]
}

// isTold returns an error unless an error says where the damage is.
func (k *keptLog) isTold(err error, d damage) error {
	var corrupt *daybook.CorruptError
	if !errors.As(err, &corrupt) {
		return fmt.Errorf("damage is told as %w", err)
	}
	if d.file.last == 0 {
		if !strings.HasSuffix(corrupt.Where, d.file.name) {
			return fmt.Errorf("damage is told to be in %s: %w", corrupt.Where, err)
		}
		return nil
	}
	place, offset := "", 0
	if at := strings.LastIndex(corrupt.Where, " at "); at >= 0 {
		place = corrupt.Where[:at]
		fmt.Sscan(corrupt.Where[at+4:], &offset)
	}
	if !strings.HasSuffix(place, d.file.name) {
		return fmt.Errorf("damage is told to be in %s: %w", corrupt.Where, err)
	}
	// What is told is a place in the header or a frame that cannot be read, or where the file is too short.
	from, to := d.at, d.to
	if d.cut {
		to = from + 1
	}
	if from < segmentHeaderBytes {
		from, to = 0, max(to, segmentHeaderBytes)
	}
	if i := sort.SearchInts(d.file.frames, from+1) - 1; i >= 0 {
		from = d.file.frames[i]
	}
	if i := sort.SearchInts(d.file.frames, to); i < len(d.file.frames) {
		to = max(to, d.file.frames[i])
	}
	if offset < from || offset >= to {
		return fmt.Errorf("damage is told to be at %d, and the frames that it touches are from %d to %d: %w", offset, from, to, err)
	}
	return nil
}

// asked reads, and returns the error that reading ended with. What was read must be what a query selects of what is held.
func asked(s *Store, q daybook.Query, span daybook.Span, held []daybook.Recorded) (failed, wrong error) {
	reading, err := s.Read(context.Background(), q, span)
	if err != nil {
		return err, nil
	}
	held = slices.Clone(held)
	if span.Backward {
		slices.Reverse(held)
	}
	i := 0
	skip := func() {
		for i < len(held) && !q.Selects(held[i].Event) {
			i++
		}
	}
	for e, err := range reading.Events() {
		if err != nil {
			return err, nil
		}
		if skip(); i == len(held) || !same(e, held[i]) {
			return nil, fmt.Errorf("%s is read, and never was there", describe(e))
		}
		i++
	}
	if skip(); i < len(held) {
		return nil, fmt.Errorf("%s is not read", describe(held[i]))
	}
	return nil, nil
}
