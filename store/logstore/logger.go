package logstore

import "log/slog"

// A logger tells the operator what the store did to the directory, and what the disk
// did to the store.
type logger struct{ *slog.Logger }

func (l *logger) fault(g *group, f *fault) {
	if g.errand != nil {
		l.Error("what was to be done between two groups failed", "err", f.err)
		return
	}
	l.Error("a group of appends was not made durable", "segment", g.segment.name(), "offset", g.offset,
		"appends", len(g.requests), "unknown", f.unknown, "read_only", f.fatal, "err", f.err)
}
