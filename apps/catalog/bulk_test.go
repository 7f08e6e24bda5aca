package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"testing"
	"testing/iotest"
)

// told returns what lines say, in short.
func told(lines iter.Seq2[Line, error]) (all []string) {
	for l, err := range lines {
		switch {
		case err != nil:
			all = append(all, "error: "+err.Error())
		case l.Wrong != nil:
			all = append(all, fmt.Sprintf("%d:%d %v", l.Number, l.Column, l.Wrong))
		default:
			all = append(all, fmt.Sprintf("%d %s %s %s %s %s %d", l.Number, l.Create.Name, l.Create.Price, l.Create.SKU, l.Create.Category, l.Create.Description, l.Create.Stock))
		}
	}
	return all
}

// compare compares what is told, of which the wanted is the beginning.
func compareLines(t *testing.T, got, want []string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			t.Errorf("line %d is missing: %s", i, want[i])
		case i >= len(want):
			t.Errorf("line %d is too many: %s", i, got[i])
		case !strings.Contains(got[i], want[i]):
			t.Errorf("line %d is %q; want %q", i, got[i], want[i])
		}
	}
}

func TestLinesOfJSONAreReadOneByOne(t *testing.T) {
	text := "\ufeff" + `{"name": "Lamp", "price": 35.9, "sku": "L-1", "category": "light", "description": "It shines.", "stock": 3}

{"name": "Rope", "price": "9.99"}
{"name": "Nail", "price": 1,}
{"name": "Nail", "price": 1.999}
{"name": "Nail", "price": 1, "colour": "red"}
{"name": "Nail", "price": 1, "price": 2}
{"name": "Nail"}
[1]
{"name": "Bulb", "price": 2} {}
` + `{"name": "` + strings.Repeat("x", MaxLine) + `"}` + "\n" + `{"name": "Last", "price": 0}`
	for _, reader := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text))} {
		compareLines(t, told(ReadJSONLines(reader)), []string{
			"1 Lamp 35.90 L-1 light It shines. 3", "3 Rope 9.99", "4:28 ", "5:27 ", "6:30 ", "7:30 ", "8:0 price: is missing", "9:1 ", "10:30 ",
			"11:65537 it is longer", "12 Last 0.00",
		})
	}
	broken := io.MultiReader(strings.NewReader(`{"name": "Lamp", "price": 1}`+"\n"+`{"name": "Ro`), iotest.ErrReader(errors.New("cut off")))
	compareLines(t, told(ReadJSONLines(broken)), []string{"1 Lamp", "error: cut off"})
}

func TestLinesOfATableAreReadOneByOne(t *testing.T) {
	text := "\ufeffName,price,SKU,category,stock,description\r\n" +
		"Lamp,35.9,L-1,light,3,\"It shines,\nand glows.\"\r\n" +
		"\"Rope, long\",9.99,,,,\n" +
		"Nail,1.999,,,,\n" +
		"Nail,1,,,many,\n" +
		"Nail,1\n" +
		"Na\"il,1,,,,\n" +
		",1,,,,\n" +
		"Bulb,2.50,,light,,\n"
	for _, reader := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text))} {
		compareLines(t, told(ReadCSV(reader)), []string{
			"2 Lamp 35.90 L-1 light It shines,\nand glows. 3", "4 Rope, long 9.99", "5:6 price: ", "6:10 stock: ", "7:1 wrong number of fields",
			"8:3 bare", "9:0 name: is missing", "10 Bulb 2.50  light",
		})
	}
	long := "name,price\nLamp,1\n\"" + strings.Repeat("x\n", MaxLine) + "\",1\nRope,2\n"
	compareLines(t, told(ReadCSV(strings.NewReader(long))), []string{"2 Lamp", "3:0 it is longer"})
	quoted := "\ufeff\"name\",\"price\"\r\n\"Lamp\",\"1\"\r\n"
	compareLines(t, told(ReadCSV(strings.NewReader(quoted))), []string{"2 Lamp 1.00"})
	for text, want := range map[string]string{
		"":                       "it is missing",
		"\ufeff":                 "it is missing",
		"name\nLamp":             "column price is missing",
		"name,price,colour\n":    `there is no column "colour"`,
		"name,price,name\n":      "column name stands there twice",
		"na\"me,price\nLamp,1\n": "bare",
	} {
		compareLines(t, told(ReadCSV(strings.NewReader(text))), []string{"error: the first line of the table: "})
		compareLines(t, told(ReadCSV(strings.NewReader(text))), []string{want})
	}
}

// No line, however it is broken, stops the ones that follow it, and nothing panics.
func FuzzReadJSONLines(f *testing.F) {
	f.Add([]byte(`{"name": "Lamp", "price": 1}`))
	f.Add([]byte("{\"name\": \"\x00\"}\n[1]\n{"))
	f.Fuzz(func(t *testing.T, data []byte) {
		lines := 0
		for l, err := range ReadJSONLines(bytes.NewReader(append(data, "\n{\"name\": \"Last\", \"price\": 1}"...))) {
			if err != nil {
				t.Fatal(err)
			}
			if lines = l.Number; l.Wrong == nil && l.Create.Validate() != nil {
				t.Errorf("line %d is no command: %v", l.Number, l.Create.Validate())
			}
		}
		if want := bytes.Count(data, []byte("\n")) + 2; lines != want {
			t.Errorf("the last line is %d; want %d", lines, want)
		}
	})
}

func FuzzReadCSV(f *testing.F) {
	f.Add([]byte("Lamp,1,,\n\"Rope\nlong\",2,x,y\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for l, err := range ReadCSV(bytes.NewReader(append([]byte("name,price,sku,stock\n"), data...))) {
			if err != nil {
				t.Fatal(err)
			}
			if l.Wrong == nil && l.Create.Validate() != nil {
				t.Errorf("line %d is no command: %v", l.Number, l.Create.Validate())
			}
		}
	})
}
