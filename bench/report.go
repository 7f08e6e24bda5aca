package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/daybook-es/daybook/bench/peers"
)

// A chapter says how a workload's figures are laid out.
type chapter struct {
	work, title string
	method      string
	// metric is what ratios and the plot are of; more is better if higher.
	metric string
	higher bool
	// ours is the key of what ratios are held against; logstore by default, and alone where
	// nothing is held against anything.
	ours string
	// wide chapters have a row per peer and a column per case, a table per metric; the
	// others have a table per case, with a column per metric.
	wide    bool
	metrics []string
	// skip is how the cases begin that no table shows, because a plot does.
	skip string
	// plots are the metrics that the plot has blocks of; metric alone by default.
	plots []string
	// why says what a peer does, or leaves out, where it is ahead.
	why map[string]string
}

// httpMetrics are what is told of requests.
var httpMetrics = []string{"requests/s", "p50 ms", "p99 ms", "p99.9 ms", "most ms", "CPU µs/request", "s until all is shown"}

const (
	aboutClient = "CPU is that of the server's process. The client is in this process, on the same two processors, and takes what is left; it is the same for all and parses next to nothing."
	whyObvious  = "it keeps the row as it is now and nothing else, and finds it with one statement; here each command is decided on its history, recorded for ever under an id of its own, read back for the answer, and followed by every read model in the same process, and a query asks in one transaction where the read model stands and then each of its tables: a read of apps/orders is five statements, half of what a request costs"
)

// ceiling is why the bare log is ahead wherever it is.
const ceiling = "the ceiling, no rival: it looks up no ids, gives no versions, checks nothing and keeps no index"

