package logstore

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/daybook-es/daybook/store/logstore/internal/frame"
)

var exampleLine = regexp.MustCompile(`(?m)^    ([0-9a-f]{4})  ((?:[0-9a-f]{2} ?){8})`)

// Whoever writes a reader in another language follows the example of FORMAT.md by hand.
func TestTheExampleOfTheFormatIsThatOfTheVector(t *testing.T) {
	text, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ = bytes.Cut(text, []byte("\n## An example\n"))
	text, _, _ = bytes.Cut(text, []byte("\n## "))
	var shown []byte
	for _, line := range exampleLine.FindAllSubmatch(text, -1) {
		if at := fmt.Sprintf("%04x", len(shown)); string(line[1]) != at {
			t.Fatalf("a line begins with %s, and %s is next", line[1], at)
		}
		b, err := hex.DecodeString(strings.ReplaceAll(string(line[2]), " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		shown = append(shown, b...)
	}
	golden, err := os.ReadFile(filepath.Join("testdata", "vectors", "00000001.seg.hex"))
	if err != nil {
		t.Fatal(err)
	}
	vector := undump(t, string(golden))
	f, err := frame.Parse(vector[segmentHeaderBytes:], le.Uint32(vector[12:]))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(shown, vector[:segmentHeaderBytes+len(f)]) {
		t.Errorf("the example shows\n%x, and the vector begins with\n%x", shown, vector[:segmentHeaderBytes+len(f)])
	}

	for offset, e := range f.Events() {
		digest := f.Recorded(e).Digest()
		says := []string{hex.EncodeToString(digest[:]), fmt.Sprint(f.Stamp()), fmt.Sprintf("its posting is %d.", posting(int64(segmentHeaderBytes+offset)))}
		for _, term := range appendTerms(nil, e) {
			says = append(says, fmt.Sprintf("%016x", term))
		}
		for _, want := range says {
			if !bytes.Contains(text, []byte(want)) {
				t.Errorf("the example does not say %s", want)
			}
		}
	}
}
