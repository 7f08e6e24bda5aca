package main

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A press is a kind of request that is put on a site again and again.
type press struct {
	// request returns the next one of a caller; its number tells them apart.
	request func(caller, n int) []byte
	// status is what it is answered with; zero is any success.
	status int
	// take looks at the answers, if it is there; many callers call it.
	take func(caller int, r reply)
}

// A pressed is what came of it.
type pressed struct {
	times   *hdrhistogram.Histogram
	seconds float64
	usage   usage // of the site
	late    int   // requests that were due and not begun when time was up
}

func (p pressed) rate() float64 { return float64(p.times.TotalCount()) / p.seconds }

// add takes down what came of it, in milliseconds.
func (p pressed) add(part *Part, in, key string) {
	part.add(in, key, "requests/s", p.rate())
	for _, q := range []float64{50, 99, 99.9} {
		part.add(in, key, fmt.Sprintf("p%g ms", q), float64(p.times.ValueAtQuantile(q))/1e6)
	}
	part.add(in, key, "most ms", float64(p.times.Max())/1e6)
	part.add(in, key, "CPU µs/request", float64(p.usage.CPU.Microseconds())/float64(max(1, p.times.TotalCount())))
}

// closed has so many callers send, each its next request when it has its answer. A fifth of
// the time before it is for warming up.
func (v *served) closed(callers int, length time.Duration, p press) (pressed, error) {
	var counting, over atomic.Bool
	var mu sync.Mutex
	out := pressed{times: newTimes()}
	failed := make(chan error, callers)
	var all sync.WaitGroup
	for caller := range callers {
		w, err := dialWire(v.host)
		if err != nil {
			return out, err
		}
		all.Go(func() {
			defer w.Close()
			times := newTimes()
			for n := 0; !over.Load(); n++ {
				began := time.Now()
				if err := w.press(p, caller, n); err != nil {
					failed <- err
					break
				}
				if counting.Load() {
					_ = times.RecordValue(int64(time.Since(began))) // a minute at most
				}
			}
			mu.Lock()
			defer mu.Unlock()
			out.times.Merge(times)
		})
	}
	time.Sleep(length / 5)
	before, began := v.used(), time.Now()
	counting.Store(true)
	time.Sleep(length)
	counting.Store(false)
	out.seconds, out.usage = time.Since(began).Seconds(), v.used().minus(before)
	over.Store(true)
	all.Wait()
	close(failed)
	return out, <-failed
}

// openCallers is how many requests may be under way in an open loop; beyond that they wait
// here, which counts.
const openCallers = 512

// open has requests sent at moments that do not depend on the answers: by chance, so many a
// second on average. A time is from the moment at which a request was to be sent, so that
// whatever makes it wait counts, at the client too.
func (v *served) open(perSecond float64, length time.Duration, p press) (pressed, error) {
	due := arrivals(perSecond, length)
	var next atomic.Int64
	var mu sync.Mutex
	out := pressed{times: newTimes()}
	failed := make(chan error, openCallers)
	wires := make([]*wire, min(openCallers, len(due)))
	for i := range wires {
		var err error
		if wires[i], err = dialWire(v.host); err != nil {
			return out, err
		}
	}
	before, began := v.used(), time.Now()
	giveUp := began.Add(length + length/2)
	var all sync.WaitGroup
	for caller, w := range wires {
		all.Go(func() {
			defer w.Close()
			times := newTimes()
			for n := 0; ; n++ {
				i := int(next.Add(1)) - 1
				if i >= len(due) {
					break
				}
				at := began.Add(due[i])
				time.Sleep(time.Until(at))
				if time.Now().After(giveUp) {
					mu.Lock()
					out.late++
					mu.Unlock()
					continue
				}
				if err := w.press(p, caller, n); err != nil {
					failed <- err
					break
				}
				_ = times.RecordValue(int64(time.Since(at)))
			}
			mu.Lock()
			defer mu.Unlock()
			out.times.Merge(times)
		})
	}
	all.Wait()
	out.seconds, out.usage = time.Since(began).Seconds(), v.used().minus(before)
	close(failed)
	return out, <-failed
}

// arrivals returns when requests come: independent of each other, as those of many people
// are.
func arrivals(perSecond float64, length time.Duration) (due []time.Duration) {
	chance := rand.New(rand.NewPCG(7, 11))
	for at := time.Duration(0); ; {
		at += time.Duration(chance.ExpFloat64() / perSecond * float64(time.Second))
		if at > length {
			return due
		}
		due = append(due, at)
	}
}

// press sends one request and looks at its answer.
func (w *wire) press(p press, caller, n int) error {
	r, err := w.ask(p.request(caller, n), false)
	switch {
	case err != nil:
		return err
	case p.status != 0 && r.status != p.status, r.status >= 300 && r.status != p.status:
		return fmt.Errorf("it answered %d", r.status)
	case p.take != nil:
		p.take(caller, r)
	}
	return nil
}
