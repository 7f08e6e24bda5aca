package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/bench/peers"
)

// What is killed, and what is asked how much memory it holds, is a process of its own:
// this program again, with -child. It answers in lines of JSON.

func runChild(act string, args []string) error {
	if len(args) < 3 {
		return errors.New("a child needs a peer, a directory and a number")
	}
	i := slices.IndexFunc(peers.Kinds, func(k peers.Kind) bool { return k.Key == args[0] })
	if i < 0 {
		return fmt.Errorf("there is no peer %q", args[0])
	}
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	ctx, answers := context.Background(), json.NewEncoder(os.Stdout)
	begin := time.Now()
	peer, err := peers.Kinds[i].Open(args[1])
	if err != nil {
		return err
	}
	opened := time.Since(begin)
	switch act {
	case "fill": // n events, for so many seconds at most
		seconds, err := strconv.ParseFloat(args[3], 64)
		if err != nil {
			return err
		}
		fill := func() error {
			return plan{n}.fill(ctx, peer, time.Duration(seconds*float64(time.Second)), func(s sample) { answers.Encode(s) })
		}
		if args[4] != "" {
			return profileTo(args[4], fill)
		}
		return fill()
	case "append": // until killed
		return appendForever(ctx, peer, func(events int64) { answers.Encode(events) })
	case "open": // and read one event
		if _, err := peer.Head(ctx, streamName(0)); err != nil {
			return err
		}
		read := time.Since(begin)
		if err := answers.Encode(opening{opened.Seconds(), read.Seconds()}); err != nil {
			return err
		}
		return peer.Close()
	case "memory": // while it is open, replayed, and appended to
		return watchMemory(ctx, peer, n, func(m memories) { answers.Encode(m) })
	}
	return fmt.Errorf("there is no act %q", act)
}

// An opening is how long a store took to open, and until its first event was read.
type opening struct{ Opened, Read float64 }

// child starts this program again and calls each with every line that it answers,
// until it ends or each returns false, whereupon it is killed.
func (h *harness) child(each func(line []byte) bool, act string, args ...string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, append([]string{"-child", act}, args...)...)
	// What it was doing when it was given up is more than a terminal can show.
	stderr, err := os.OpenFile(filepath.Join(h.out, "stuck-"+act+"-"+args[0]+".txt"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		if info, statErr := stderr.Stat(); statErr == nil && info.Size() == 0 {
			os.Remove(stderr.Name())
		}
		stderr.Close()
	}()
	cmd.Stderr = stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	// A child that is silent for long is asked what it is doing, which ends it.
	silence := time.AfterFunc(patience, func() { cmd.Process.Signal(syscall.SIGQUIT) })
	defer silence.Stop()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		silence.Reset(patience)
		if !each(lines.Bytes()) {
			if err := cmd.Process.Kill(); err != nil {
				return err
			}
			cmd.Wait() // it was killed, and says so
			return nil
		}
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%s failed, and %s tells how: %w", act, filepath.Base(stderr.Name()), err)
	}
	return lines.Err()
}

// appendForever appends as when a store is filled, and tells from time to time how many
// events it has appended.
func appendForever(ctx context.Context, peer peers.Peer, tell func(events int64)) error {
	var recorded atomic.Int64
	failed := make(chan error, fillWriters)
	for w := range fillWriters {
		go func() {
			from := newSource(uint64(time.Now().UnixNano()) + uint64(w))
			events := make([]daybook.Event, together)
			for {
				for i := range events {
					events[i] = from.event(firstOrdinary + from.chance.IntN(1_000_000))
				}
				if err := peer.Append(ctx, events); err != nil {
					failed <- err
					return
				}
				recorded.Add(together)
			}
		}()
	}
	for {
		select {
		case err := <-failed:
			return err
		case <-time.After(10 * time.Millisecond):
			tell(recorded.Load())
		}
	}
}

// memories are what a process held at most while it did each thing.
type memories struct{ Open, Replay, Append memory }

// watchMemory samples what this process holds while it replays the whole store, and
// while it appends so many events to it.
func watchMemory(ctx context.Context, peer peers.Peer, events int, tell func(memories)) error {
	var m memories
	settle()
	m.Open = held()
	most := func(during *memory, work func() error) error {
		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				now := held()
				during.Heap, during.Anon, during.RSS = max(during.Heap, now.Heap), max(during.Anon, now.Anon), max(during.RSS, now.RSS)
				select {
				case <-stop:
					return
				case <-time.After(20 * time.Millisecond):
				}
			}
		})
		err := work()
		close(stop)
		wg.Wait()
		return err
	}
	if err := most(&m.Replay, func() error {
		return peer.Replay(ctx, func([]byte) { /* only read */ })
	}); err != nil {
		return err
	}
	if err := most(&m.Append, func() error {
		var left atomic.Int64
		left.Store(int64(events / together))
		var wg sync.WaitGroup
		failed := make(chan error, fillWriters)
		for w := range fillWriters {
			wg.Go(func() {
				from := newSource(uint64(time.Now().UnixNano()) + uint64(w))
				batch := make([]daybook.Event, together)
				for left.Add(-1) >= 0 {
					for i := range batch {
						batch[i] = from.event(firstOrdinary + from.chance.IntN(1_000_000))
					}
					if err := peer.Append(ctx, batch); err != nil {
						failed <- err
						return
					}
				}
			})
		}
		wg.Wait()
		close(failed)
		return <-failed
	}); err != nil {
		return err
	}
	tell(m)
	return peer.Close()
}