var chapters = []chapter{
	{work: "append", title: "Durable appends", metric: "events/s", higher: true, wide: true, metrics: []string{"events/s", "CPU µs/event", "disk B/event"},
		method: "Writers append one event, or ten at once, each waiting for its answer before its next; a fifth of a round's time before it is for warming up. Each peer is fresh in each round, so that Pebble has all in its memtable.",
		why: map[string]string{"bare": ceiling,
			"pebble":   "each writer encodes and applies its own batch beside the others', and it looks up neither ids nor versions; what it owes to compaction it pays later (see sustained appends)",
			"pg":       "many backends sync at once",
			"pg-group": "a group that waits a little longer is larger"}},
	{work: "latency", title: "Latency of a lone append", metric: "p50 µs", metrics: []string{"p50 µs", "p99 µs"}, plots: []string{"p50 µs", "p99 µs"},
		method: "One writer, one event; all peers are open at the same time and take turns after 25 appends, beside a plain write and fdatasync of as many bytes into a preallocated file.",
		why:    map[string]string{"bare": ceiling, plainKey: "it is what an append consists of at least; the rest is checking, encoding and handing over"}},
	{work: "boundary", title: "A condition on every append", metric: "CPU µs/event", metrics: []string{"events/s", "CPU µs/event"},
		method: "256 writers, one event each time: without a condition, under the stream's version, and under the boundary that nothing of a type and a tag was recorded since the writer's last append."},
	{work: "tail", title: "Following at the head", metric: "p50 ms", metrics: []string{"appends/s", "p50 ms", "p99 ms", "deliveries/s", "CPUs busy"}, plots: []string{"p50 ms", "p99 ms"},
		method: "20,000 appends a second are due by the clock, one event each, from 256 writers. A lag is from when an event was due until a follower has it, durability included; a writer that falls behind makes every later lag longer. Each follower checks that it misses nothing and that all is in order."},
	{work: "backup", title: "Backing up beside appends and a follower", metric: "p50 ms", metrics: []string{"appends/s", "p50 ms", "p99 ms", "backups", "first backup s"}, plots: []string{"p50 ms", "p99 ms"},
		method: "10,000 appends a second are due by the clock, one event each, from 256 writers, while a process of its own follows the log, and another one backs it up, again and again. A lag is from when an append was due until it was durable. The last backup of each kind is restored and verified, and compared with the log; the follower must miss nothing."},
	{work: "sustained", title: "Sustained appends", metric: "CPU µs/event", metrics: []string{"events", "events/s", "CPU µs/event", "disk B/event", "written B/event", "kept B/event", "index B/event", "most heap MB", "most anonymous MB", "first fifth events/s", "last fifth events/s"}, skip: "after",
		plots:  []string{"CPU µs/event", "disk B/event", "kept B/event", "most anonymous MB"},
		method: "256 writers append ten events at once into one store until it is full, in a process of its own. The events are in a tenth as many streams, chosen by chance. CPU is user and system time of the process, its load generator and its background work included, until it is closed; disk bytes are the file pages made dirty; written bytes are those handed to write calls; kept bytes are the files' sizes afterwards. Peers that are slow hold fewer events, as the table says, which favours those whose work grows with the log.",
		why: map[string]string{"bare": ceiling,
			"pebble": "it looks up neither ids nor versions; its compactions grow with the log, so a short run flatters it"}},
	{work: "replay", title: "Replaying everything", metric: "events/CPU s", higher: true, metrics: []string{"events", "events/s", "events/CPU s"},
		method: "One reader reads the whole filled store in order, warm, and touches each event's data. The embedded store verifies every frame's checksum and hands out whole events, borrowed; the others hand out the data.",
		why: map[string]string{"bare": ceiling + "; it decodes nothing but where the data lies",
			"pebble": "it decodes only where the data lies, and verifies a block's checksum when it reads it from a file, not when it finds it in its cache",
			"bbolt":  "it is mapped into memory, decodes only where the data lies, and has no checksums but of its root pages"}},
	{work: "load", title: "Loading a stream of 100 events among many", metric: "p50 µs", metrics: []string{"p50 µs", "p99 µs", "CPU µs"},
		method: "Streams of 100 events in the filled stores. Scattered: one event in each hundredth of the log, in an append with nine events of other streams. Gathered: ten appends of ten in a short time. Cold: the store is opened anew before each load, asked for a stream that does not exist, and the files are put out of the page cache; just opened: it is not asked before.",
		why: map[string]string{
			"pebble":    "while its cache holds the store, blocks in it are verified already; here each event's frame is read and verified whole, with its company. And when it was just opened it reads a table's filter when it needs it, a block at a time",
			"sqlite":    "while its cache holds the store, it reads no file and verifies nothing; and it is smaller here, as the table of sustained appends says",
			"bbolt":     "it is mapped into memory, verifies nothing, and is smaller here, as the table of sustained appends says",
			"jetstream": "it keeps where each stream's events are in memory; it is far smaller here, as the table of sustained appends says",
			"pg":        "its server was open before and caches for itself; and it is smaller here, as the table of sustained appends says",
			"pg-group":  "as the one before"}},
	{work: "memory", title: "Memory", metric: "anonymous MB", metrics: []string{"events", "anonymous MB", "heap MB", "with mapped files MB"},
		method: "A process that opens the filled store, replays all of it, and appends a twentieth more with 256 writers. Anonymous memory is what is resident and no file's page, so it is the process's own; mapped files count in the last column.",
		why: map[string]string{
			"pebble":    "it reads its tables' indexes and filters when it needs them; here the tail of the log is verified, and its index made, when it is opened",
			"sqlite":    "it keeps pages of a B-tree and nothing that grows; its store is smaller here, as the table of sustained appends says",
			"bbolt":     "all it reads is mapped from its file; its store is smaller here, as the table of sustained appends says",
			"jetstream": "its store is far smaller here, as the table of sustained appends says"}},
	{work: "reopen", title: "Opening after kill -9", metric: "ms", metrics: []string{"ms", "ms to first event"},
		method: "A process that appends to its filled store is killed after a number of appends that differs each time; the next process opens it, and reads one event. Cold: after the files were put out of the page cache.",
		why: map[string]string{
			"pebble":    "it replays what is in its log and not yet in a table",
			"sqlite":    "its write-ahead log is short: it is copied back every 1,000 pages, which is paid for while appending",
			"bbolt":     "every transaction wrote the tree itself, twice synced, so there is nothing to recover",
			"jetstream": "its store is far smaller here, as the table of sustained appends says"}},
	{work: "views", title: "Building a read model", metric: "events/s", higher: true, metrics: []string{"events/s"},
		method: "A read model with a row for each stream is built from the filled log: decode the event, add to its stream's row. The loop by hand reads and decodes the same, and runs the same statement, prepared, in transactions of 1,000 events that also keep the position, with the same settings; it knows nothing of restores, other processes, or events that cannot be applied. Bare replay reads the log and does nothing. In memory the loop changes a map under a lock."},
	{work: "aside", title: "One key that cannot be applied", metric: "p99 ms", metrics: []string{"events/s", "p50 ms", "p99 ms"}, plots: []string{"p50 ms", "p99 ms"},
		method: "2,000 events a second are due by the clock, one for each of 10,000 keys in turn, from 64 writers. A lag is from when an event was due until a read model in SQLite shows it, durability included; events that are set aside have none."},
	{work: "rebuild", title: "Building a read model again beside the one that answers", metric: "p99 ms", metrics: []string{"seconds", "events/s", "p50 ms", "p99 ms"}, plots: []string{"p50 ms", "p99 ms"},
		method: "200 questions a second are due by the clock, each for twenty rows of a read model in SQLite, while another edition of it is built from the log and readers are switched. The times are of the questions."},
	{work: "postgres", title: "Appends on one PostgreSQL server", metric: "events/s", higher: true, ours: "pgstore", metrics: []string{"events/s", "p50 ms", "p99 ms", "CPU µs/event"},
		method: "One server, a new database for each peer and round. Callers append one event under the version that its stream is at, ten to a stream, each waiting for its answer before its next. CPU is that of the server and of the process that calls.",
		why:    map[string]string{"pg-plain": "its commits overtake each other, 64 of them at a time, so that whoever reads it by position misses events; it looks up no ids of appends that are repeated, keeps no tags, types or categories to be found by, and each append is one statement where pgstore asks, records and commits"}},
	{work: "nats", title: "Appends on one JetStream cluster", metric: "events/s", higher: true, ours: "natsstore", metrics: []string{"events/s", "p50 ms", "p99 ms", "CPU µs/event"},
		method: "Three servers in this process, on one disk, which sync each message before they acknowledge it; streams have three replicas, and each peer and round has its own. Callers append as above."},
	{work: "elsewhere", title: "Replaying a log from each of our stores", metric: "events/s", higher: true, metrics: []string{"events", "events/s", "events/CPU s"},
		method: "The same log, copied by daybook.Copy, is read whole and in order by one reader, warm, which touches each event's data. Ratios are of logstore against the others: above 1 means that logstore is faster. CPU is that of the server too."},
	{work: "orders", title: "The shop over HTTP, in closed loops", metric: "requests/s", higher: true, ours: "orders", metrics: httpMetrics,
		method: "A process of its own on the loopback, started anew in each round; clients send their next request when they have the answer to the last, over connections of their own. Commands first, then queries for what they made. " + aboutClient,
		why:    map[string]string{"obvious": whyObvious}},
	{work: "catalog", title: "The catalogue over HTTP, in closed loops", metric: "requests/s", higher: true, ours: "catalog", metrics: httpMetrics,
		method: "As above. A hundred products are asked for by chance, and the first page of the list: of a server that keeps its answers (its default, 64 MB), and of one that does not (--cache=-1). " + aboutClient,
		why:    map[string]string{"obvious": whyObvious}},
	{work: "queueing", title: "Commands that arrive by chance", metric: "p99 ms", ours: alone, metrics: append([]string{"offered/s"}, httpMetrics...), plots: []string{"p99 ms"},
		method: "Commands arrive independently of each other and of the answers, at a part of the most that the site did in closed loops, and a time is from the moment at which a command was to be sent: whatever makes it wait counts. Each site is asked for a part of its own ceiling, so read the rates beside the times."},
	{work: "steady", title: "Memory as time goes by", metric: "anonymous MB", ours: alone, wide: true, metrics: []string{"anonymous MB", "heap MB", "with mapped files MB", "requests/s", "p50 ms", "p99 ms", "p99.9 ms"}, plots: []string{"anonymous MB"},
		method: "Both sites run beside each other on the two processors. Commands and queries arrive by chance, at each at a quarter of its ceiling. Read the memory; how long answers took shows what else the machine did. By a profile of the heap, what grows with the log is the table of where its streams stand, which ends at a million of them and 36 MB, and the answers that the catalogue keeps, which end at 64 MB; the collector lets the heap grow to twice what is in use."},
}

