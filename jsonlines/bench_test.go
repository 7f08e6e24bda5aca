package jsonlines_test

import (
	"bytes"
	"testing"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/jsonlines"
)

func usual() daybook.Recorded {
	return recorded(daybook.Event{
		Tags: []string{"order:42", "customer:ada"}, HappenedAt: noon,
		Data:     []byte(`{"order":"42","lines":[{"sku":"1984","cents":4200,"quantity":1}],"address":"Victory Mansions, London"}`),
		Metadata: []byte(`{"correlation":"01930000-0000-7000-8000-000000000001","actor":"ada"}`),
	})
}

func BenchmarkAppendRecorded(b *testing.B) {
	event := usual()
	var line []byte
	for b.Loop() {
		line, _ = jsonlines.AppendRecorded(line[:0], event)
	}
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
}

func BenchmarkReader(b *testing.B) {
	line, err := jsonlines.AppendRecorded(nil, usual())
	if err != nil {
		b.Fatal(err)
	}
	const n = 1000
	lines := bytes.Repeat(line, n)
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range jsonlines.NewReader(bytes.NewReader(lines)).Recorded() {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/line")
}
