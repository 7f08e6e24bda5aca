package daybook

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// A small history of one domain: orders were placed in euros, then in cents, and
// once with their payment; customers were renamed.
type (
	placedInEuros struct{ Euros int }
	placed        struct {
		Cents int
		Note  string `json:",omitempty"`
	}
	paid       struct{ Cents int }
	placedPaid struct{ Cents, Paid int }
	ancient    struct{ Text string }
	renamed    struct{ Name string }
)

var shop = NewCodec(
	KindOf("Placed", func(p placed) []string { return []string{"note:" + p.Note} }),
	KindOf[paid]("Paid", nil),
	Was("OrderPlaced", func(old placedInEuros) placed { return placed{Cents: old.Euros * 100} }),
	Was("Ordered", func(old ancient) placedInEuros { return placedInEuros{len(old.Text)} }),
	Was("PaidInFull", func(old paid) paid { return old }),
	Split("PlacedAndPaid", func(old placedPaid) []any {
		if old.Paid == 0 {
			return []any{placed{Cents: old.Cents}}
		}
		return []any{placed{Cents: old.Cents}, paid{old.Paid}}
	}, placed{}, paid{}),
)

func recorded(typ, data string) Recorded {
	return Recorded{Event: Event{Type: typ, Data: []byte(data), ContentType: JSON}, Position: 7}
}

func TestEventOfFact(t *testing.T) {
	e, err := shop.Event(placed{Cents: 5, Note: "<&>"})
	if err != nil || e.Type != "Placed" || string(e.Data) != `{"Cents":5,"Note":"<&>"}` || e.ContentType != JSON || !slices.Equal(e.Tags, []string{"note:<&>"}) {
		t.Errorf("the event is %+v (%v)", e, err)
	}
	e, err = shop.Event(paid{5})
	if err != nil || e.Type != "Paid" || e.Tags != nil {
		t.Errorf("the event is %+v (%v)", e, err)
	}
	for what, fact := range map[string]any{
		"a fact of no kind":      struct{}{},
		"a pointer to a fact":    &paid{5},
		"a shape of yesterday":   placedInEuros{1},
		"nil":                    nil,
		"text that is not UTF-8": placed{Note: "a\xffb"},
	} {
		_, err := shop.Event(fact)
		var invalid *InvalidError
		if !errors.As(err, &invalid) {
			t.Errorf("%s is answered %v, want it to be invalid", what, err)
		}
	}
	type number struct{ F float64 }
	if _, err := NewCodec(KindOf[number]("N", nil)).Event(number{math.NaN()}); err == nil || !strings.Contains(err.Error(), "cannot be written as JSON") {
		t.Errorf("a number that JSON has not is answered %v", err)
	}
}