// report writes the tables and the plots of results into a directory.
func report(r *Results, out string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Measurements\n\n")
	fmt.Fprintf(&b, `Every peer keeps the same events, %d bytes in the canonical encoding, under the same five terms each (stream, category, type, a
tag, id), with everything on the disk before it answers. The peers take turns within one run, each in a directory of its own, and a figure is the
median of the rounds, with the lowest and the highest in brackets where there were several. **Read the ratios**: the rates are this machine's, which was shared. A ratio is our
store against the peer, and above 1 where ours is better. What each table's command is stands above it.

`, recordBytes)
	for _, line := range r.Machine {
		fmt.Fprintf(&b, "* %s\n", line)
	}
	fmt.Fprintf(&b, "\n| peer | an answer rests on | what to know |\n| --- | --- | --- |\n")
	for _, k := range allKinds() {
		if slices.ContainsFunc(r.Parts, func(p *Part) bool { return slices.Contains(p.keys(), k.Key) }) {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", k.Name, k.Synced, k.Note)
		}
	}
	r.aims(&b)
	r.losses(&b)
	var errs error
	for _, c := range chapters {
		p := r.part(c.work)
		if p == nil || len(p.Figures) == 0 && len(p.Notes) == 0 {
			continue
		}
		c.write(&b, p)
		if svg := c.plot(p); svg != "" {
			name := c.work + ".svg"
			fmt.Fprintf(&b, "\n![%s](%s)\n", c.title, name)
			errs = errors.Join(errs, os.WriteFile(filepath.Join(out, name), []byte(svg), 0o644))
		}
		if c.work == "sustained" {
			if svg := growthPlot(p); svg != "" {
				fmt.Fprintf(&b, "\n![Memory as the log grows](growth.svg)\n")
				errs = errors.Join(errs, os.WriteFile(filepath.Join(out, "growth.svg"), []byte(svg), 0o644))
			}
		}
	}
	return errors.Join(errs, os.WriteFile(filepath.Join(out, "README.md"), []byte(b.String()), 0o644))
}

