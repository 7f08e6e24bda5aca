package answers

import (
	"fmt"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
)

func TestWhatWasAskedForLongestAgoMakesRoom(t *testing.T) {
	body := make([]byte, 1000)
	size := sizeOf("q0", Entry{Body: body})
	c := New(3 * size)
	for i := range 3 {
		c.Put(fmt.Sprint("q", i), Entry{Body: body})
	}
	c.Get("q0")
	c.Put("q3", Entry{Body: body})
	for question, want := range map[string]bool{"q0": true, "q1": false, "q2": true, "q3": true} {
		if _, is := c.Get(question); is != want {
			t.Errorf("%s is kept: %t", question, is)
		}
	}
	if entries, bytes := c.Stats(); entries != 3 || bytes != 3*size {
		t.Errorf("%d entries take %d bytes; want 3 and %d", entries, bytes, 3*size)
	}
}

func TestTheCacheNeverTakesMoreThanItMay(t *testing.T) {
	c := New(100_000)
	for i := range 10_000 {
		c.Put(fmt.Sprint("q", i%700), Entry{Body: make([]byte, i%997)})
		if entries, bytes := c.Stats(); bytes > 100_000 || entries > 700 || bytes < 0 {
			t.Fatalf("%d entries take %d bytes", entries, bytes)
		}
	}
	c.Put("q0", Entry{Body: make([]byte, 100_000)})
	if _, is := c.Get("q0"); is {
		t.Error("an answer larger than the cache is kept, or the one before")
	}
}

func TestAnAnswerIsConfirmedForItsStateAlone(t *testing.T) {
	c := New(100_000)
	then := time.Unix(1, 0)
	c.Put("q", Entry{State: "1", Confirmed: then})
	c.Confirm("q", "2", then.Add(time.Hour))
	if e, _ := c.Get("q"); !e.Confirmed.Equal(then) {
		t.Errorf("it was confirmed at %v by another state", e.Confirmed)
	}
	c.Confirm("q", "1", then.Add(time.Hour))
	if e, _ := c.Get("q"); !e.Confirmed.Equal(then.Add(time.Hour)) {
		t.Errorf("it was confirmed at %v", e.Confirmed)
	}
}

// Who asked first may be answered last: what was shown meanwhile is what was shown last.
func TestAnAnswerThatShowsLessComesTooLate(t *testing.T) {
	c := New(100_000)
	at := daybook.Point{Position: 7, Incarnation: [16]byte{1}}
	c.Put("q", Entry{State: "7", At: at})
	c.Put("q", Entry{State: "6", At: at.At(6)})
	if e, _ := c.Get("q"); e.State != "7" {
		t.Errorf("the answer of state %s is kept", e.State)
	}
	restored := at.At(6)
	restored.Incarnation = [16]byte{2}
	c.Put("q", Entry{State: "of another life", At: restored})
	if e, _ := c.Get("q"); e.State != "of another life" {
		t.Errorf("after a restore the answer of state %s is kept", e.State)
	}
}