// A replacement character that somebody wrote is text; the escape in which
// encoding/json hides bytes that are not UTF-8 is not.
func TestReplacementCharacters(t *testing.T) {
	for _, text := range []string{"\ufffd", `\ufffd`, `\\ufffd`, `a\`, "\u2028", "\x00"} {
		e, err := shop.Event(placed{Note: text})
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		facts, err := shop.Facts(Recorded{Event: e})
		if err != nil || facts[0] != (placed{Note: text}) {
			t.Errorf("%q is read as %q (%v)", text, facts, err)
		}
	}
	for _, text := range []string{"\xff", `\` + "\xff", "a\ufffd\xc3"} {
		if e, err := shop.Event(placed{Note: text}); err == nil {
			t.Errorf("%q is written as %s", text, e.Data)
		}
	}
}

func TestFactsOfEvent(t *testing.T) {
	for _, c := range []struct {
		typ, data string
		want      []any
	}{
		{"Placed", `{"Cents":5,"Note":"n"}`, []any{placed{5, "n"}}},
		{"Placed", `{"Cents":5,"Later":true}`, []any{placed{Cents: 5}}},
		{"OrderPlaced", `{"Euros":3}`, []any{placed{Cents: 300}}},
		{"Ordered", `{"Text":"four"}`, []any{placed{Cents: 400}}},
		{"PaidInFull", `{"Cents":9}`, []any{paid{9}}},
		{"PlacedAndPaid", `{"Cents":5,"Paid":4}`, []any{placed{Cents: 5}, paid{4}}},
		{"PlacedAndPaid", `{"Cents":5}`, []any{placed{Cents: 5}}},
	} {
		got, err := shop.Facts(recorded(c.typ, c.data))
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s %s says %+v (%v), want %+v", c.typ, c.data, got, err, c.want)
		}
	}
	blank := recorded("Paid", `{"Cents":9}`)
	blank.ContentType = ""
	if got, err := shop.Facts(blank); err != nil || got[0] != (paid{9}) {
		t.Errorf("an event without a content type says %v (%v)", got, err)
	}
}

func TestUnreadableEvents(t *testing.T) {
	binary := recorded("Paid", "x")
	binary.ContentType = "application/octet-stream"
	lies := NewCodec(KindOf[placed]("Placed", nil), KindOf[paid]("Paid", nil), Split("Old", func(ancient) []any { return []any{paid{1}} }, placed{}))
	for _, c := range []struct {
		codec *Codec
		event Recorded
		says  string
	}{
		{shop, recorded("Returned", `{}`), "no kind for it"},
		{shop, binary, "its data is application/octet-stream"},
		{shop, recorded("Paid", `{"Cents":"five"}`), "its data cannot be read"},
		{shop, recorded("Paid", ``), "its data cannot be read"},
		{lies, recorded("Old", `{}`), "which its kind does not announce"},
	} {
		_, err := c.codec.Facts(c.event)
		var unreadable *UnreadableError
		if !errors.As(err, &unreadable) || unreadable.Type != c.event.Type || unreadable.Position != 7 || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s is answered %v, want %q", c.event.Type, err, c.says)
		}
	}
	_, err := shop.Facts(Recorded{Position: 7, Stub: new(Stub)})
	var unreadable *UnreadableError
	if !errors.As(err, &unreadable) || unreadable.Type != "" || !strings.Contains(err.Error(), "the event at position 7: it was forgotten") {
		t.Errorf("a stub is answered %v", err)
	}
	cause := errors.New("cause")
	if !errors.Is(&UnreadableError{Err: cause}, cause) {
		t.Error("the cause is not found")
	}
}

func TestNamesOf(t *testing.T) {
	if got := NamesOf[placed](shop); !slices.Equal(got, []string{"OrderPlaced", "Ordered", "Placed", "PlacedAndPaid"}) {
		t.Errorf("who handles placed asks for %v", got)
	}
	if got := NamesOf[paid](shop); !slices.Equal(got, []string{"Paid", "PaidInFull", "PlacedAndPaid"}) {
		t.Errorf("who handles paid asks for %v", got)
	}
	if got := NamesOf[placedInEuros](shop); len(got) != 0 {
		t.Errorf("who handles a shape of yesterday asks for %v", got)
	}
}

// panics returns what f panics with, or nothing.
func panics(f func()) (message string) {
	defer func() {
		if p := recover(); p != nil {
			message = p.(string)
		}
	}()
	f()
	return ""
}

func TestAmbiguityIsFoundWhenTheProgramStarts(t *testing.T) {
	type loop struct{}
	type back struct{}
	for says, make := range map[string]func(){
		`"Placed" is the name of`: func() { NewCodec(KindOf[placed]("Placed", nil), KindOf[paid]("Placed", nil)) },
		`is called "A" and "B"`:   func() { NewCodec(KindOf[paid]("A", nil), KindOf[paid]("B", nil)) },
		`is empty`:                func() { NewCodec(KindOf[paid]("", nil)) },
		`belongs to the system`:   func() { NewCodec(KindOf[paid]("$Paid", nil)) },
		`facts are plain values`:  func() { NewCodec(KindOf[*paid]("Paid", nil)) },
		`which this codec has no kind for`: func() {
			NewCodec(Was("Old", func(placedInEuros) placed { return placed{} }))
		},
		`lead in a circle`: func() {
			NewCodec(Was("Loop", func(loop) back { return back{} }), Was("Back", func(back) loop { return loop{} }))
		},
		`is the old shape of "A" and of "B"`: func() {
			NewCodec(KindOf[placed]("Placed", nil), KindOf[paid]("Paid", nil), Was("Oldest", func(loop) back { return back{} }),
				Was("A", func(back) placed { return placed{} }), Was("B", func(back) paid { return paid{} }))
		},
		`"Paid" is the name of`:          func() { Join(shop, NewCodec(KindOf[renamed]("Paid", nil))) },
		`is called "Paid" and "PaidToo"`: func() { Join(shop, NewCodec(KindOf[paid]("PaidToo", nil))) },
	} {
		if got := panics(make); !strings.Contains(got, says) || !strings.HasPrefix(got, "daybook: ") {
			t.Errorf("the program stops with %q, want %q", got, says)
		}
	}
}

func TestJoin(t *testing.T) {
	customers := NewCodec(KindOf[renamed]("Renamed", nil))
	all := Join(shop, customers, shop)
	if got := NamesOf[renamed](all); !slices.Equal(got, []string{"Renamed"}) {
		t.Errorf("the joined codec has %v", got)
	}
	if got := NamesOf[placed](all); len(got) != 4 {
		t.Errorf("the joined codec has %v", got)
	}
	facts, err := all.Facts(recorded("Ordered", `{"Text":"1"}`))
	if err != nil || facts[0] != (placed{Cents: 100}) {
		t.Errorf("the joined codec says %v (%v)", facts, err)
	}
	if Join(shop).Fingerprint() != shop.Fingerprint() {
		t.Error("a codec joined with nothing is another")
	}
}

func TestFingerprint(t *testing.T) {
	type one struct{ A int }
	type inner struct{ X []map[string][2]*one }
	type outer struct{ In inner }
	type node struct{ Next *node } // a shape that contains itself ends
	base := NewCodec(KindOf[one]("One", nil), KindOf[outer]("Outer", nil), KindOf[node]("Node", nil))
	if again := NewCodec(KindOf[node]("Node", nil), KindOf[outer]("Outer", nil), KindOf[one]("One", nil)); base.Fingerprint() != again.Fingerprint() {
		t.Error("the order of kinds changes the fingerprint")
	}
	seen := map[string]string{base.Fingerprint(): "base"}
	for name, c := range map[string]*Codec{
		"less":           NewCodec(KindOf[one]("One", nil), KindOf[outer]("Outer", nil)),
		"another name":   NewCodec(KindOf[one]("Two", nil), KindOf[outer]("Outer", nil), KindOf[node]("Node", nil)),
		"an upcast more": NewCodec(KindOf[one]("One", nil), KindOf[outer]("Outer", nil), KindOf[node]("Node", nil), Was("Old", func(one) one { return one{} })),
	} {
		if same, twice := seen[c.Fingerprint()]; twice {
			t.Errorf("%s has the fingerprint of %s", name, same)
		}
		seen[c.Fingerprint()] = name
	}
	first, second := sameNameOne(), sameNameTwo()
	if first == second {
		t.Error("another field of one type leaves the fingerprint as it was")
	}
}

func sameNameOne() string {
	type fact struct{ A int }
	return NewCodec(KindOf[fact]("Fact", nil)).Fingerprint()
}

func sameNameTwo() string {
	type fact struct {
		A int `json:"b"`
	}
	return NewCodec(KindOf[fact]("Fact", nil)).Fingerprint()
}
