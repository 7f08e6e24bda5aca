package publish

import (
	"fmt"
	"testing"

	"github.com/google/uuid"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs/crashfs"
)

// The power is cut after every call: what is there then is the mark that Save last returned
// nil for, or the one that it was saving.
func TestABookmarkInAFileSurvivesAPowerCut(t *testing.T) {
	disk := crashfs.New(1)
	b, err := openFile(disk, "data/bookmark")
	if err != nil {
		t.Fatal(err)
	}
	const saves = 12
	saved := make([]int, saves+1) // at which call each was saved
	from := Mark{}
	for n := 1; n <= saves; n++ {
		to := Mark{ID: uuid.New(), Last: daybook.Position(n)}
		for range n % 4 { // files of several sectors, longer and shorter
			to.Aside = append(to.Aside, Aside{Key: fmt.Sprintf("%0500d", n)})
		}
		if err := b.Save(t.Context(), from, to); err != nil {
			t.Fatal(err)
		}
		saved[n], from = disk.Calls(), to
	}

	cuts, err := disk.Recording().EveryCut(4, func(cut crashfs.Cut) error {
		b, err := openFile(cut.Disk, "data/bookmark")
		if err != nil {
			return err
		}
		m, err := b.Load(t.Context())
		if err != nil {
			return err
		}
		least := 0
		for n, call := range saved {
			if call <= cut.Call {
				least = n
			}
		}
		if n := int(m.Last); n < least || n > least+1 {
			return fmt.Errorf("mark %d is there after %d was saved", n, least)
		}
		// And it goes on from there.
		return b.Save(t.Context(), m, Mark{ID: uuid.New()})
	})
	if err != nil || cuts < 100 {
		t.Errorf("%d power cuts: %v", cuts, err)
	}
}
