package program

import (
	"github.com/daybook-es/daybook/command"
	"github.com/daybook-es/daybook/process"
	"github.com/daybook-es/daybook/store/storeurl"
	"github.com/daybook-es/daybook/telemetry/prommetrics"
)

// Seen is what is seen of a program from outside: it is put around what the program does.
// Make it with [NewSeen].
type Seen struct {
	// Metrics are for the options of package httpapi; what is added to them is told with the rest.
	Metrics *prommetrics.Metrics
}

// NewSeen returns what sees nothing yet.
func NewSeen() *Seen { return &Seen{Metrics: prommetrics.New()} }

// Store returns a store around a program's own, under the name that it has for the log.
func (s *Seen) Store(log string, store storeurl.Store) storeurl.Store {
	return s.Metrics.Store(log, store).(storeurl.Store) // what is counted is closed like what is in it
}

// Commands returns the options of a bus with what sees its commands around them.
func (s *Seen) Commands(o command.Options) command.Options {
	o.Around = command.Within(s.Metrics.Command, o.Around)
	return o
}

// Processes returns the options of a runner with what sees the calls of its effects around
// them.
func (s *Seen) Processes(o process.Options) process.Options {
	o.Around = process.Within(s.Metrics.Call, o.Around)
	return o
}

// Disk tells how much room there is where a directory is, if there is one: a store that is
// elsewhere has none here.
func (s *Seen) Disk(name, dir string) {
	if dir != "" {
		s.Metrics.Disk(name, dir)
	}
}
