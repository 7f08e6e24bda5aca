package process_test

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/daybook-es/daybook/process"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := "testdata/" + name
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is something else (-golden +drawn); look at it, and run with -update:\n%s", file, diff)
	}
}

// steady returns a history whose steps of the same moment, which are done beside each
// other, stand where they always stand: the clock moves with each thing that is done.
func (b *bench) history(name, order string) *process.History {
	b.t.Helper()
	h, err := process.ReadHistory(b.t.Context(), b.store, name, order)
	if err != nil {
		b.t.Fatal(err)
	}
	return h
}

func TestAHistoryIsDrawnAsTextAndAsAPicture(t *testing.T) {
	for name, prepare := range map[string]func(b *bench){
		"sent-off": func(b *bench) {
			b.start()
			b.place("tea", "1")
		},
		"set-aside": func(b *bench) {
			b.p = nil
			b.start(clerk(false))
			b.place("<tea> & \"more\"", "1")
			b.pass(time.Minute)
			tell(b.t, b.store, "1", Withdrawn{})
			b.pass(2 * time.Hour)
		},
		"undone": func(b *bench) {
			b.failing("charge", errDeclined)
			b.start()
			b.place("tea", "1")
			for range 4 {
				b.pass(time.Second)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			prepare(b)
			of := "fulfilment"
			if b.p == nil {
				of = "clerk"
			}
			h := b.history(of, "1")
			golden(t, name+".txt", h.Text())
			golden(t, name+".svg", h.SVG())
		})
	}
}

func TestNothingFromTheLogBreaksThePicture(t *testing.T) {
	h := process.History{Process: `p"><script>alert(1)</script>`, Instance: "\x00\x1b[2J</svg>", Status: "<b>", Version: 1, Entries: []process.Entry{
		{N: 1, Side: process.Inbox, What: "<script>", Detail: strings.Repeat("</text>&", 100), About: 1, Outcome: `" onload="alert(1)`},
		{N: 2, Side: process.Outbox, What: "\xff\xfe", Detail: "]]>", Outcome: "<!--"},
		{N: 3, Side: process.Note, What: "", Detail: "--><![CDATA["},
	}}
	drawn := h.SVG()
	for decoder := xml.NewDecoder(strings.NewReader(drawn)); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("the picture is no XML: %v", err)
		}
		if element, is := token.(xml.StartElement); is {
			for _, a := range element.Attr {
				if element.Name.Local == "script" || strings.HasPrefix(a.Name.Local, "on") {
					t.Errorf("the picture has <%s %s>", element.Name.Local, a.Name.Local)
				}
			}
		}
	}
	if text := h.Text(); strings.ContainsAny(text, "\x00\x1b") || strings.Count(text, "\n") != 4 {
		t.Errorf("the text is %q", text)
	}
}
