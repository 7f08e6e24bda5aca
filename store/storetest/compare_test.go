package storetest

import (
	"strings"
	"testing"

	"github.com/daybook-es/daybook/store/memstore"
)

func TestARandomHistoryGetsTheSameAnswersFromARightStore(t *testing.T) {
	Compare(t, memstore.New(), rigged(), 1, 10_000)
}

// A random history must find out the wrong stores whose mistakes are in answers
// rather than in races, waits and faults.
func TestARandomHistoryFindsWrongStoresOut(t *testing.T) {
	among := []string{
		"ignores expected versions", "ignores conditions of other incarnations", "guards from one position too late", "forgets what is more than a few appends old",
		"names one failed clause", "takes the condition of half a past", "lets a clause on the zero query hold", "checks the condition before the ids",
		"reads on into what comes later", "states the last event read as the snapshot", "takes one event more than the limit", "begins with the version itself",
		"knows at a time what was recorded before it", "looks at the first tag alone", "forgets the types where there are tags", "loses the last tag", "keeps microseconds",
		"takes a recorded id in any stream", "takes recorded ids in any order and place", "names the oldest id that is reused", "is another log when reopened",
	}
	for _, w := range wrongStores {
		for _, mistake := range among {
			if w.mistake != mistake {
				continue
			}
			t.Run(w.mistake, func(t *testing.T) {
				failures, _ := judge(func(tb testing.TB) { Compare(tb, memstore.New(), w.subject(), 7, 10_000) })
				if len(failures) == 0 {
					t.Fatalf("a store that %s gives the answers of the model", w.mistake)
				}
				if !strings.Contains(failures[0], "seed 7, operation ") {
					t.Errorf("the failure does not say how to see it again: %s", failures[0])
				}
			})
		}
	}
}
