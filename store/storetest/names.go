package storetest

import (
	"fmt"
	"strings"

	"github.com/daybook-es/daybook"
)

// What may be a name, and that no name does harm.
var namePromises = []promise{
	{sentence: "names of 512 bytes are kept, and one byte more is invalid", check: checkLongNames},
	{sentence: "a name that is not UTF-8 is invalid", check: checkInvalidUTF8},
	{sentence: "a name with a control character is invalid", check: checkControlCharacters},
	{sentence: "a name that begins with $ belongs to the system and is invalid", check: checkSystemNames},
	{sentence: "an event without a type or with an empty tag is invalid", check: checkEmptyNames},
	{sentence: "a tag twice on one event is invalid", check: checkTagTwice},
	{sentence: "names in any script and with any sign are kept and found", check: checkHostileNames},
	{sentence: "an event may have many tags, and each of them finds it", check: checkManyTags},
	{sentence: "tags keep their order", check: checkTagOrder},
	{sentence: "a category is what stands before the first hyphen of a stream's name", check: checkCategories},
	{sentence: "a name means nothing in another field", check: checkFieldsApart},
}

// inEach records the name as a stream, a type and a tag, or reports that it is
// invalid in each.
func (t *trial) inEach(name string) []daybook.Event {
	return []daybook.Event{event(name, "E"), event("s", name), event("s", "E", name), event("s", "E", "other", name)}
}

func checkLongNames(t *trial) {
	long := strings.Repeat("x", daybook.MaxNameBytes)
	wide := strings.Repeat("é", daybook.MaxNameBytes/2)
	for _, name := range []string{long, wide} {
		e := event(name, name, name)
		t.record(e)
		for _, q := range []daybook.Query{daybook.Stream(name), typed(name), tagged(name)} {
			got := t.read(q, daybook.Span{})
			if len(got) != 1 || got[0].Stream != name || got[0].Type != name || got[0].Tags[0] != name {
				t.Errorf("a name of %d bytes reads %d events", len(name), len(got))
			}
		}
		for _, e := range t.inEach(name + "x") {
			t.invalid("a name of 513 bytes", nil, e)
		}
	}
}

func checkInvalidUTF8(t *trial) {
	for _, name := range []string{"\xff", "order-\xc3", "\xed\xa0\x80", "a\xf8b", "\xc0\xaf"} {
		for _, e := range t.inEach(name) {
			t.invalid(fmt.Sprintf("the name %q", name), nil, e)
		}
	}
}

func checkControlCharacters(t *trial) {
	for _, name := range []string{"\x00", "a\x00b", "a\n", "\ta", "a\rb", "\x1b[2J", "a\x7f", "a\u0085b"} {
		for _, e := range t.inEach(name) {
			t.invalid(fmt.Sprintf("the name %q", name), nil, e)
		}
	}
}

func checkSystemNames(t *trial) {
	for _, name := range []string{"$", "$$order-1", "$deleted", "$all"} {
		for _, e := range t.inEach(name) {
			t.invalid(fmt.Sprintf("the name %q", name), nil, e)
		}
	}
	t.record(event("order-$1", "US$", "price:$5"))
}

func checkEmptyNames(t *trial) {
	t.invalid("no type", nil, event("order-1", ""))
	t.invalid("an empty tag", nil, event("order-1", "Placed", ""))
	t.invalid("an empty tag among others", nil, event("order-1", "Placed", "x", ""))
}

func checkTagTwice(t *trial) {
	t.invalid("a tag twice", nil, event("order-1", "Placed", "x", "x"))
	t.invalid("a tag twice, apart", nil, event("order-1", "Placed", "x", "y", "x"))
	many := make([]string, 40)
	for i := range many {
		many[i] = fmt.Sprintf("tag:%d", i)
	}
	many[39] = many[3]
	t.invalid("one of forty tags twice", nil, event("order-1", "Placed", many...))
}

