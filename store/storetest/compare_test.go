package storetest

import (
	"strings"
	"testing"
	"time"

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
		"hides nothing", "hides what comes after a truncation", "knows the last truncation alone", "takes a deleted stream for one that exists",
		"looks at tombstones before the ids", "looks at tombstones after the condition", "does not mark what is hidden", "counts what is hidden against a limit",
		"forgets ids with what is hidden", "counts nothing that is hidden in conditions", "guards a stream and nothing that is said about it", "forgets at the end of an append",
		"hides from a reading what was deleted since it began", "keeps another digest in stubs", "loses what is scavenged", "forgets the ids of what is scavenged",
		"counts no stubs in conditions", "lends events without their data",
	}
	for _, w := range wrongStores {
		for _, mistake := range among {
			if w.mistake != mistake {
				continue
			}
			t.Run(w.mistake, func(t *testing.T) {
				failures, _ := judge(2*time.Minute, func(tb testing.TB) { Compare(tb, memstore.New(), w.subject(), 7, 10_000) })
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
