package tidy_test

import (
	"os"
	"testing"

	"github.com/daybook-es/daybook/internal/tidy"
	"github.com/daybook-es/daybook/store/storetest"
)

func TestGuaranteesAreTheSentencesOfTheSuite(t *testing.T) {
	tree, err := tidy.ReadTree(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	for _, complaint := range tidy.Promises(tree, storetest.Sentences()) {
		t.Error(complaint)
	}
}
