package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/bench/peers"
	"github.com/daybook-es/daybook/store/logstore"
)

// The backup workload: so many appends a second, beside processes that follow and back up.
const (
	backupRate    = 10_000
	backupWriters = 256
)

// backupCases are what goes on beside the appends and the follower.
var backupCases = []struct {
	name  string
	flags []string // of daybook backup; nil, if nobody backs up
}{
	{"no backup", nil},
	{"backups that link segments", []string{}},
	{"backups that copy everything", []string{"--copy"}},
}

// backupWork measures how long an append takes while another process follows the log and
// a third one backs it up, again and again. Then it restores each backup, and fails unless
// each is sound and a prefix of the log, and the follower has printed everything in order.
func backupWork(h *harness, part *Part) error {
	if len(h.some("logstore")) == 0 {
		return nil
	}
	home, err := os.MkdirTemp(h.dir, "backup-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	b := &backups{harness: h, part: part, home: home, dir: filepath.Join(home, "log"), program: filepath.Join(home, "daybook")}
	if out, err := exec.Command("go", "build", "-C", "..", "-o", b.program, "./cmd/daybook").CombinedOutput(); err != nil {
		return fmt.Errorf("build daybook: %w\n%s", err, out)
	}
	peer, err := peers.OpenLogstore(b.dir)
	if err != nil {
		return err
	}
	if err := (plan{h.events}).fill(h.ctx, peer, h.fillTime, func(sample) {}); err != nil { // which closes it
		return err
	}
	if peer, err = peers.OpenLogstore(b.dir); err != nil {
		return err
	}
	b.store = peer.(*peers.Logstore).Store()
	return errors.Join(b.run(), peer.Close())
}

// A backups is one run of the workload.
type backups struct {
	*harness
	part               *Part
	home, dir, program string
	store              daybook.Store
}

func (b *backups) run() error {
	info, err := b.store.Info(b.ctx)
	if err != nil {
		return err
	}
	follower, err := b.follow(info.Head)
	if err != nil {
		return err
	}
	for _, c := range backupCases {
		if err := b.beside(c.name, c.flags); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", c.name, err), follower.end())
		}
		fmt.Printf("  %s:%s p50 ms,%s p99 ms\n", c.name, b.part.brief(c.name, "p50 ms"), b.part.brief(c.name, "p99 ms"))
	}
	if info, err = b.store.Info(b.ctx); err != nil {
		return err
	}
	printed, err := follower.until(info.Head.Position)
	if err = errors.Join(err, follower.end()); err != nil {
		return fmt.Errorf("the follower: %w", err)
	}
	b.part.note(fmt.Sprintf("The log had %d events when it began. The follower, a process of its own, printed all %d that came, in order.", info.Head.Position-daybook.Position(printed), printed))
	return nil
}

// beside appends for a while, with flags beside backups one after the other, and restores
// the last one.
func (b *backups) beside(name string, flags []string) error {
	length := 5 * time.Second
	if b.full {
		length = 20 * time.Second
	}
	target := filepath.Join(b.home, "backup")
	if err := errors.Join(os.RemoveAll(target), os.RemoveAll(target+"-restored")); err != nil {
		return err
	}
	over, end := context.WithTimeout(b.ctx, length)
	defer end()
	var others sync.WaitGroup
	var took []time.Duration
	var failed error
	if flags != nil {
		others.Go(func() {
			for failed == nil && over.Err() == nil {
				start := time.Now()
				_, failed = b.daybook(append([]string{"backup", b.dir, target}, flags...)...)
				took = append(took, time.Since(start))
			}
		})
	}
	appended, times, err := b.append(int(length.Seconds() * backupRate))
	others.Wait()
	if err = errors.Join(err, failed); err != nil {
		return err
	}
	b.part.add(name, "logstore", "appends/s", appended)
	b.part.add(name, "logstore", "p50 ms", float64(times.ValueAtQuantile(50))/1e6)
	b.part.add(name, "logstore", "p99 ms", float64(times.ValueAtQuantile(99))/1e6)
	if flags == nil {
		return nil
	}
	b.part.add(name, "logstore", "backups", float64(len(took)))
	b.part.add(name, "logstore", "first backup s", took[0].Seconds())
	for _, verb := range [][]string{{"restore", target, target + "-restored"}, {"verify", target}, {"verify", target + "-restored"}} {
		if _, err := b.daybook(verb...); err != nil {
			return err
		}
	}
	n, err := b.prefix(target + "-restored")
	if err != nil {
		return err
	}
	b.part.note(fmt.Sprintf("%s: the last one was restored and verified; its %d events are the log's first.", name, n))
	return nil
}