// aims writes what was aimed at and what was measured.
func (r *Results) aims(b *strings.Builder) {
	if !slices.ContainsFunc(aims, func(a aim) bool { return r.part(a.part) != nil }) {
		return
	}
	fmt.Fprintf(b, "\n## What is aimed at\n\n| work | aim | measured | | command |\n| --- | --- | --- | --- | --- |\n")
	for _, a := range aims {
		p := r.part(a.part)
		if p == nil {
			fmt.Fprintf(b, "| %s | %s | not measured in this run | | |\n", a.work, a.aim)
			continue
		}
		v := a.measure(r, p)
		word := "met"
		switch {
		case !v.known:
			word = "not measured"
		case a.aim == noAim:
			word = ""
		case len(v.missed) > 0:
			word = "**missed**: " + strings.Join(v.missed, ", ")
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | `-only %s` |\n", a.work, a.aim, v.measured, word, a.part)
	}
	fmt.Fprintf(b, "\nEach command is whole above the tables of its workload.\n")
}

// losses writes the cases in which another is ahead, a line for each peer of a
// chapter.
func (r *Results) losses(b *strings.Builder) {
	var rows []string
	for _, c := range chapters {
		p := r.part(c.work)
		if p == nil {
			continue
		}
		for _, key := range p.keys() {
			var behind []string
			for _, in := range p.cases(c.skip) {
				ours, ok := p.get(in, c.us(), c.metric)
				theirs, ok2 := p.get(in, key, c.metric)
				if times := c.better(ours, theirs); ok && ok2 && !own(key) && times < 0.97 {
					behind = append(behind, fmt.Sprintf("%s: %.2f", in, times))
				}
			}
			if len(behind) > 0 {
				rows = append(rows, fmt.Sprintf("| %s, %s | %s | %s | %s |", c.title, c.metric, peerName(key), strings.Join(behind, "; "), c.why[key]))
			}
		}
	}
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## Where we lose\n\n| work | to whom | ratios | why |\n| --- | --- | --- | --- |\n%s\n", strings.Join(rows, "\n"))
}

// better returns how many times better ours is.
func (c chapter) better(ours, theirs float64) float64 {
	if c.higher {
		return ours / theirs
	}
	return theirs / ours
}

// cases returns the cases of a part in the order in which they were measured.
func (p *Part) cases(skip string) (names []string) {
	for _, f := range p.Figures {
		if skip != "" && strings.HasPrefix(f.Case, skip) {
			continue
		}
		if !slices.Contains(names, f.Case) {
			names = append(names, f.Case)
		}
	}
	return names
}

// keys returns the peers that were measured, in their order.
func (p *Part) keys() (keys []string) {
	for _, k := range allKinds() {
		if slices.ContainsFunc(p.Figures, func(f Figure) bool { return f.Peer == k.Key }) {
			keys = append(keys, k.Key)
		}
	}
	for _, other := range []string{plainKey, byHandKey, replayKey} {
		if slices.ContainsFunc(p.Figures, func(f Figure) bool { return f.Peer == other }) {
			keys = append(keys, other)
		}
	}
	return keys
}

// allKinds returns all peers, in their order.
func allKinds() []peers.Kind { return slices.Concat(peers.Kinds, peers.Shared) }

func peerName(key string) string {
	for _, k := range allKinds() {
		if k.Key == key {
			return k.Name
		}
	}
	return key
}

// write writes the chapter's tables.
func (c chapter) write(b *strings.Builder, p *Part) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n", c.title, c.method)
	fmt.Fprintf(b, "\n`%s`, %s, took %.0f s; other programs kept %.1f processors busy meanwhile.\n", p.Command, p.Started, p.Seconds, p.Others)
	for _, note := range p.Notes {
		fmt.Fprintf(b, "\n* %s", note)
	}
	if len(p.Notes) > 0 {
		fmt.Fprintln(b)
	}
	if c.wide {
		for _, metric := range c.metrics {
			c.table(b, p, metric, p.cases(c.skip), func(in, key string) string { return p.cell(in, key, metric) })
		}
		if c.ours == alone {
			return
		}
		c.table(b, p, c.metric+", ratio", p.cases(c.skip), func(in, key string) string { return c.ratio(p, in, key) })
		return
	}
	for _, in := range p.cases(c.skip) {
		fmt.Fprintf(b, "\n| %s |", in)
		var shown []string
		for _, metric := range c.metrics {
			if slices.ContainsFunc(p.Figures, func(f Figure) bool { return f.Case == in && f.Metric == metric }) {
				shown = append(shown, metric)
				fmt.Fprintf(b, " %s |", metric)
			}
		}
		compared := c.ours != alone
		if compared {
			fmt.Fprintf(b, " ratio of %s |", c.metric)
		}
		fmt.Fprintf(b, "\n| --- |%s%s\n", strings.Repeat(" ---: |", len(shown)), map[bool]string{true: " ---: |"}[compared])
		for _, key := range p.keys() {
			if !slices.ContainsFunc(p.Figures, func(f Figure) bool { return f.Case == in && f.Peer == key }) {
				continue
			}
			fmt.Fprintf(b, "| %s |", peerName(key))
			for _, metric := range shown {
				fmt.Fprintf(b, " %s |", p.cell(in, key, metric))
			}
			if compared {
				fmt.Fprintf(b, " %s |", c.ratio(p, in, key))
			}
			fmt.Fprintln(b)
		}
	}
}

