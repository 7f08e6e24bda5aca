package publish_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/publish"
)

var update = flag.Bool("update", false, "write the vectors anew")

// A bookmark that lies on somebody's disk is read by every later version, and what a version
// writes is read by the one before. So the bytes are these.
func TestABookmarkIsWrittenAsItHasAlwaysBeen(t *testing.T) {
	id := func(n byte) uuid.UUID { return uuid.UUID{6: 0x80, 8: 0x80, 15: n} }
	want := publish.Mark{
		ID:    id(1),
		Point: daybook.Point{Log: id(2), Incarnation: id(3), Position: 1234}, Last: 1230, LastID: id(4),
		Aside: []publish.Aside{{
			Key: "order-42", Position: 17, ID: id(5), Cause: "webhook: partner.example answered 422: \"no\"", Attempts: 1,
			Since: time.Date(2026, 11, 21, 12, 0, 0, 500, time.UTC), Followers: 2, Newest: 1230,
		}, {Key: "Köln", Position: 18, ID: id(6), Cause: "c", Attempts: 5, Since: time.Date(2026, 11, 21, 13, 0, 0, 0, time.UTC)}},
		Skipped: []publish.Skip{{Key: "order-7", Position: 3, ID: id(7), Reason: "a test order", At: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)}},
	}
	const vector = "testdata/bookmark/bookmark.json"
	dir := t.TempDir()
	b, err := publish.OpenFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.Save(t.Context(), publish.Mark{}, want); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(filepath.Join(dir, "bookmark.json"))
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(vector, written, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(vector)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(kept), string(written)); diff != "" {
		t.Errorf("the bytes (-as they were +as they are written):\n%s", diff)
	}
	if err := os.WriteFile(filepath.Join(dir, "bookmark.json"), kept, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := b.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what is read (-want +got):\n%s", diff)
	}
}
