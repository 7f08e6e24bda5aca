package tidy_test

import (
	"os"
	"testing"

	"github.com/daybook-es/daybook/internal/tidy"
)

func TestTree(t *testing.T) {
	tree, err := tidy.ReadTree(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range tidy.Rules {
		t.Run(rule.Sentence, func(t *testing.T) {
			for _, complaint := range rule.Check(tree) {
				t.Error(complaint)
			}
		})
	}
}
