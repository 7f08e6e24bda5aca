package logstore

import "testing"

// What verifying a log in the page cache takes: GB of it a second, and a second of CPU.
func BenchmarkVerify(b *testing.B) {
	s := filled(b, 300_000)
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	for name, options := range map[string]*VerifyOptions{"bytes": nil, "indexes": {Indexes: true}} {
		b.Run(name, func(b *testing.B) {
			before := cpuTime()
			bytes := int64(0)
			for b.Loop() {
				found, err := Verify(b.Context(), s.home.dir, options)
				if err != nil || !found.Sound() {
					b.Fatal(found, err)
				}
				bytes += found.Bytes
			}
			b.ReportMetric(float64(bytes)/1e9/b.Elapsed().Seconds(), "GB/s")
			b.ReportMetric(float64(bytes)/1e9/(cpuTime()-before).Seconds(), "GB/cpu-s")
		})
	}
}
