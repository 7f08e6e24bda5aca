//go:build !race

package logstore

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// mutants is the register of the bugs that can be planted in the engine: what each one breaks, and which
// test must then fail in its short form.
var mutants = []struct{ name, breaks, caught string }{
	{"acknowledge-before-sync", "an append is acknowledged when it is written, not when it is synced", "TestNoPowerCutTakesBackAPromise"},
	{"answered-before-it-has-arrived", "what another node answered cannot be read yet where it was asked", "TestAForwardedAppendIsAnsweredWhenItHasArrived"},
	{"arrivals-not-checked", "a node serves frames in the order in which they happen to arrive", "TestWhatDoesNotFollowIsNotTakenIn"},
	{"chain-not-kept", "the segment behind a rewritten one follows a frame that is not there any more", "TestNoPowerCutWhileScavengingTakesBackAPromise"},
	{"checksum-not-verified-on-reading", "what is read is handed out as it lies on the disk", "TestEveryDamageIsToldOrDoesNoHarm"},
	{"commit-in-a-later-turn", "what was put in order in one turn is committed in another, behind what others recorded in between", "TestAGroupFilledInAnEarlierTurnIsNotRecorded"},
	{"condition-checked-outside-the-sequencer", "a condition is checked only before the append has its place", "TestEveryAnswerIsRightWhereNothingFails"},
	{"conflict-answered-before-its-group-is-durable", "a conflict names an event that a failing sync then takes away", "TestNoPowerCutTakesBackAPromise"},
	{"cut-at-the-first-bad-record-in-the-middle", "recovery takes all behind a damaged frame for torn", "TestDamageBeforeWhatWasDurableIsToldWithItsPlace"},
	{"failed-write-not-cut-back", "what a failed write left is found later, though it was said to be absent", "TestWhatWasUnavailableIsAbsentForEver"},
	{"full-disk-ends-all-writing", "a store whose disk was full stays read-only when there is room again", "TestAFullDiskRefusesDefinitelyAndOnlyWhileItIsFull"},
	{"ids-not-checked-in-the-sequencer", "an append and its repeat on their way together are both recorded", "TestNoPowerCutTakesBackAPromise"},
	{"ignore-expected-version", "an append is recorded whatever the version of its stream", "TestEveryAnswerIsRightWhereNothingFails"},
	{"ignore-position-and-chain-in-a-frame", "a stale frame behind the last one is taken for the next one", "TestNoPowerCutBringsBackWhatAFailedCutLeft"},
	{"jump-of-the-clock-followed", "appends are recorded as of next year, because somebody set the clock for a moment", "TestAJumpOfTheClockIsNotFollowedUntilItIsConfirmed"},
	{"last-group-not-written-again", "a group whose sync failed is served after opening again, and is not on the disk", "TestNoPowerCutAfterAFailingDiskTakesBackAPromise"},
	{"manifest-not-written-again", "a manifest whose directory sync failed is built upon, and is not on the disk", "TestWhatAFailedSyncOfTheDirectoryLeftIsNotBuiltUpon"},
	{"manifest-replaced-without-sync", "the manifest is renamed before its bytes are on the disk", "TestNoPowerCutTakesBackAPromise"},
	{"mark-of-closing-not-taken-away", "a log that is written still says that it was closed", "TestNoPowerCutAfterAFailingDiskTakesBackAPromise"},
	{"misplaced-frame-found", "a frame that a disk gives back from another place is served to whom the index leads there", "TestAFrameInTheWrongPlaceIsNotServed"},
	{"misplaced-frame-read", "a frame that a disk gives back from another place is served to who reads all", "TestAFrameInTheWrongPlaceIsNotServed"},
	{"missing-segment-not-noticed", "a log opens though a segment that its manifest names is gone", "TestEverySegmentThatTheManifestNamesMustBeThere"},
	{"next-generation-not-synced", "a rewritten segment takes the place of the other before it is on the disk", "TestNoPowerCutWhileScavengingTakesBackAPromise"},
	{"no-directory-sync", "a new name is relied on before it is on the disk", "TestNoPowerCutTakesBackAPromise"},
	{"nobody-woken-by-what-arrives", "those who wait on one node sleep through what another one recorded", "TestThoseWhoWaitAreWokenByWhatArrives"},
	{"other-generation-removed-before-the-manifest-is-durable", "opening removes the segment that a manifest may still name after a power cut", "TestNoPowerCutAfterAFailingScavengeTakesBackAPromise"},
	{"place-in-a-rewritten-segment-believed", "a condition is checked behind a place that means another one since the segment was rewritten", "TestARequestIsCheckedAgainstWhatMovedWhenItsSegmentWasRewritten"},
	{"promise-forgotten-by-the-next-turn", "what was known at a time changes when the turn goes to a node whose clock is behind", "TestWhatWasKnownStaysSoInTheNextTurn"},
	{"publish-before-sync", "readers see events that a power cut takes away", "TestNoPowerCutTakesBackAPromise"},
	{"retry-a-failed-sync", "a second sync, which succeeds because the system gave up the pages, is believed", "TestNoPowerCutAfterAFailingDiskTakesBackAPromise"},
	{"reuse-stamp-after-restart", "the time of recording falls back after a restart", "TestNoPowerCutTakesBackAPromise"},
	{"sealed-footer-before-sync", "a segment is named as sealed before its end is on the disk", "TestNoPowerCutTakesBackAPromise"},
	{"segment-removed-before-the-manifest-names-the-next", "a segment is removed while the manifest names it", "TestNoPowerCutWhileScavengingTakesBackAPromise"},
	{"stub-not-found-by-its-tags", "a condition over a tag forgets what was scavenged", "TestStoreOfTinySegments"},
	{"stubs-do-not-count", "a condition forgets what was scavenged", "TestStoreOfTinySegments"},
	{"tombstone-not-checked-in-the-sequencer", "an append on its way together with its stream's tombstone is recorded behind it", "TestATombstoneOnItsWayRefusesWhatComesBehindIt"},
	{"torn-group-not-kept", "what a crash left is deleted", "TestATornGroupIsCutOffAndKept"},
	{"turn-begun-before-all-is-here", "a node sequences before it has what was recorded before its turn", "TestATurnBeginsWhenEverythingBeforeItIsHere"},
	{"unknown-answered-as-unavailable", "after a failed sync an append is said to be absent, and is found later", "TestNoPowerCutAfterAFailingDiskTakesBackAPromise"},
	{"unknown-beyond-its-turn", "an append whose commit was lost stays unknown when everybody could know", "TestTheNextTurnTellsWhatWasUnknown"},
}

