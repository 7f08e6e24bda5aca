package logstore

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/logstore/internal/index"
)

func TestASegmentThatWasReplacedGetsNoIndexFile(t *testing.T) {
	s, err := Open(t.TempDir(), &Options{SegmentBytes: 512, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for range 4 {
		if _, err := s.Append(t.Context(), []daybook.Event{{Stream: "a-1", Type: "Happened", Data: make([]byte, 300)}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Append(t.Context(), []daybook.Event{daybook.Deleted("a-1")}, nil); err != nil {
		t.Fatal(err)
	}

	// What the indexer does too late: it has the table, and the segment is replaced.
	old := s.view.Load().segments[0]
	table := new(index.Table)
	if _, err := s.Scavenge(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if !old.retired.Load() {
		t.Fatal("the first segment was not replaced")
	}
	if err := old.putIndex(table); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{old.indexName(), old.indexName() + ".tmp"} {
		if _, err := s.home.world.FS.Size(s.home.path(name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is there after its segment was replaced (%v)", name, err)
		}
	}
}
