//go:build !race

package logstore

import (
	"testing"

	"github.com/daybook-es/daybook/store/storetest"
)

// The promises over segments that are compressed as soon as they are sealed.
func TestStoreOfCompressedSegments(t *testing.T) {
	storetest.Run(t, conformance(inMemory, &Options{SegmentBytes: 2000, Compress: true, Logger: quiet}))
}
