package daybook_test

import (
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/store/memstore"
)

// around is a wrapper that can do nothing of its own.
type around struct{ daybook.Store }

func (a around) Unwrap() daybook.Store { return a.Store }

// guard is a store that nobody gets around.
type guard struct{ daybook.Store }

func TestWhatAStoreCanDoIsFoundThroughItsWrappers(t *testing.T) {
	inner := memstore.New()
	if found, is := daybook.As[*memstore.Store](around{around{inner}}); !is || found != inner {
		t.Errorf("found %v, %t", found, is)
	}
	if _, is := daybook.As[daybook.Restorer](around{inner}); !is {
		t.Error("a store that restores was not found in its wrapper")
	}
	if _, is := daybook.As[*memstore.Store](around{guard{inner}}); is {
		t.Error("a store that is no wrapper was got around")
	}
	if _, is := daybook.As[interface{ Health() error }](around{inner}); is {
		t.Error("something was found that nobody is")
	}
	if _, is := daybook.As[daybook.Restorer](nil); is {
		t.Error("something was found in no store")
	}
}
