package library

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// anISBN draws a number of thirteen digits.
var anISBN = rapid.Custom(func(t *rapid.T) ISBN {
	twelve := fmt.Sprintf("%d%09d", rapid.IntRange(978, 979).Draw(t, "prefix"), rapid.IntRange(0, 999_999_999).Draw(t, "number"))
	return ISBN(twelve + string(checkOf12(twelve)))
})

func TestISBNsThatAreKnown(t *testing.T) {
	for text, want := range map[string]ISBN{
		"9780306406157":     "9780306406157", // the example of the standard
		"978-0-306-40615-7": "9780306406157",
		"0-306-40615-2":     "9780306406157",
		"0 8044 2957 X":     "9780804429573",
		"080442957x":        "9780804429573",
		"979-10-90636-07-1": "9791090636071",
	} {
		if got, err := ParseISBN(text); err != nil || got != want {
			t.Errorf("%q is %q, %v; want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"", "1", "9780306406158", "0306406151", "X306406152", "030640615Y", "9770306406157", "978030640615X", "９７８０３０６４０６１５７", "0306406152 0306406152"} {
		if got, err := ParseISBN(text); err == nil {
			t.Errorf("%q is taken for %q", text, got)
		}
	}
}

// However a number is written, it is the same; ten digits and thirteen say the same book.
func TestAnISBNIsOneHoweverItIsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		isbn := anISBN.Draw(t, "isbn")
		written := string(isbn)
		if ten, has := isbn.Ten(); has && rapid.Bool().Draw(t, "in ten") {
			written = ten
		} else if !has && strings.HasPrefix(written, "978") {
			t.Fatalf("%s has no ten digits", isbn)
		}
		for range rapid.IntRange(0, 4).Draw(t, "hyphens") {
			at := rapid.IntRange(0, len(written)).Draw(t, "at")
			written = written[:at] + rapid.SampledFrom([]string{"-", " "}).Draw(t, "hyphen") + written[at:]
		}
		got, err := ParseISBN(strings.ToLower(written))
		if err != nil || got != isbn {
			t.Fatalf("%q is %q, %v; want %q", written, got, err, isbn)
		}
	})
}

// Every single mistyped digit is found, and in ten digits every two that changed places.
func TestAMistypedISBNIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		digits := []byte(anISBN.Draw(t, "isbn"))
		at := rapid.IntRange(0, 12).Draw(t, "at")
		digits[at] = '0' + (digits[at]-'0'+byte(rapid.IntRange(1, 9).Draw(t, "by")))%10
		if got, err := ParseISBN(string(digits)); err == nil {
			t.Fatalf("%s is taken for %s", digits, got)
		}
		ten, has := anISBN.Draw(t, "another").Ten()
		if !has {
			return
		}
		swapped := []byte(ten)
		i, j := rapid.IntRange(0, 8).Draw(t, "i"), rapid.IntRange(0, 8).Draw(t, "j")
		swapped[i], swapped[j] = swapped[j], swapped[i]
		if got, err := ParseISBN(string(swapped)); err == nil && string(swapped) != ten {
			t.Fatalf("%s, which was %s, is taken for %s", swapped, ten, got)
		}
	})
}

func TestTheClassicsAreBooks(t *testing.T) {
	seen := make(map[ISBN]bool)
	for _, b := range Classics {
		if err := AddBook(b).Validate(); err != nil || seen[b.ISBN] {
			t.Errorf("%s: %v, and there before: %t", b.Title, err, seen[b.ISBN])
		}
		seen[b.ISBN] = true
	}
}
