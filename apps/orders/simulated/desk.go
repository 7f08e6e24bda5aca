package simulated

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	"github.com/daybook-es/daybook/apps/orders"
)

// A Mood is what a provider does with one call.
type Mood string

// The moods of a provider.
const (
	Obliging    Mood = "oblige"      // does it, and says so
	Slow        Mood = "slow"        // does it after a while
	Declining   Mood = "decline"     // says no, for good, and does nothing
	Unreachable Mood = "unreachable" // is not there: nothing is done
	Silent      Mood = "silent"      // does it, and the answer is lost
	Twice       Mood = "twice"       // is asked twice over, and answers twice
)

// Moods returns every mood.
func Moods() []Mood { return []Mood{Declining, Unreachable, Silent, Twice, Slow, Obliging} }

// Behaviour says in which moods a provider is how often, as rates from 0 to 1. Together
// they are at most 1; it obliges the rest. The zero Behaviour always obliges.
type Behaviour struct {
	Slow        float64 `json:"slow"`
	Decline     float64 `json:"decline"`
	Unreachable float64 `json:"unreachable"`
	Silent      float64 `json:"silent"`
	Twice       float64 `json:"twice"`
	// DelayMillis is how long a slow call takes, in milliseconds.
	DelayMillis int64 `json:"delay_ms"`
}

const maxDelayMillis = 60_000

// Validate returns what is wrong with the behaviour, naming the field.
func (b Behaviour) Validate() error {
	sum := 0.0
	for _, r := range b.rates() {
		if !(r.rate >= 0 && r.rate <= 1) {
			return fmt.Errorf("%s: is %v, and must be from 0 to 1", r.mood, r.rate)
		}
		sum += r.rate
	}
	switch {
	case sum > 1+1e-9:
		return fmt.Errorf("the rates come to %v, and must come to 1 at most", sum)
	case b.DelayMillis < 0 || b.DelayMillis > maxDelayMillis:
		return fmt.Errorf("delay: is %d ms, and must be from 0 to %d", b.DelayMillis, maxDelayMillis)
	}
	return nil
}

func (b Behaviour) delay() time.Duration { return time.Duration(b.DelayMillis) * time.Millisecond }

type moodRate struct {
	mood Mood
	rate float64
}

func (b Behaviour) rates() []moodRate {
	return []moodRate{{Slow, b.Slow}, {Declining, b.Decline}, {Unreachable, b.Unreachable}, {Silent, b.Silent}, {Twice, b.Twice}}
}

var (
	errUnreachable = errors.New("the provider cannot be reached")
	errSilent      = errors.New("the provider did not answer")
)

// A Desk is where a provider takes calls. It is safe for use by many goroutines.
type Desk struct {
	name string
	seed uint64

	mu      sync.Mutex
	behaves Behaviour
	next    []Mood
	tries   map[string]int     // calls by key, whatever came of them
	answers map[string]outcome // by key, once it was done or declined
	tally   Tally
}

// An outcome is what a key led to.
type outcome struct {
	answer any
	err    error
	done   int
}

// A Tally counts what a provider was asked and did.
type Tally struct {
	// Calls counts all that came in, Done what was done, and Declined what was not and
	// never will be. Repeated calls asked for what had an answer already; Lost ones heard
	// none.
	Calls    int `json:"calls"`
	Done     int `json:"done"`
	Declined int `json:"declined"`
	Repeated int `json:"repeated"`
	Lost     int `json:"lost"`
}

func newDesk(name string, seed uint64) *Desk {
	return &Desk{name: name, seed: seed, tries: make(map[string]int), answers: make(map[string]outcome)}
}

// Name returns what the provider is called: "payments" or "carrier".
func (d *Desk) Name() string { return d.name }

// Behave says how the provider behaves from now on. It returns what is wrong with b, if
// anything is, and then changes nothing.
func (d *Desk) Behave(b Behaviour) error {
	if err := b.Validate(); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.behaves = b
	return nil
}

// Next says in which moods the provider meets the next calls, one each, after those
// that it was told of before, and then as it behaves.
func (d *Desk) Next(moods ...Mood) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.next = append(d.next, moods...)
}

// Told returns how the provider behaves, and in which moods it meets the next calls.
func (d *Desk) Told() (Behaviour, []Mood) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.behaves, append([]Mood{}, d.next...)
}

// Done returns how often what was asked under a key was really done: never more than
// once.
func (d *Desk) Done(key string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.answers[key].done
}

// Tally returns what came of all calls so far.
func (d *Desk) Tally() Tally {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.tally
}

// mood returns the mood in which the provider meets a call.
func (d *Desk) mood(key string) (Mood, time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tally.Calls++
	d.tries[key]++
	if len(d.next) > 0 {
		mood := d.next[0]
		d.next = d.next[1:]
		return mood, d.behaves.delay()
	}
	chance := d.chance(key, d.tries[key])
	for _, r := range d.behaves.rates() {
		if chance -= r.rate; chance < 0 {
			return r.mood, d.behaves.delay()
		}
	}
	return Obliging, 0
}

// chance returns a number from 0 to 1 that depends on nothing but the seed, the key and
// the try, so that it does not matter who calls when.
func (d *Desk) chance(key string, try int) float64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(d.name + key))
	_, _ = h.Write(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, d.seed), uint64(try)))
	// The upper bits of this hash hardly differ for a last byte that does; what mixes
	// them is the end of MurmurHash3.
	x := h.Sum64()
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
	x ^= x >> 33
	return float64(x>>11) / (1 << 53)
}

// ask meets a call: what it asks for is done by do, once for each key.
func ask[R any](ctx context.Context, d *Desk, key string, do func() R) (none R, err error) {
	mood, delay := d.mood(key)
	switch mood {
	case Slow:
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return none, fmt.Errorf("%s: %w", d.name, ctx.Err())
		}
	case Unreachable:
		d.lost()
		return none, fmt.Errorf("%s: %w", d.name, errUnreachable)
	case Twice:
		d.answer(key, Obliging, func() any { return do() })
	}
	o := d.answer(key, mood, func() any { return do() })
	if mood == Silent {
		d.lost()
		return none, fmt.Errorf("%s: %w", d.name, errSilent)
	}
	if o.err != nil {
		return none, o.err
	}
	return o.answer.(R), nil
}

func (d *Desk) lost() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tally.Lost++
}

// answer returns the answer under a key: the one that was given before, or a new one.
func (d *Desk) answer(key string, mood Mood, do func() any) outcome {
	d.mu.Lock()
	defer d.mu.Unlock()
	o, given := d.answers[key]
	switch {
	case given:
		d.tally.Repeated++
		return o
	case mood == Declining:
		o.err = fmt.Errorf("%s: %w", d.name, orders.ErrDeclined)
		d.tally.Declined++
	default:
		o = outcome{answer: do(), done: 1}
		d.tally.Done++
	}
	d.answers[key] = o
	return o
}
