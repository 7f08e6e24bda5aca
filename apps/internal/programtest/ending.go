package programtest

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Clients is how many of them [EndUnderLoad] has at once.
const Clients = 64

// EndUnderLoad has clients send commands, each with a name of its own, as fast as they are
// answered, and terminates the program, which has a time to drain, in the middle. Clients go on
// until nobody takes their connections any more.
//
// It fails the test unless the program says that it is not ready while it still answers, ends
// well, and has answered every command that was recorded; and unless every command that was
// answered is recorded once. The function recorded returns how often it finds a name, when the
// program has ended.
func EndUnderLoad(t *testing.T, p *Process, send func(address, name string) *http.Request, recorded func() map[string]int) {
	t.Helper()
	var (
		taken, unanswered sync.Map // names
		answers           atomic.Int64
		unready           atomic.Bool
		late              atomic.Int64 // answers to what was sent when it was not ready any more
		clients           sync.WaitGroup
		terminated        = make(chan struct{})
	)
	for n := range Clients {
		clients.Go(func() {
			client := &http.Client{Transport: &http.Transport{}, Timeout: 30 * time.Second}
			defer client.CloseIdleConnections()
			for i := 0; ; i++ {
				name := fmt.Sprintf("command-%d-%d", n, i)
				wasUnready := unready.Load()
				answer, err := client.Do(send(p.Address, name))
				var dialled *net.OpError
				switch {
				case err == nil:
					_, _ = io.Copy(io.Discard, answer.Body)
					answer.Body.Close()
					if answer.StatusCode >= 300 {
						t.Errorf("%s is answered %s", name, answer.Status)
						return
					}
					taken.Store(name, true)
					answers.Add(1)
					if wasUnready {
						late.Add(1)
						if !answer.Close {
							t.Errorf("not ready any more, it answers %s and keeps the connection", name)
						}
					}
				case errors.As(err, &dialled) && dialled.Op == "dial" && errors.Is(err, syscall.ECONNREFUSED):
					return // there is nobody any more
				default:
					// The connection was closed before the program had read from it, it must be.
					unanswered.Store(name, err)
				}
			}
		})
	}
	stopped := make(chan struct{})
	go func() {
		clients.Wait()
		close(stopped)
	}()
	for answers.Load() < 10*Clients {
		select {
		case <-stopped:
			t.Fatalf("the clients cannot go on\n%s", p.Told())
		case <-time.After(time.Millisecond):
		}
	}
	go func() {
		defer close(terminated)
		if err := p.Command.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		for !unready.Load() {
			answer, err := http.Get(p.Address + "/readyz")
			if err != nil {
				t.Errorf("it does not say that it is not ready before it is gone: %v", err)
				return
			}
			told, _ := io.ReadAll(answer.Body)
			answer.Body.Close()
			if answer.StatusCode == http.StatusServiceUnavailable {
				if !strings.Contains(string(told), "closing") {
					t.Errorf("not ready any more, it says %s", told)
				}
				unready.Store(true)
			}
		}
	}()
	<-terminated
	<-stopped
	if err := p.Wait(); err != nil {
		t.Errorf("it ended with %v:\n%s", err, p.Told())
	}
	if late.Load() == 0 {
		t.Error("nothing is answered between the time at which it is not ready any more and the end")
	}

	found := recorded()
	lost, missed := 0, 0
	taken.Range(func(name, _ any) bool {
		if found[name.(string)] != 1 {
			lost++
			t.Errorf("%s was answered, and is recorded %d times", name, found[name.(string)])
		}
		delete(found, name.(string))
		return lost < 10
	})
	unanswered.Range(func(name, err any) bool {
		missed++
		if found[name.(string)] != 0 {
			t.Errorf("%s was recorded and not answered: %v", name, err)
		}
		delete(found, name.(string))
		return true
	})
	if lost == 0 && len(found) > 0 {
		t.Errorf("recorded is what nobody sent: %v", slices.Collect(maps.Keys(found)))
	}
	t.Logf("%d commands of %d clients were answered, %d of them when it was not ready any more; %d were not taken; none was lost", answers.Load(), Clients, late.Load(), missed)
}
