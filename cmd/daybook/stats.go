package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore"
)

// Stats says how large a log is.
type Stats struct {
	Target
	JSON     bool `name:"json" help:"Print an object of JSON."`
	Segments bool `help:"Print a line for each segment too."`
}

// Help returns what the flags do not say.
func (Stats) Help() string {
	return `Says which log it is, how far it has come, and what it takes on the disk, without reading the events. The log may be in use.`
}

// Run prints the statistics.
func (s *Stats) Run(ctx context.Context, c *console) error {
	dir, err := s.existing()
	if err != nil {
		return err
	}
	stats, err := logstore.ReadStats(ctx, dir)
	if err != nil {
		return err
	}
	if s.JSON {
		return json.NewEncoder(c.out).Encode(s.object(stats))
	}
	if _, err := fmt.Fprint(c.out, stats); err != nil || !s.Segments {
		return err
	}
	fmt.Fprintf(c.out, "\n%-22s %12s %12s %13s %13s\n", "segment", "first", "last", "bytes", "index bytes")
	for _, segment := range stats.Segments {
		last := "none yet"
		if segment.Last >= segment.First {
			last = fmt.Sprint(segment.Last)
		}
		fmt.Fprintf(c.out, "%-22s %12d %12s %13s %13s\n", segment.Name, segment.First, last, count(segment.Bytes), count(segment.IndexBytes))
	}
	return nil
}

// A statsObject is what --json prints. People's scripts depend on it.
type statsObject struct {
	Log           string           `json:"log"`
	Incarnation   string           `json:"incarnation"`
	Head          daybook.Position `json:"head"`
	Point         daybook.Point    `json:"point"`
	Closed        bool             `json:"closed"`
	Owner         string           `json:"owner,omitempty"`
	Events        uint64           `json:"events"`
	Oldest        *time.Time       `json:"oldest,omitempty"`
	Newest        *time.Time       `json:"newest,omitempty"`
	SegmentBytes  int64            `json:"segment_bytes"`
	FrameBytes    int64            `json:"frame_bytes"`
	IndexBytes    int64            `json:"index_bytes"`
	BytesPerEvent float64          `json:"bytes_per_event"`
	Aside         []string         `json:"aside,omitempty"`
	AsideBytes    int64            `json:"aside_bytes,omitempty"`
	Segments      int              `json:"segments"`
	EachSegment   []segmentObject  `json:"each_segment,omitempty"`
}

type segmentObject struct {
	Name       string           `json:"name"`
	First      daybook.Position `json:"first"`
	Last       daybook.Position `json:"last"`
	Sealed     bool             `json:"sealed"`
	Bytes      int64            `json:"bytes"`
	FrameBytes int64            `json:"frame_bytes"`
	IndexBytes int64            `json:"index_bytes"`
}

func (s *Stats) object(stats *logstore.Stats) statsObject {
	o := statsObject{
		Log: stats.Head.Log.String(), Incarnation: stats.Head.Incarnation.String(), Head: stats.Head.Position, Point: stats.Head,
		Closed: stats.Closed, Owner: stats.Owner, Events: stats.Events,
		SegmentBytes: stats.SegmentBytes, FrameBytes: stats.FrameBytes, IndexBytes: stats.IndexBytes, BytesPerEvent: stats.BytesPerEvent(),
		Aside: stats.Aside, AsideBytes: stats.AsideBytes, Segments: len(stats.Segments),
	}
	if stats.Events > 0 {
		o.Oldest, o.Newest = &stats.Oldest, &stats.Newest
	}
	if s.Segments {
		for _, segment := range stats.Segments {
			o.EachSegment = append(o.EachSegment, segmentObject(segment))
		}
	}
	return o
}