// Goal: the tests of this package would see the bugs that matter. Method: one binary of them is built in which the
// environment plants a bug; with none its tests pass, and with each one the test that is to catch it fails.
func TestMutantsAreCaught(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "logstore.test")
	if out, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-tags=mutants", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build the tests with the tag mutants: %v\n%s", err, out)
	}
	run := func(t *testing.T, mutant string, tests ...string) (string, error) {
		command := exec.CommandContext(t.Context(), binary, "-test.short", "-test.timeout=5m", "-test.run=^("+strings.Join(tests, "|")+")$")
		command.Env = append(os.Environ(), "DAYBOOK_MUTANT="+mutant)
		var out bytes.Buffer
		command.Stdout, command.Stderr = &out, &out
		err := command.Run()
		return out.String(), err
	}
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		tests := []string{"TestTheRegisterOfMutantsIsComplete"}
		for _, m := range mutants {
			tests = append(tests, m.caught)
		}
		if out, err := run(t, "", tests...); err != nil {
			t.Errorf("without a mutant: %v\n%s", err, out)
		}
	})
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			out, err := run(t, m.name, m.caught)
			if err == nil {
				t.Errorf("%s, and %s does not see it", m.breaks, m.caught)
			} else if !strings.Contains(out, "--- FAIL: "+m.caught) {
				t.Errorf("%s, and %s ends with %v without failing:\n%s", m.breaks, m.caught, err, out)
			}
		})
	}
}