// table writes a row for each peer and a column for each case.
func (c chapter) table(b *strings.Builder, p *Part, title string, cases []string, cell func(in, key string) string) {
	fmt.Fprintf(b, "\n| %s | %s |\n| --- |%s\n", title, strings.Join(cases, " | "), strings.Repeat(" ---: |", len(cases)))
	for _, key := range p.keys() {
		fmt.Fprintf(b, "| %s |", peerName(key))
		for _, in := range cases {
			fmt.Fprintf(b, " %s |", cell(in, key))
		}
		fmt.Fprintln(b)
	}
}

// alone is of chapters in which each has figures of its own.
const alone = "-"

// us returns the key of what ratios are held against.
func (c chapter) us() string { return cmp.Or(c.ours, "logstore") }

// own reports whether a peer is a store of this module, which loses to none of its own.
func own(key string) bool {
	return slices.Contains([]string{"logstore", "pgstore", "natsstore", "natsstore-far"}, key)
}

// ratio returns how many times better our store is than a peer.
func (c chapter) ratio(p *Part, in, key string) string {
	ours, ok := p.get(in, c.us(), c.metric)
	theirs, ok2 := p.get(in, key, c.metric)
	if !ok || !ok2 || key == c.us() {
		return ""
	}
	return fmt.Sprintf("%.2f", c.better(ours, theirs))
}

// cell returns a figure with its lowest and highest round.
func (p *Part) cell(in, key, metric string) string {
	for _, f := range p.Figures {
		if f.Case != in || f.Peer != key || f.Metric != metric {
			continue
		}
		if len(f.Values) == 1 || metric == "events" {
			return number(f.Median())
		}
		return fmt.Sprintf("%s (%s–%s)", number(f.Median()), number(slices.Min(f.Values)), number(slices.Max(f.Values)))
	}
	return ""
}

// number writes a number with three digits that matter.
func number(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%.2f M", v/1e6)
	case v >= 1e5:
		return fmt.Sprintf("%.0f k", v/1e3)
	case v >= 1e4:
		return fmt.Sprintf("%.1f k", v/1e3)
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}
