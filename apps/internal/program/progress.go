package program

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/cheggaaa/pb/v3"
	"github.com/dustin/go-humanize"
	"github.com/mattn/go-isatty"
)

// Done says how far something has come.
type Done struct {
	// Things is how many things were dealt with, and Events how many events that took.
	Things, Events int
	// Read is how many bytes were read, of Size; zero where that is not known.
	Read, Size int64
}

// Count writes a number with its thousands set apart.
func Count(n int) string { return humanize.Comma(int64(n)) }

// PerSecond returns how many of n come to a second.
func PerSecond(n int, elapsed time.Duration) int {
	if elapsed <= 0 {
		return 0
	}
	return int(float64(n) / elapsed.Seconds())
}

// Progress returns what shows how far an import of things has come, and what ends it: a
// bar on a terminal, otherwise a line now and then. An importer calls it from one
// goroutine at a time.
func Progress(w io.Writer, things string) (tell func(Done), end func()) {
	began := time.Now()
	if file, ok := w.(*os.File); ok && isatty.IsTerminal(file.Fd()) {
		bar := pb.ProgressBarTemplate(`{{ string . "things" }} {{ bar . }} {{ percent . }} {{ string . "rate" }} {{ rtime . "%s left" "%s" }}`).New(0)
		bar.SetWriter(file)
		return func(p Done) {
			bar.SetTotal(p.Size)
			bar.SetCurrent(p.Read)
			bar.Set("things", Count(p.Things)+" "+things)
			bar.Set("rate", Count(PerSecond(p.Events, time.Since(began)))+" events/s")
			if !bar.IsStarted() {
				bar.Start()
			}
		}, func() { bar.Finish() }
	}
	var last time.Time
	return func(p Done) {
		if time.Since(last) < time.Second {
			return
		}
		last = time.Now()
		elapsed := time.Since(began)
		line := fmt.Sprintf("%s %s, %s events/s", Count(p.Things), things, Count(PerSecond(p.Events, elapsed)))
		if 0 < p.Read && p.Read <= p.Size {
			left := time.Duration(float64(elapsed) * float64(p.Size-p.Read) / float64(p.Read))
			line += fmt.Sprintf(", %d %%, %s left", 100*p.Read/p.Size, left.Round(time.Second))
		}
		fmt.Fprintln(w, line)
	}, func() {}
}
