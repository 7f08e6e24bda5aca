package publish_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/publish"
	"github.com/daybook-es/daybook/store/logstore"
)

// What another process is told to do: to record so many events in the log in a directory, a
// few of each key, and to publish the log into a file, a line for each message.
type orders struct {
	Events int
	// Kill says where the process kills itself: at the At-th time that it is there.
	Kill string
	At   int64
	// Mended has the sink take what it refuses otherwise.
	Mended bool
	Stream bool // the bookmark is in the log itself
}

const (
	window = 40
	keys   = 7
	each   = 10 // events of each key that a process records
)

// The places at which a process is killed.
var places = []string{"before a message is taken", "after a message was taken", "before the bookmark is saved", "after the bookmark was saved"}

// die kills the process at one of the places, if that is what it was told.
func (do orders) die(place string, times *atomic.Int64) {
	if do.Kill == place && times.Add(1) == do.At {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

// refused reports whether the sink refuses an event until it is mended.
func refused(e daybook.Recorded) bool { return e.Stream == "key-3" && e.Version == 4 }

// other is the main function of another process.
func other() {
	var do orders
	err := json.Unmarshal([]byte(os.Getenv("PUBLISH_ORDERS")), &do)
	if err == nil {
		err = do.run(os.Getenv("PUBLISH_DIR"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// mortal is a bookmark whose process may be killed while it is saved.
type mortal struct {
	publish.Bookmark
	do    orders
	times *atomic.Int64
}

func (m mortal) Save(ctx context.Context, from, to publish.Mark) error {
	m.do.die("before the bookmark is saved", m.times)
	err := m.Bookmark.Save(ctx, from, to)
	m.do.die("after the bookmark was saved", m.times)
	return err
}

func (do orders) run(dir string) error {
	quiet := slog.New(slog.DiscardHandler)
	store, err := logstore.Open(filepath.Join(dir, "log"), &logstore.Options{Logger: quiet})
	if err != nil {
		return err
	}
	defer store.Close()
	var more []daybook.Event
	for i := range do.Events {
		more = append(more, daybook.Event{Stream: fmt.Sprintf("key-%d", i%keys), Type: "Counted"})
	}
	if _, err := store.Append(context.Background(), more, nil); err != nil {
		return err
	}
	out, err := os.OpenFile(filepath.Join(dir, "sent"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	file, err := publish.OpenFile(filepath.Join(dir, "bookmark"))
	if err != nil {
		return err
	}
	defer file.Close()
	var bookmark publish.Bookmark = file
	if do.Stream {
		bookmark = publish.InStream(store, "crash")
	}

	var mu sync.Mutex
	var times atomic.Int64
	sink := publish.SinkFunc(func(_ context.Context, m publish.Message) error {
		if refused(m.Recorded) && !do.Mended {
			return publish.Refused(errors.New("poison"))
		}
		do.die("before a message is taken", &times)
		mu.Lock()
		_, err := fmt.Fprintln(out, m.Key, m.Recorded.Version)
		mu.Unlock()
		do.die("after a message was taken", &times)
		return err
	})
	p := publish.New(store, daybook.All(), sink, mortal{bookmark, do, &times}, &publish.Options{
		AtOnce: 3, Window: window, SaveEvery: time.Nanosecond, RetryAfter: time.Millisecond, Logger: quiet,
	})
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	late := time.After(time.Minute)
	ran := make(chan error, 1)
	go func() { ran <- p.Run(ctx) }()
	for {
		s, err := p.Status(ctx)
		if err != nil {
			return err
		}
		if s.Running && s.Lag == 0 && s.InHand == 0 && s.Mark.Last > 0 && (len(s.Mark.Aside) == 0) == do.Mended {
			stop()
			return <-ran
		}
		select {
		case err := <-ran:
			return err
		case <-late:
			return fmt.Errorf("it does not catch up: %+v", s)
		case <-time.After(time.Millisecond):
		}
	}
}

// process runs another process over a directory.
func process(t *testing.T, dir string, do orders) error {
	t.Helper()
	what, err := json.Marshal(do)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	// Under the race detector a process that ends would wait a second for other reports.
	cmd.Env = append(os.Environ(), "PUBLISH_DIR="+dir, "PUBLISH_ORDERS="+string(what), "GORACE=atexit_sleep_ms=0")
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w: %s", err, &said)
	}
	return nil
}

// Processes are killed at each place, early and late in their lives, with a key set aside;
// each goes on where the one before was. In the end everything was sent, in order per key,
// and no kill had more sent again than the window holds.
func TestKilledProcessesSendEverythingInOrderPerKey(t *testing.T) {
	for _, stream := range []bool{false, true} {
		t.Run(map[bool]string{false: "with a bookmark in a file", true: "with a bookmark in a stream"}[stream], func(t *testing.T) {
			dir, kills, processes := t.TempDir(), 0, 0
			do := func(o orders) error {
				processes++
				o.Events, o.Stream = each*keys, stream
				return process(t, dir, o)
			}
			ats := []int64{1, 5, 23, 60}
			if seed, piece, soaking := soak(t); soaking {
				random := rand.New(rand.NewPCG(seed, uint64(piece)))
				for range 40 {
					ats = append(ats, 1+random.Int64N(each*keys))
				}
			}
			for _, at := range ats {
				for _, place := range places {
					err := do(orders{Kill: place, At: at})
					if err == nil {
						continue // it came to its end before
					}
					if !strings.Contains(err.Error(), "killed") {
						t.Fatalf("the process that was to be killed %s ended with %v", place, err)
					}
					kills++
				}
			}
			t.Attr("cases", strconv.Itoa(kills))
			if kills < 10 {
				t.Errorf("only %d processes were killed", kills)
			}
			if err := do(orders{}); err != nil {
				t.Fatal(err)
			}
			got := sent(t, dir)
			if !inOrder(got["key-3"], upTo(3)) {
				t.Errorf("of the key that is set aside there came %v; want what is before the poison", got["key-3"])
			}
			if err := do(orders{Mended: true}); err != nil {
				t.Fatal(err)
			}
			total := 0
			got = sent(t, dir)
			for i := range keys {
				key := fmt.Sprintf("key-%d", i)
				if !inOrder(got[key], upTo(daybook.Position(processes*each))) {
					t.Errorf("of %s there came %v; want 1 to %d in order", key, got[key], processes*each)
				}
				total += len(got[key])
			}
			if again := total - processes*each*keys; again > kills*window {
				t.Errorf("%d messages were sent again after %d kills; want at most %d for each", again, kills, window)
			}
		})
	}
}

// sent returns the versions that were sent of each key, in the order in which they were.
func sent(t *testing.T, dir string) map[string][]daybook.Position {
	t.Helper()
	in, err := os.Open(filepath.Join(dir, "sent"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	got := make(map[string][]daybook.Position)
	for lines := bufio.NewScanner(in); lines.Scan(); {
		var key string
		var version daybook.Position
		if _, err := fmt.Sscan(lines.Text(), &key, &version); err != nil {
			t.Fatal(err)
		}
		got[key] = append(got[key], version)
	}
	return got
}

// upTo returns the numbers from 1 to n.
func upTo(n daybook.Position) (numbers []daybook.Position) {
	for i := daybook.Position(1); i <= n; i++ {
		numbers = append(numbers, i)
	}
	return numbers
}
