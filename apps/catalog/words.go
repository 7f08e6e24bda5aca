package catalog

import (
	"strings"
	"unicode"
)

// How much it says of a product that a word stands in its name, and so on. A word that
// stands there whole counts twice.
const (
	inSKU         = 8
	inName        = 8
	inCategory    = 4
	inDescription = 1
)

// longestWord is how much of a word is looked at, in bytes: nobody types more of one.
const longestWord = 40

// wordsIn returns the words of a text, each once, in lower case: whatever is of letters
// and digits.
func wordsIn(text string) []string {
	seen := make(map[string]bool)
	var words []string
	for word := range strings.FieldsFuncSeq(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		word = strings.ToValidUTF8(word[:min(len(word), longestWord)], "")
		if word == "" || seen[word] {
			continue
		}
		seen[word] = true
		words = append(words, word)
	}
	return words
}

// A field is a part of a product that can be searched, with what a word in it is worth.
type field struct {
	name, text string
	weight     int
}

// fields returns the parts of the product that can be searched.
func (p Product) fields() [4]field {
	return [...]field{
		{"name", p.Name, inName}, {"sku", string(p.SKU), inSKU},
		{"category", p.Category, inCategory}, {"description", p.Description, inDescription},
	}
}

// rank returns how well a product matches what is searched for, zero if a word is not
// there at all: what the database says too.
func (p Product) rank(searched []string) (rank int64) {
	for _, wanted := range searched {
		best := 0
		for _, field := range p.fields() {
			for _, word := range wordsIn(field.text) {
				switch {
				case word == wanted:
					best = max(best, 2*field.weight)
				case strings.HasPrefix(word, wanted):
					best = max(best, field.weight)
				}
			}
		}
		if best == 0 {
			return 0
		}
		rank += int64(best)
	}
	return rank
}

// sortedName is what products are put in order by, when they are by name.
func sortedName(name string) string { return strings.ToLower(name) }
