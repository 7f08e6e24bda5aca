package main

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// steadySamples is how often it is looked how much memory a site holds.
const steadySamples = 10

// asking is how many queries there are to a command.
const asking = 4

// steadyWork has each application answer commands and queries at half of its ceiling for as long
// as was asked for, and looks at what it holds as time goes by.
func steadyWork(h *harness, part *Part) error {
	for _, t := range trading {
		if err := h.steady(part, t); err != nil {
			part.note(peerName(t.key) + " failed: " + err.Error())
			fmt.Fprintf(os.Stderr, "bench: %s: %s: %v\n", part.Work, peerName(t.key), err)
		}
	}
	part.note(fmt.Sprintf("Each ran for %.3g minutes (-minutes). A request in %d is a command, the others are for one of those that were made before it began, and they arrive by chance.", h.minutes, asking+1))
	return nil
}

func (h *harness) steady(part *Part, t trade) (err error) {
	ceiling, err := h.ceiling(t, t.key)
	if err != nil {
		return err
	}
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
		out, err := v.open(ceiling/2, every, mixed)
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
	part.note(fmt.Sprintf("%s: at the end its read model was %.1f s behind, with %s requests answered a second.", t.key, behind.Seconds(), number(ceiling/2)))
	return nil
}
