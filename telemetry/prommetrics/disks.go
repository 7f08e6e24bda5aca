package prommetrics

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/daybook-es/daybook/telemetry/internal/disk"
)

var (
	diskGauges gauges
	diskSize   = diskGauges.add(prometheus.GaugeValue, "daybook_disk_size_bytes", "How many bytes the file system of a directory has.", "disk")
	diskFree   = diskGauges.add(prometheus.GaugeValue, "daybook_disk_free_bytes", "How many bytes of it the program may still fill.", "disk")
)

// Disk adds how much room there is where a directory is, under the name that the program has
// for it. Each name is given once.
func (m *Metrics) Disk(name, dir string) {
	m.add("disk "+name, func(_ context.Context, g *gathering) error {
		space, err := disk.Of(dir)
		if err != nil {
			return err
		}
		g.tell(diskSize, float64(space.Size), name)
		g.tell(diskFree, float64(space.Free), name)
		return nil
	})
}
