//go:build !race

package logstore

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// mutants is the register of the bugs that can be planted in the engine: what each one
// breaks, and which test, or which part of it after a slash, must then fail in its short
// form.
var mutants = []struct{ name, breaks, caught string }{
	{"acknowledge-before-sync", "an append is acknowledged when it is written, not when it is synced", "TestNoPowerCutTakesBackAPromise"},
	{"answered-before-it-has-arrived", "what another node answered cannot be read yet where it was asked", "TestAForwardedAppendIsAnsweredWhenItHasArrived"},
	{"arrivals-not-checked", "a node serves frames in the order in which they happen to arrive", "TestWhatDoesNotFollowIsNotTakenIn"},
	{"backup-appended-to", "a backup is opened for appending, and what is recorded there is at positions that the log uses too", "TestNothingIsRecordedInABackup"},
	{"backup-of-another-life", "events that only the backup has are overwritten when it is brought up to date", "TestABackupWithEventsOfItsOwnIsLeftAsItIs"},
	{"backup-trusts-names", "a backup that goes on believes in names that a failed sync has not made durable", "TestEveryAnswerIsRightWhicheverCallOfLookingAfterALogFails"},
	{"backward-only-from-frame-to-frame", "the events of one append are read forward in a reading backward", "TestStoreOfTinySegments/a long reading is read whole"},
	{"before-a-version-includes-it", "reading before a version ends with it", "TestStoreOfTinySegments/a reading of one stream may be bounded by versions"},
	{"bloom-bit-missing", "a stream that an index file has is taken for one that it has not", "TestRandomHistoriesGetTheAnswersOfTheModel"},
	{"category-cut-at-the-last-dash", "the category of order-1-a is taken for order-1", "TestStoreOfTinySegments/a category is what stands before the first hyphen of a stream's name"},
	{"chain-not-kept", "the segment behind a rewritten one follows a frame that is not there any more", "TestNoPowerCutWhileScavengingTakesBackAPromise"},
	{"checksum-not-verified-on-reading", "what is read is handed out as it lies on the disk", "TestEveryDamageIsToldOrDoesNoHarm"},
	{"closing-not-marked", "after a proper closing what is missing is taken for a crash's", "TestEveryDamageIsToldOrDoesNoHarm"},
	{"commit-in-a-later-turn", "what was put in order in one turn is committed in another, behind what others recorded in between", "TestAGroupFilledInAnEarlierTurnIsNotRecorded"},
	{"condition-checked-outside-the-sequencer", "a condition is checked only before the append has its place", "TestEveryAnswerIsRightWhereNothingFails"},
	{"condition-of-an-empty-append-not-checked", "whoever only asks whether a condition holds is told yes", "TestStoreOfTinySegments/each clause on a query guards from a point of its own"},
	{"condition-of-another-life-accepted", "a condition read before a restore is held against what came after", "TestStoreOfTinySegments/a condition read in another log or incarnation is a conflict"},
	{"conflict-answered-before-its-group-is-durable", "a conflict names an event that a failing sync then takes away", "TestNoPowerCutTakesBackAPromise"},
	{"cut-at-the-first-bad-record-in-the-middle", "recovery takes all behind a damaged frame for torn", "TestDamageBeforeWhatWasDurableIsToldWithItsPlace"},
	{"durable-position-not-written", "damage to what was durable is taken for a torn group", "TestDamageBeforeWhatWasDurableIsToldWithItsPlace"},
	{"failed-write-not-cut-back", "what a failed write left is found later, though it was said to be absent", "TestWhatWasUnavailableIsAbsentForEver"},
	{"footer-believed-without-its-checksum", "a segment's marks are believed as they lie on the disk", "TestEveryDamageIsToldOrDoesNoHarm"},
	{"full-disk-answered-as-unknown", "a full disk leaves everybody in doubt", "TestAFullDiskRefusesDefinitelyAndOnlyWhileItIsFull"},
	{"full-disk-ends-all-writing", "a store whose disk was full stays read-only when there is room again", "TestAFullDiskRefusesDefinitelyAndOnlyWhileItIsFull"},
	{"heads-not-brought-up", "what was known of a stream is believed after more was recorded of it", "TestHeadsOfStreamsAreRightAcrossSegments"},
	{"stale-head-learned", "what was found of a stream in an old view takes the place of what was recorded since", "TestAHeadThatWasFoundIsNotPutWhereANewerOneMayHaveBeen"},
	{"ids-known-only-in-the-last-segment", "an append is recorded again after a segment was sealed", "TestStoreOfTinySegments/a repeat is a repeat whatever was recorded since"},
	{"ids-made-later-not-found", "an id is looked for only in segments whose first id it may be", "TestRandomHistoriesGetTheAnswersOfTheModel"},
	{"ids-not-checked-in-the-sequencer", "an append and its repeat on their way together are both recorded", "TestNoPowerCutTakesBackAPromise"},
	{"ignore-expected-version", "an append is recorded whatever the version of its stream", "TestEveryAnswerIsRightWhereNothingFails"},
	{"ignore-position-and-chain-in-a-frame", "a stale frame behind the last one is taken for the next one", "TestNoPowerCutBringsBackWhatAFailedCutLeft"},
	{"index-checksum-not-verified", "postings are believed as they lie on the disk", "TestEveryDamageIsToldOrDoesNoHarm"},
	{"jump-of-the-clock-followed", "appends are recorded as of next year, because somebody set the clock for a moment", "TestAJumpOfTheClockIsNotFollowedUntilItIsConfirmed"},
	{"known-at-does-not-wait", "what was known at a time changes when an append on its way becomes durable", "TestWhatWasKnownAtATimeNeverChanges"},
	{"known-at-excludes-its-moment", "what was recorded at a time was not known at it", "TestStoreOfTinySegments/what was known at a time is what had been recorded by then"},
	{"last-group-not-written-again", "a group whose sync failed is served after opening again, and is not on the disk", "TestNoPowerCutAfterAFailingDiskTakesBackAPromise"},
	{"lock-not-taken", "two stores write one directory", "TestASecondOpenerIsToldWhoHasTheDirectoryOpen"},
	{"manifest-not-written-again", "a manifest whose directory sync failed is built upon, and is not on the disk", "TestWhatAFailedSyncOfTheDirectoryLeftIsNotBuiltUpon"},
	{"manifest-replaced-without-sync", "the manifest is renamed before its bytes are on the disk", "TestNoPowerCutTakesBackAPromise"},
	{"mark-of-closing-not-taken-away", "a log that is written still says that it was closed", "TestNoPowerCutAfterAFailingDiskTakesBackAPromise"},
	{"misplaced-frame-found", "a frame that a disk gives back from another place is served to whom the index leads there", "TestAFrameInTheWrongPlaceIsNotServed"},
	{"misplaced-frame-read", "a frame that a disk gives back from another place is served to who reads all", "TestAFrameInTheWrongPlaceIsNotServed"},
	{"missing-segment-not-noticed", "a log opens though a segment that its manifest names is gone", "TestEverySegmentThatTheManifestNamesMustBeThere"},
	{"next-generation-not-synced", "a rewritten segment takes the place of the other before it is on the disk", "TestNoPowerCutWhileScavengingTakesBackAPromise"},
	{"no-directory-sync", "a new name is relied on before it is on the disk", "TestNoPowerCutTakesBackAPromise"},
	{"nobody-woken-by-what-arrives", "those who wait on one node sleep through what another one recorded", "TestThoseWhoWaitAreWokenByWhatArrives"},
	{"one-tag-is-enough", "an event with one of the tags asked for is selected", "TestRandomHistoriesGetTheAnswersOfTheModel"},
	{"only-the-first-term-wakes", "who waits for a tag sleeps on when an event with it is recorded", "TestAWaiterIsWokenOnlyByWhatItMayWaitFor"},
	{"other-generation-removed-before-the-manifest-is-durable", "opening removes the segment that a manifest may still name after a power cut", "TestNoPowerCutAfterAFailingScavengeTakesBackAPromise"},
	{"owner-not-written", "a second opener is not told who is in the way", "TestASecondOpenerIsToldWhoHasTheDirectoryOpen"},
	{"place-in-a-rewritten-segment-believed", "a condition is checked behind a place that means another one since the segment was rewritten", "TestARequestIsCheckedAgainstWhatMovedWhenItsSegmentWasRewritten"},
	{"postings-of-a-failed-group-kept", "the index leads to what a failed append would have been", "TestAFailedAppendLeavesNothingInTheIndex"},
	{"promise-forgotten-by-the-next-turn", "what was known at a time changes when the turn goes to a node whose clock is behind", "TestWhatWasKnownStaysSoInTheNextTurn"},
	{"publish-before-sync", "readers see events that a power cut takes away", "TestNoPowerCutTakesBackAPromise"},
	{"recorded-at-a-time-that-was-asked-about", "what was known at a time changes when the clock is set back", "TestWhatWasKnownAtATimeNeverChanges"},
	{"recovered-frames-not-indexed", "after a crash the index lacks what was in the active segment", "TestNoPowerCutTakesBackAPromise"},
	{"retry-a-failed-sync", "a second sync, which succeeds because the system gave up the pages, is believed", "TestNoPowerCutAfterAFailingDiskTakesBackAPromise"},
	{"reuse-stamp-after-restart", "the time of recording falls back after a restart", "TestNoPowerCutTakesBackAPromise"},
	{"reused-id-taken-for-a-repeat", "an id that was taken for something else is answered as recorded", "TestStoreOfTinySegments/a recorded id in another stream is reused"},
	{"salt-ignored", "frames of one log are taken for those of another", "TestALogHasTheBytesOfTheFormat"},
	{"sealed-footer-before-sync", "a segment is named as sealed before its end is on the disk", "TestNoPowerCutTakesBackAPromise"},
	{"segment-removed-before-the-manifest-names-the-next", "a segment is removed while the manifest names it", "TestNoPowerCutWhileScavengingTakesBackAPromise"},
	{"segment-used-before-the-manifest-names-it", "events are acknowledged in a file that no manifest names", "TestNoPowerCutTakesBackAPromise"},
	{"snapshot-taken-late", "a reading shows what was recorded after it began", "TestStoreOfTinySegments/a reading holds what was recorded when it began and nothing recorded later"},
	{"stub-not-found-by-its-tags", "a condition over a tag forgets what was scavenged", "TestStoreOfTinySegments"},
	{"stubs-do-not-count", "a condition forgets what was scavenged", "TestStoreOfTinySegments"},
	{"stuck-disk-not-noticed", "a store whose disk never answers says that it is well", "TestADiskThatIsStuckHoldsUpNothingButAppends"},
	{"tombstone-not-checked-in-the-sequencer", "an append on its way together with its stream's tombstone is recorded behind it", "TestATombstoneOnItsWayRefusesWhatComesBehindIt"},
	{"torn-group-not-cut-off", "what a crash left stays behind the log's end", "TestATornGroupIsCutOffAndKept"},
	{"torn-group-not-kept", "what a crash left is deleted", "TestATornGroupIsCutOffAndKept"},
	{"turn-begun-before-all-is-here", "a node sequences before it has what was recorded before its turn", "TestATurnBeginsWhenEverythingBeforeItIsHere"},
	{"type-not-indexed", "events are not found by their type before their segment is sealed", "TestAFailedAppendLeavesNothingInTheIndex"},
	{"unknown-answered-as-unavailable", "after a failed sync an append is said to be absent, and is found later", "TestNoPowerCutAfterAFailingDiskTakesBackAPromise"},
	{"unknown-beyond-its-turn", "an append whose commit was lost stays unknown when everybody could know", "TestTheNextTurnTellsWhatWasUnknown"},
	{"unknown-forgotten", "what nobody knows is answered, in the same breath, as absent", "TestAFailedSyncMakesTheStoreReadOnly"},
}

