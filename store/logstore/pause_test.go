package logstore

import (
	"sync"
	"testing"
	"time"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/internal/vfs"
)

// slowSync is a disk of which a sync takes a while, and that counts them.
type slowSync struct {
	vfs.FS
	syncs *int
}

type slowFile struct {
	vfs.File
	syncs *int
}

func (f slowFile) Sync() error {
	*f.syncs++ // one at a time
	time.Sleep(2 * time.Millisecond)
	return f.File.Sync()
}

func (s slowSync) Create(name string) (vfs.File, error) {
	f, err := s.FS.Create(name)
	if err != nil || name[len(name)-len(spareName):] != spareName {
		return f, err
	}
	return slowFile{f, s.syncs}, nil
}

// Goal: those who append one event after another share each sync, all of them, and not half
// of them each second one. Method: syncs are counted, of several rounds the best, because
// on a busy machine one may be late.
func TestWhoeverAppendsAgainAtOnceSharesTheNextSync(t *testing.T) {
	const writers, each, rounds = 8, 50, 5
	fewest := writers * each
	for n := 0; n < rounds && fewest > each*4/3; n++ {
		fewest = min(fewest, syncsOf(t, writers, each))
	}
	if fewest > each*4/3 {
		t.Errorf("%d appends of %d writers took %d syncs at least, want little more than %d", writers*each, writers, fewest, each)
	}
}

// syncsOf returns how many syncs it takes when some writers append one event after another.
func syncsOf(t *testing.T, writers, each int) int {
	world, syncs := vfs.OS(), 0
	world.FS = slowSync{world.FS, &syncs}
	s, err := open(world, t.TempDir(), quietly)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				if _, err := s.Append(t.Context(), []daybook.Event{{Stream: "order-1", Type: "Placed"}}, nil); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return syncs
}

func TestWhereNobodyComesBackThereAreFewerPauses(t *testing.T) {
	var p pause
	answered := &group{requests: make([]*request, 4)}
	paused := 0
	for range 1000 {
		if p.begin(answered, nil, 100, time.Millisecond) {
			paused++
			p.end(101)
		}
	}
	if paused < 5 || paused > 15 {
		t.Errorf("%d of 1,000 groups had a pause behind them, want about ten", paused)
	}
	for p.skip > 0 {
		p.begin(answered, nil, 100, time.Millisecond)
	}
	if !p.begin(answered, nil, 100, time.Millisecond) {
		t.Fatal("there is no pause any more")
	}
	p.end(104)
	if !p.begin(answered, nil, 104, time.Millisecond) {
		t.Error("there is no pause behind the group after one for which all came back")
	}
	if p.end(108); p.begin(&group{requests: answered.requests[:1]}, nil, 108, time.Millisecond) {
		t.Error("a lone append is waited for")
	}
}