func checkHostileNames(t *trial) {
	names := []string{
		"🛒-42", "👩‍👩‍👧‍👦", "דוד-١٢", "\u202eevil-txt", "注文-一", "ñandú", "Straße", "İstanbul", "ı",
		"a b", " ", "'; DROP TABLE events; --", `"quoted"`, "back`tick", `back\slash`, "%", "_", "*", "?", "[a-z]", "../../etc/passwd", "/", ".", "..", "CON",
		"<script>alert(1)</script>", "&amp;", "a=b&c=d#e", "null", "NULL", "true", "0", "-0", "1e9", "{}", "[]", "a,b;c|d", ":", "a:b:c", "\ufffd", "\u2028", "\u00a0", "\ue000", "\U0010ffff",
		strings.Repeat("𝒳", 128),
	}
	byName := make(map[string]daybook.Event)
	for _, name := range names {
		e := event(name, name, name, fmt.Sprintf("also:%d", len(byName)))
		byName[name] = e
		t.record(e)
	}
	for _, name := range names {
		for field, q := range map[string]daybook.Query{"stream": daybook.Stream(name), "type": typed(name), "tag": tagged(name)} {
			got := t.read(q, daybook.Span{})
			if len(got) != 1 || got[0].ID != byName[name].ID || got[0].Stream != name || got[0].Type != name || got[0].Tags[0] != name {
				t.Errorf("the %s %q reads %s", field, name, recordedList(got))
			}
		}
		t.append(daybook.At(name, 1))
	}
}

func checkManyTags(t *trial) {
	t.record(event("", "E", "other"))
	tags := make([]string, 100)
	for i := range tags {
		tags[i] = fmt.Sprintf("tag:%d", i)
	}
	e := event("", "E", tags...)
	position := t.record(e).Position
	for _, tag := range tags {
		if got := t.read(tagged(tag), daybook.Span{}); len(got) != 1 || got[0].Position != position {
			t.Errorf("%s reads %s, want position %d", tag, recordedList(got), position)
		}
	}
	if got := t.read(tagged(tags...), daybook.Span{}); len(got) != 1 || got[0].ID != e.ID {
		t.Errorf("all tags together read %s", recordedList(got))
	}
}

func checkTagOrder(t *trial) {
	tags := []string{"z", "a", "m", "A", "10", "9", "b:2", "b:1"}
	t.record(event("order-1", "Placed", tags...))
	for _, q := range []daybook.Query{daybook.All(), tagged("m"), daybook.Stream("order-1")} {
		if got := t.read(q, daybook.Span{})[0].Tags; strings.Join(got, " ") != strings.Join(tags, " ") {
			t.Errorf("the tags %q are read as %q", tags, got)
		}
	}
}

func checkCategories(t *trial) {
	all := t.each(event("order-1", "E"), event("order-1-item-2", "E"), event("order", "E"), event("orders-1", "E"), event("-1", "E"), event("Order-1", "E"), event("", "E"), event("order_1-2", "E"))
	for _, c := range []struct {
		category string
		want     []daybook.Recorded
	}{
		{"order", []daybook.Recorded{all[0], all[1], all[2]}},
		{"orders", []daybook.Recorded{all[3]}},
		{"", []daybook.Recorded{all[4]}},
		{"Order", []daybook.Recorded{all[5]}},
		{"order_1", []daybook.Recorded{all[7]}},
		{"order-1", nil},
	} {
		t.want(t.read(daybook.Query{{Categories: []string{c.category}}}, daybook.Span{}), c.want...)
	}
	t.want(t.read(daybook.Query{{Categories: []string{"orders", "Order", "nobody"}}}, daybook.Span{}), all[3], all[5])
}

func checkFieldsApart(t *trial) {
	all := t.each(event("x", "y", "z"), event("y", "z", "x"), event("z", "x", "y"))
	t.want(t.read(daybook.Stream("x"), daybook.Span{}), all[0])
	t.want(t.read(typed("x"), daybook.Span{}), all[2])
	t.want(t.read(tagged("x"), daybook.Span{}), all[1])
	t.want(t.read(daybook.Query{{Categories: []string{"x"}}}, daybook.Span{}), all[0])
}
