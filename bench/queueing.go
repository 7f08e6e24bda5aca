package main

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// trading are the applications that are measured over HTTP.
var trading = []trade{orderTrade, productTrade}

// queueing is how much of the ceiling is asked for.
var queueing = []int{50, 80, 95}

// queueTime is how long requests arrive.
const queueTime = 4 * time.Second

func (t trade) queueCase(percent int) string {
	return fmt.Sprintf("POST %s at %d %% of its ceiling", t.collection, percent)
}

// queueingWork has commands arrive by chance, at rates that are parts of the most that each site was
// seen to do, whether it keeps up or not.
func queueingWork(h *harness, part *Part) error {
	for _, t := range trading {
		keys := []string{t.key, "obvious"}
		ceilings := map[string]float64{}
		for _, key := range keys {
			ceiling, err := h.ceiling(t, key)
			if err != nil {
				part.note(peerName(key) + " failed: " + err.Error())
				continue
			}
			ceilings[key] = ceiling
			part.note(fmt.Sprintf("The ceiling of %s for POST %s is %s a second.", peerName(key), t.collection, number(ceiling)))
		}
		for _, percent := range queueing {
			for range h.rounds {
				for _, key := range keys {
					if ceilings[key] == 0 {
						continue
					}
					if err := h.queue(part, t, key, percent, ceilings[key]); err != nil {
						part.note(peerName(key) + " failed: " + err.Error())
						fmt.Fprintf(os.Stderr, "bench: %s: %s: %v\n", part.Work, peerName(key), err)
					}
				}
			}
			fmt.Printf("  %s%s\n", t.queueCase(percent), part.brief(t.queueCase(percent), "p99 ms"))
		}
	}
	return nil
}

// ceiling returns the most commands a second that a site did in closed loops: as it was measured in
// this run or, where it was not, now.
func (h *harness) ceiling(t trade, key string) (most float64, err error) {
	for _, callers := range shopCallers {
		if rate, known := h.results.part(t.key).get(t.commandCase(callers), key, "requests/s"); known {
			most = max(most, rate)
		}
	}
	if most > 0 {
		return most, nil
	}
	v, err := h.serve(key)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	out, err := v.closed(shopCallers[len(shopCallers)-1], commandTime, t.command(v, newLocations(1)))
	return out.rate(), err
}

// queue measures one site at one rate.
func (h *harness) queue(part *Part, t trade, key string, percent int, ceiling float64) (err error) {
	v, err := h.serve(key)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	settle()
	p := t.command(v, newLocations(openCallers))
	if _, err := v.closed(16, commandTime/4, p); err != nil { // to warm up
		return err
	}
	offered := ceiling * float64(percent) / 100
	out, err := v.open(offered, queueTime, p)
	if err != nil {
		return err
	}
	in := t.queueCase(percent)
	part.add(in, key, "offered/s", offered)
	out.add(part, in, key)
	if out.late > 0 {
		part.note(fmt.Sprintf("%s, %s: in one round %d requests were not begun within half as long again as they had.", in, peerName(key), out.late))
	}
	return nil
}
