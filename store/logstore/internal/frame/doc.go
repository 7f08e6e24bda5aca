// Package frame is the bytes of an append: one append is one frame, the unit that is
// written, checked and read whole. FORMAT.md beside the engine draws it.
//
// [Encode] lays out the events where they were handed over, and [Seal] fills in what is
// known only when the frame's turn has come: positions, time, the frame before and the
// checksum. [Parse] takes bytes from a disk and gives a [Frame] back only if every one
// of them is what was written.
package frame
