package logstore

import "testing"

func TestAmountsAreWrittenForPeople(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 bytes", 1: "1 byte", 12: "12 bytes", 999: "999 bytes", 1000: "1,000 bytes", 123456: "123,456 bytes", 9007199254740993: "9,007,199,254,740,993 bytes",
		-1: "-1 bytes", -100: "-100 bytes", -1000: "-1,000 bytes",
	} {
		if got := numbered(n, "byte"); got != want {
			t.Errorf("%d bytes are %q, want %q", n, got, want)
		}
	}
	for got, want := range map[string]string{
		(&Scavenged{Segments: 12, Rewritten: 1, Events: 1, Bytes: -100}).String():                  "1 of 12 segments rewritten; 1 event became a stub; 100 bytes more are taken, because stubs are longer than events of little data",
		(&Scavenged{Segments: 1200, Rewritten: 1100, Events: 5000, Kept: 7, Bytes: 4711}).String(): "1,100 of 1,200 segments rewritten; 5,000 events became stubs, 7 were kept; 4,711 bytes given back",
		(&Compressed{Segments: 1200, Rewritten: 2, Bytes: 65536}).String():                         "2 of 1,200 segments compressed; 65,536 bytes given back",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
