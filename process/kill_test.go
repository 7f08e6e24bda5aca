package process_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/process"
	"github.com/daybook-es/daybook/store/logstore"
)

// These tests run themselves as programs that are killed. The environment says where the
// log of such a program lies, and which orders it places.
const (
	killDir   = "PROCESS_KILL_DIR"
	killRound = "PROCESS_KILL_ROUND"
	// DAYBOOK_KILLS is how many programs are killed; a few without it.
	killTimes = "DAYBOOK_KILLS"
)

const ordersOfRound = 60

func TestMain(m *testing.M) {
	dir := os.Getenv(killDir)
	if dir == "" {
		goleak.VerifyTestMain(m)
		return
	}
	round, err := strconv.Atoi(os.Getenv(killRound))
	if err == nil {
		err = mortalShop(dir, round)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// mortalShop places the orders of a round, some more than once, and fulfils what there is
// to fulfil until it is killed. Its providers write down every call.
func mortalShop(dir string, round int) error {
	ctx := context.Background()
	store, err := logstore.Open(filepath.Join(dir, "log"), &logstore.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	calls, err := os.OpenFile(filepath.Join(dir, "calls"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	w := newWorld()
	w.fault = func(effect, key string, after bool) error {
		if after {
			return nil
		}
		_, err := fmt.Fprintln(calls, effect, key)
		return err
	}
	bus := command.NewBus(store, handlers(), nil)
	r := process.NewRunner(store, bus, []process.Definition{fulfilment(w), timer1()}, quick())
	go func() {
		for n := max(0, round-1) * ordersOfRound; n < (round+1)*ordersOfRound; n++ {
			order := strconv.Itoa(n)
			place := Place{order, "tea " + strconv.Itoa(n/3)}
			if _, err := bus.Do(ctx, command.Envelope{Key: order}, place); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
	}()
	return r.Run(ctx)
}

func TestAProgramThatIsKilledAtAnyMomentDoesEverythingOnce(t *testing.T) {
	kills := 12
	if n, err := strconv.Atoi(os.Getenv(killTimes)); err == nil {
		kills = n
	}
	if testing.Short() {
		kills = 3
	}
	dir := t.TempDir()
	for round := range kills {
		var said strings.Builder
		program := exec.Command(os.Args[0])
		program.Env = append(os.Environ(), killDir+"="+dir, killRound+"="+strconv.Itoa(round))
		program.Stderr = &said
		if err := program.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- program.Wait() }()
		select {
		case err := <-ended:
			t.Fatalf("the program ended by itself: %v: %s", err, said.String())
		case <-time.After(time.Duration(30+rand.IntN(70)) * time.Millisecond):
		}
		if err := program.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-ended
	}

	store, err := logstore.Open(filepath.Join(dir, "log"), &logstore.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	bus := command.NewBus(store, handlers(), nil)
	for n := range kills * ordersOfRound {
		order := strconv.Itoa(n)
		if _, err := bus.Do(t.Context(), command.Envelope{Key: order}, Place{order, "tea " + strconv.Itoa(n/3)}); err != nil {
			t.Fatal(err)
		}
	}
	w := newWorld()
	calls, err := os.Open(filepath.Join(dir, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	defer calls.Close()
	made := 0
	for lines := bufio.NewScanner(calls); lines.Scan(); made++ {
		effect, key, _ := strings.Cut(lines.Text(), " ")
		if w.answers[key] == "" {
			w.once[effect]++
			w.answers[key] = "said to a program that was killed"
		}
	}
	t.Logf("%d programs were killed, which had made %d calls under %d keys", kills, made, len(w.answers))
	r := process.NewRunner(store, bus, []process.Definition{fulfilment(w), timer1()}, quick())
	stop := run(t, r)
	settle(t, r)
	stop()
	answersAgree(t, store)
	for n := range kills * ordersOfRound {
		if seen := diary(t, store, fulfilment(w), strconv.Itoa(n)); seen[len(seen)-1] != "sent off, refused: false" {
			t.Errorf("order %d saw %q", n, seen)
		}
	}
	for _, effect := range []string{"charge", "ship"} {
		if _, once := w.count(effect); once != kills*ordersOfRound {
			t.Errorf("%d times %s, want %d", once, effect, kills*ordersOfRound)
		}
	}
	if got := fired(t, store, "timer1"); len(got) != kills*ordersOfRound {
		t.Errorf("%d deadlines fired, want %d", len(got), kills*ordersOfRound)
	}
}
