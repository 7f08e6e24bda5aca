// Package jsonlines writes events as lines of JSON, one event a line, and reads them
// back without losing a bit: for exporting a log and importing it again, for looking at
// it with the tools of a shell, and for bringing in events from elsewhere. [Export] and
// [Import] copy whole logs; [AppendEvent], [AppendRecorded] and [Reader] are about
// single events.
//
//	{"position":2,"id":"0199…","stream":"order-42","version":2,"type":"OrderPaid","recorded_at":"2026-11-21T12:00:00.000000001Z","data":{"cents":4200}}
//
// # The lines
//
// A line is a JSON object (RFC 8259, in UTF-8), and ends with a line feed, which the last
// one may lack. Lines of nothing but white space are passed over. A line is at most
// [MaxLineBytes] long. Its fields may come in any order, each at most once, and those
// that are not listed here are errors:
//
//   - id: the UUID of the event, with dashes and in lower case.
//   - stream: the stream that it is in; absent if it is in none.
//   - type: what happened.
//   - tags: a list of strings, in their order; absent if there are none.
//   - happened_at: when it happened; absent if nobody said.
//   - content_type: the media type of the data; absent for application/json.
//   - data: the data, as JSON; absent if there is none.
//   - data_base64: in place of data, the data in base64 (RFC 4648, section 4, padded).
//   - metadata, metadata_base64: likewise.
//
// A recorded event has these too:
//
//   - position: its place in the log, a whole number above zero and below 2^63.
//   - version: its place in its stream, likewise; absent if it is in none.
//   - recorded_at: when the store recorded it.
//   - forgotten: true if its stream was truncated past it, deleted or tombstoned.
//   - stub: what scavenging left: an object of type_hash and tag_hashes, 16 hexadecimal
//     digits each, and digest, 64 of them, in lower case. Such an event is forgotten, has
//     an id, a stream, a position, a version and recorded_at, and nothing else.
//
// An event to be appended needs a type; a recorded one needs id, position and
// recorded_at, and a version if it is in a stream. Times are as RFC 3339 has them, with
// at most nine decimals of a second; they are written in UTC, with as many decimals as
// they need.
//
// # Data, byte for byte
//
// Data stands in a line exactly as it was recorded, spaces, order of keys, duplicate
// keys, escapes and digits of numbers included, and is read back as exactly those bytes.
// Data is written as JSON if the content type is application/json or ends in +json, and the
// bytes are one JSON value that a line can hold: in UTF-8, without white space around it,
// without line feeds and carriage returns anywhere, and no deeper than 9,999 objects and
// arrays. Metadata is written as JSON if its bytes are that. Anything else is written in
// base64. Whoever writes lines may choose base64 for any data, and JSON for data of any
// content type.
//
// Lines that this package wrote are written again as the same bytes after they were
// read. The digest of a recorded event is the same after it was written and read.
package jsonlines

// MaxLineBytes is the length of the longest line that is read or written. The largest
// append of any store is 16 MiB, which base64 makes a third longer.
const MaxLineBytes = 64 << 20

// maxDepth is how deep the data in a line may be: the parser takes 10,000 objects and
// arrays within each other, and the line is one of them.
const maxDepth = 9_999
