package main

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// steadySamples is how often it is looked how much memory a site holds.
const steadySamples = 10

// asking is how many queries there are to a command.
const asking = 4

// steadyWork has all applications, beside each other, answer commands and queries for as long as
// was asked for, and looks at what each holds as time goes by. Together they are asked for about
// half of what the machine can do.
func steadyWork(h *harness, part *Part) error {
	ceilings := make([]float64, len(trading))
	for n, t := range trading {
		var err error
		if ceilings[n], err = h.ceiling(t, t.key); err != nil {
			return err
		}
	}
	own := make([]Part, len(trading))
	var all sync.WaitGroup
	for n, t := range trading {
		all.Go(func() {
			own[n].Work = part.Work
			if err := h.steady(&own[n], t, ceilings[n]/float64(2*len(trading))); err != nil {
				own[n].note(peerName(t.key) + " failed: " + err.Error())
				fmt.Fprintf(os.Stderr, "bench: %s: %s: %v\n", part.Work, peerName(t.key), err)
			}
		})
	}
	all.Wait()
	for _, p := range own {
		part.Figures, part.Notes = append(part.Figures, p.Figures...), append(part.Notes, p.Notes...)
	}
	part.note(fmt.Sprintf("They ran beside each other for %.3g minutes (-minutes), each at a part of its own ceiling. A request in %d is a command, the others are for one of those that were made before it began, and they arrive by chance.", h.minutes, asking+1))
	return nil
}

// steady puts one application under so many requests a second.
func (h *harness) steady(part *Part, t trade, offered float64) (err error) {
	v, err := h.serve(t.key)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.close()) }()

	made := newLocations(openCallers)
	command, one := t.command(v, made), t.one(v, made)
	if _, err := v.closed(16, commandTime/4, command); err != nil {
		return err
	}
	if _, err := v.untilShown(t); err != nil { // so that queries find what they ask for
		return err
	}
	mixed := press{
		request: func(caller, n int) []byte {
			if (caller+n)%(asking+1) == 0 {
				return command.request(caller, n)
			}
			return one.request(caller, n)
		},
	}
	every := time.Duration(h.minutes * float64(time.Minute) / steadySamples)
	for sample := 1; sample <= steadySamples; sample++ {
		out, err := v.open(offered, every, mixed)
		if err != nil {
			return err
		}
		in := fmt.Sprintf("%.3g min", float64(sample)*h.minutes/steadySamples)
		m := v.held()
		part.add(in, t.key, "anonymous MB", float64(m.Anon)/1e6)
		part.add(in, t.key, "heap MB", float64(m.Heap)/1e6)
		part.add(in, t.key, "with mapped files MB", float64(m.RSS)/1e6)
		out.add(part, in, t.key)
	}
	behind, err := v.untilShown(t)
	if err != nil {
		return err
	}
	part.note(fmt.Sprintf("%s: at the end its read model was %.1f s behind, with %s requests answered a second.", t.key, behind.Seconds(), number(offered)))
	return nil
}
