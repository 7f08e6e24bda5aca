package main

import (
	"bufio"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A kind is one sort of work.
type kind struct {
	name  string
	unit  string // what its cases are
	dir   string // of the package
	test  string // or fuzz target
	fuzz  bool
	share int // of the time
}

const (
	engine  = "store/logstore"
	cluster = "store/natsstore"
)

// kinds returns the kinds of work in the module at a directory: tests that the environment makes do more, and every
// fuzz target there is.
func kinds(root string) ([]kind, error) {
	all := []kind{
		{name: "power cuts", unit: "cuts", dir: engine, test: "TestNoPowerCutTakesBackAPromise", share: 6},
		{name: "power cuts after a failing disk", unit: "cuts", dir: engine, test: "TestNoPowerCutAfterAFailingDiskTakesBackAPromise", share: 4},
		{name: "power cuts while scavenging", unit: "cuts", dir: engine, test: "TestNoPowerCutWhileScavengingTakesBackAPromise", share: 3},
		{name: "power cuts after a failing scavenge", unit: "cuts", dir: engine, test: "TestNoPowerCutAfterAFailingScavengeTakesBackAPromise", share: 2},
		{name: "power cuts while restoring", unit: "cuts", dir: engine, test: "TestNoPowerCutTakesBackWhatWasRestored", share: 1},
		{name: "stale frames", unit: "cuts", dir: engine, test: "TestNoPowerCutBringsBackWhatAFailedCutLeft", share: 1},
		{name: "failing calls", unit: "runs", dir: engine, test: "TestEveryAnswerIsRightWhicheverCallFails", share: 4},
		{name: "failing calls of a scavenging", unit: "runs", dir: engine, test: "TestEveryAnswerIsRightWhicheverCallOfAScavengingFails", share: 2},
		{name: "power cuts while looking after", unit: "cuts", dir: engine, test: "TestNoPowerCutWhileALogIsLookedAfterLosesAnything", share: 2},
		{name: "failing calls of looking after", unit: "runs", dir: engine, test: "TestEveryAnswerIsRightWhicheverCallOfLookingAfterALogFails", share: 2},
		{name: "full disks", unit: "runs", dir: engine, test: "TestAFullDiskRefusesDefinitelyAndOnlyWhileItIsFull", share: 1},
		{name: "rot", unit: "damages", dir: engine, test: "TestEveryDamageIsToldOrDoesNoHarm", share: 2},
		{name: "rot of a large log", unit: "damages", dir: engine, test: "TestNoDamageOfALargeLogGoesUnnoticed", share: 4},
		{name: "kills", unit: "kills", dir: engine, test: "TestAKilledProcessLosesNothingThatWasAcknowledged", share: 2},
		{name: "publishers", unit: "lives", dir: "publish", test: "TestWhateverFailsEverythingIsSentInOrderPerKey", share: 1},
		{name: "kills of publishers", unit: "kills", dir: "publish", test: "TestKilledProcessesSendEverythingInOrderPerKey", share: 1},
		{name: "kills of a library's processes", unit: "kills", dir: "apps/library/cmd/library", test: "TestACrowdAndProcessesThatAreKilled", share: 1},
		{name: "kills of a library's nodes", unit: "kills", dir: "apps/library/cmd/library", test: "TestACrowdAndNodesThatAreKilled", share: 1},
		{name: "nodes that contend", unit: "disturbances", dir: cluster, test: "TestContendingNodesAnswerAsOneLog", share: 1},
		{name: "kills of a cluster's leader", unit: "kills", dir: cluster, test: "TestNothingIsLostWhenTheLeaderIsKilled", share: 1},
		{name: "pauses of a cluster's leader", unit: "pauses", dir: cluster, test: "TestAPausedLeaderDoesNoHarm", share: 1},
		{name: "kills of a whole cluster", unit: "kills", dir: cluster, test: "TestNothingIsLostWhenAllServersAreKilled", share: 1},
		{name: "losses of power of a whole cluster", unit: "cuts", dir: cluster, test: "TestNothingIsLostWhenThePowerFails", share: 1},
		{name: "random histories", unit: "operations", dir: engine, test: "TestRandomHistoriesGetTheAnswersOfTheModel", share: 2},
		{name: "attacks on a server", unit: "attacks", dir: "apps/orders/web", test: "TestTheShopUnderAttack", share: 1},
		{name: "hostile transactions", unit: "appends", dir: "store/pgstore", test: "TestNoReaderSkipsAnEventWhateverOtherTransactionsDo", share: 1},
		{name: "kills of a database", unit: "kills", dir: "store/pgstore", test: "TestNoKillLosesAnEventOrDoublesOne", share: 1},
		{name: "random histories in PostgreSQL", unit: "operations", dir: "store/pgstore", test: "TestRandomHistoriesGetTheAnswersOfTheModel", share: 1},
		{name: "random histories beside the owner", unit: "operations", dir: engine, test: "TestAReaderBesideTheOwnerGetsTheAnswersOfTheModel", share: 1},
	}
	targets, err := fuzzTargets(root)
	return append(all, targets...), err
}

var fuzzTarget = regexp.MustCompile(`^func (Fuzz\w*)\(`)

// fuzzTargets finds every fuzz target below a directory.
func fuzzTargets(root string) ([]kind, error) {
	var found []kind
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && slices.Contains([]byte{'.', '_'}, d.Name()[0]) {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if m := fuzzTarget.FindStringSubmatch(lines.Text()); m != nil {
				dir, err := filepath.Rel(root, filepath.Dir(path))
				if err != nil {
					return err
				}
				found = append(found, kind{name: "fuzz " + filepath.ToSlash(dir) + " " + m[1], unit: "inputs", dir: dir, test: m[1], fuzz: true, share: 1})
			}
		}
		return nil
	})
	return found, err
}
