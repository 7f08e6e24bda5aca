package main

import (
	"io"
	"os"

	"github.com/cheggaaa/pb/v3"
	"github.com/dustin/go-humanize"
	"github.com/mattn/go-isatty"

	"github.com/daybook-es/daybook"
)

// A progress shows how far a verb has come, if somebody watches a terminal. A nil one
// shows nothing.
type progress struct{ bar *pb.ProgressBar }

// progress returns one that counts to a total, which is zero if it is not known.
func (c *console) progress(total int64, unit string) *progress {
	file, ok := c.err.(*os.File)
	if !ok || !isatty.IsTerminal(file.Fd()) {
		return nil
	}
	template := `{{ counters . }} ` + unit + ` {{ bar . }} {{ percent . }} {{ rtime . "%s left" "%s" }}`
	if unit == "bytes" { // which the counters say themselves
		template = `{{ counters . }} {{ bar . }} {{ percent . }} {{ rtime . "%s left" "%s" }}`
	}
	bar := pb.ProgressBarTemplate(template).New(0).SetTotal(total)
	bar.Set(pb.Bytes, unit == "bytes")
	return &progress{bar.SetWriter(file).Start()}
}

// set shows how far it has come.
func (p *progress) set(n int64) {
	if p != nil {
		p.bar.SetCurrent(n)
	}
}

// setOf shows how far it has come of a total.
func (p *progress) setOf(n, total int64) {
	if p != nil {
		p.bar.SetTotal(total)
		p.bar.SetCurrent(n)
	}
}

// add shows that it has come further by n.
func (p *progress) add(n int64) {
	if p != nil {
		p.bar.Add64(n)
	}
}

// each returns a function that shows how far a reading has come.
func (p *progress) each() func(daybook.Recorded) {
	n := 0
	return func(e daybook.Recorded) {
		if n++; n%1000 == 0 {
			p.set(int64(e.Position))
		}
	}
}

// end leaves what is shown as it is.
func (p *progress) end() {
	if p != nil {
		p.bar.Finish()
	}
}

// reader returns a reader that shows how much of it was read.
func (p *progress) reader(r io.Reader) io.Reader { return &watched{r, p} }

type watched struct {
	io.Reader
	progress *progress
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.Reader.Read(b)
	w.progress.add(int64(n))
	return n, err
}

func count[N int | int64 | uint64](n N) string { return humanize.Comma(int64(n)) }
