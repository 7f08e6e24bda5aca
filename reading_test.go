package daybook

import (
	"errors"
	"testing"
)

func TestCollect(t *testing.T) {
	damaged := errors.New("damaged")
	reading := NewReading(All(), Span{}, Point{}, func(yield func(Recorded, error) bool) {
		_ = yield(Recorded{Position: 1}, nil) && yield(Recorded{Position: 2}, nil) && yield(Recorded{}, damaged)
	})
	events, err := reading.Collect()
	if !errors.Is(err, damaged) || len(events) != 2 || events[1].Position != 2 {
		t.Errorf("a reading that is damaged after two events is collected as %v (%v)", events, err)
	}
	if events, err := (Reading{}).Collect(); err != nil || events != nil {
		t.Errorf("the zero reading is collected as %v (%v)", events, err)
	}
}