// append appends so many events, each when it is due, and returns how many a second it
// did, and how long after each was due it was durable.
func (b *backups) append(n int) (rate float64, times *hdrhistogram.Histogram, err error) {
	times = newTimes()
	failed := make(chan error, backupWriters)
	var recording sync.Mutex
	var writing sync.WaitGroup
	start := time.Now()
	for w := range backupWriters {
		writing.Go(func() {
			from := newSource(uint64(w))
			for i := w; i < n; i += backupWriters {
				due := start.Add(time.Duration(i) * time.Second / backupRate)
				time.Sleep(time.Until(due))
				if _, err := b.store.Append(b.ctx, []daybook.Event{from.event(firstOrdinary + i%1000)}, nil); err != nil {
					failed <- err
					return
				}
				lag := time.Since(due)
				recording.Lock()
				times.RecordValue(max(1, int64(lag)))
				recording.Unlock()
			}
		})
	}
	writing.Wait()
	select {
	case err = <-failed:
	default:
	}
	return float64(n) / time.Since(start).Seconds(), times, err
}

// daybook runs the command to its end, and returns what it printed.
func (b *backups) daybook(args ...string) (string, error) {
	var out, errs bytes.Buffer
	command := exec.CommandContext(b.ctx, b.program, args...)
	command.Stdout, command.Stderr = &out, &errs
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("daybook %s: %w: %s%s", strings.Join(args, " "), err, &out, &errs)
	}
	return out.String(), nil
}

// prefix makes sure that a log has what the store has, as far as it goes, and returns how
// many events those are.
func (b *backups) prefix(dir string) (n int, err error) {
	restored, err := logstore.OpenReader(dir, nil)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, restored.Close()) }()
	whole, err := b.store.Read(b.ctx, daybook.All(), daybook.Span{Borrowed: true})
	if err != nil {
		return 0, err
	}
	part, err := restored.Read(b.ctx, daybook.All(), daybook.Span{Borrowed: true})
	if err != nil {
		return 0, err
	}
	next, stop := iter.Pull2(whole.Events())
	defer stop()
	for e, err := range part.Events() {
		if err != nil {
			return n, err
		}
		want, err, more := next()
		if err != nil {
			return n, err
		}
		if !more || e.Position != want.Position || !e.RecordedAt.Equal(want.RecordedAt) || e.Digest() != want.Digest() {
			return n, fmt.Errorf("the backup has an event at position %d that is not the log's", e.Position)
		}
		n++
	}
	return n, nil
}

// A follower is a process that prints events as they are recorded.
type follower struct {
	command *exec.Cmd
	lines   *bufio.Reader
	read    chan struct{} // is closed when reading has ended
	mu      sync.Mutex
	moved   *sync.Cond
	last    daybook.Position
	printed int
	failed  error
}

// follow starts one behind a point.
func (b *backups) follow(after daybook.Point) (*follower, error) {
	f := &follower{command: exec.Command(b.program, "follow", b.dir, "--after", after.String()), read: make(chan struct{}), last: after.Position}
	f.moved = sync.NewCond(&f.mu)
	out, err := f.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	f.command.Stderr = os.Stderr
	if err := f.command.Start(); err != nil {
		return nil, err
	}
	f.lines = bufio.NewReaderSize(out, 1<<20)
	go func() {
		defer close(f.read)
		for f.line() {
		}
	}()
	return f, nil
}

// line reads one, and returns false if it is not the next event's.
func (f *follower) line() bool {
	line, err := f.lines.ReadSlice('\n')
	var event struct{ Position daybook.Position }
	if err == nil {
		err = json.Unmarshal(line, &event)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.moved.Broadcast()
	if err == nil && event.Position != f.last+1 {
		err = fmt.Errorf("it printed the event at %d behind the one at %d", event.Position, f.last)
	}
	if err != nil {
		f.failed = err
		return false
	}
	f.last, f.printed = event.Position, f.printed+1
	return true
}

// until waits until everything up to a position was printed, and returns how much that is.
func (f *follower) until(head daybook.Position) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.last < head && f.failed == nil {
		f.moved.Wait()
	}
	return f.printed, f.failed
}

// end interrupts it, which is its proper end.
func (f *follower) end() error {
	err := f.command.Process.Signal(syscall.SIGINT)
	<-f.read
	if err := errors.Join(err, f.command.Wait()); err != nil {
		return err
	}
	if f.failed != nil && !errors.Is(f.failed, io.EOF) {
		return f.failed
	}
	return nil
}