// Goal: the register has every bug that can be planted, and no other. Method: what stands
// in the sources.
func TestTheRegisterOfMutantsIsComplete(t *testing.T) {
	found := make(map[string]bool)
	for _, pattern := range []string{"*.go", "internal/*/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`[pP]lanted\("([a-z-]+)"\)`).FindAllStringSubmatch(string(b), -1) {
				found[m[1]] = true
			}
		}
	}
	for _, m := range mutants {
		if !found[m.name] {
			t.Errorf("%s is registered, and nothing plants it", m.name)
		}
		delete(found, m.name)
	}
	for name := range found {
		t.Errorf("%s can be planted, and is not registered", name)
	}
}

// Goal: the tests of this package would see the bugs that matter. Method: one binary of
// them is built in which the environment plants a bug; with none those tests pass that see
// the most, and with each one the test that is to catch it fails.
func TestMutantsAreCaught(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "logstore.test")
	if out, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-tags=mutants", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build the tests with the tag mutants: %v\n%s", err, out)
	}
	run := func(t *testing.T, mutant string, tests ...string) (string, error) {
		pattern := regexp.QuoteMeta(strings.ReplaceAll(strings.Join(tests, "\n"), " ", "_"))
		pattern = "^(" + strings.NewReplacer("\n", "|", "/", ")$/^(").Replace(pattern) + ")$"
		command := exec.CommandContext(t.Context(), binary, "-test.short", "-test.failfast", "-test.timeout=5m", "-test.run="+pattern)
		command.Env = append(os.Environ(), "DAYBOOK_MUTANT="+mutant)
		var out bytes.Buffer
		command.Stdout, command.Stderr = &out, &out
		err := command.Run()
		return out.String(), err
	}
	// That the tests pass is known from this package's own binary, in which nothing can be planted. That nothing is
	// planted in this one unless it is asked for is known from those that look at most of the engine.
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		if out, err := run(t, "", "TestStoreOfTinySegments", "TestNoPowerCutTakesBackAPromise"); err != nil {
			t.Errorf("without a mutant: %v\n%s", err, out)
		}
	})
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			out, err := run(t, m.name, m.caught)
			if err == nil {
				t.Errorf("%s, and %s does not see it", m.breaks, m.caught)
			} else if !strings.Contains(out, "--- FAIL: "+strings.ReplaceAll(m.caught, " ", "_")) {
				t.Errorf("%s, and %s ends with %v without failing:\n%s", m.breaks, m.caught, err, out)
			}
		})
	}
}
