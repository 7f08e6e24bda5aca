package logstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"github.com/daybook-es/daybook"
)

var le = binary.LittleEndian

// A segment file: header, frames end to end, and once it is sealed a footer. These
// bytes are on people's disks; numbers are little-endian.
//
// The header:
//
//	offset  size  what
//	     0     8  magic: "daybkseg"
//	     8     4  version of the format: 1, or 2 if the segment was rewritten
//	    12     4  salt, with which every checksum of a frame begins
//	    16    16  log
//	    32     8  number of the segment
//	    40     8  first position that it may hold
//	    48     4  checksum of the frame before its first one; of the first segment, the salt
//	    52     4  generation; zero in version 1
//	    56     4  flags: 1 says that it is packed, see packed.go; zero in version 1
//	    60     4  CRC32C of the 60 bytes before
const (
	segmentHeaderBytes = 64
	segmentMagic       = "daybkseg"
	formatVersion      = 1
	rewrittenVersion   = 2
)

func encodeSegmentHeader(s *segment, m *manifest) []byte {
	b := make([]byte, 0, segmentHeaderBytes)
	b = append(b, segmentMagic...)
	version := uint32(formatVersion)
	if s.generation > 0 {
		version = rewrittenVersion
	}
	b = le.AppendUint32(b, version)
	b = le.AppendUint32(b, m.salt)
	b = append(b, m.log[:]...)
	b = le.AppendUint64(b, s.number)
	b = le.AppendUint64(b, uint64(s.first))
	b = le.AppendUint32(b, s.before)
	b = le.AppendUint32(b, uint32(s.generation))
	b = le.AppendUint32(b, s.flags)
	return le.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// checkSegmentHeader returns what is wrong with the header of a segment.
func checkSegmentHeader(b []byte, s *segment, m *manifest) error {
	like := &segment{number: s.number, generation: s.generation, first: s.first, before: s.before}
	if s.generation > 0 {
		like.flags = le.Uint32(b[56:]) & packedFlag // the manifest does not say
	}
	if string(b) == string(encodeSegmentHeader(like, m)) {
		return nil
	}
	if string(b[:8]) == segmentMagic && le.Uint32(b[8:]) > rewrittenVersion && le.Uint32(b[60:]) == crc32.Checksum(b[:60], castagnoli) {
		return fmt.Errorf("the segment is of version %d of the format, and this program knows up to %d", le.Uint32(b[8:]), rewrittenVersion)
	}
	return errors.New("the segment's header is not that of this segment of this log")
}

// The footer: marks, one of the first frame and then one for about every 64 KiB of
// frames, and the trailer, with which the file ends. A mark:
//
//	offset  size  what
//	     0     8  first position of a frame
//	     8     8  when it was recorded
//	    16     8  where it begins in the file
//
// The trailer:
//
//	offset  size  what
//	     0     8  magic: "daybkend"
//	     8     8  number of the segment
//	    16     8  where the frames end
//	    24     8  last position
//	    32     4  checksum of the last frame
//	    36     4  number of marks
//	    40     4  CRC32C of the marks
//	    44     4  CRC32C of the 44 bytes before, begun with the salt
const (
	markSize     = 24
	trailerBytes = 48
	trailerMagic = "daybkend"
)

func encodeFooter(marks []mark, s sealedSegment, salt uint32) []byte {
	b := make([]byte, 0, len(marks)*markSize+trailerBytes)
	for _, m := range marks {
		b = le.AppendUint64(b, uint64(m.position))
		b = le.AppendUint64(b, uint64(m.stamp))
		b = le.AppendUint64(b, uint64(m.offset))
	}
	sum := crc32.Checksum(b, castagnoli)
	at := len(b)
	b = append(b, trailerMagic...)
	b = le.AppendUint64(b, s.number)
	b = le.AppendUint64(b, uint64(s.end))
	b = le.AppendUint64(b, uint64(s.last))
	b = le.AppendUint32(b, s.checksum)
	b = le.AppendUint32(b, uint32(len(marks)))
	b = le.AppendUint32(b, sum)
	return le.AppendUint32(b, crc32.Update(salt, castagnoli, b[at:]))
}

// decodeTrailer reads the last bytes of a segment's file. It returns false if they are
// no trailer.
func decodeTrailer(b []byte, salt uint32) (s sealedSegment, marks int, marksSum uint32, ok bool) {
	if string(b[:8]) != trailerMagic || le.Uint32(b[44:]) != crc32.Update(salt, castagnoli, b[:44]) {
		return s, 0, 0, false
	}
	s.number = le.Uint64(b[8:])
	s.end = int64(le.Uint64(b[16:]))
	s.last = daybook.Position(le.Uint64(b[24:]))
	s.checksum = le.Uint32(b[32:])
	return s, int(le.Uint32(b[36:])), le.Uint32(b[40:]), true
}

// decodeFooter reads the marks of a segment's footer.
func decodeFooter(b []byte, s *segment, salt uint32) ([]mark, error) {
	if len(b) < trailerBytes {
		return nil, errors.New("the footer is too short")
	}
	table, trailer := b[:len(b)-trailerBytes], b[len(b)-trailerBytes:]
	sealed, n, sum, ok := decodeTrailer(trailer, salt)
	sound := crc32.Checksum(table, castagnoli) == sum || planted("footer-believed-without-its-checksum")
	if !ok || !sound || sealed.number != s.number || sealed.end != s.end || n*markSize != len(table) {
		return nil, errors.New("the footer is not what was written")
	}
	marks := make([]mark, n)
	for i := range marks {
		m := table[i*markSize:]
		marks[i] = mark{daybook.Position(le.Uint64(m)), int64(le.Uint64(m[8:])), int64(le.Uint64(m[16:]))}
	}
	return marks, nil
}

// segmentNumber returns the number in the name of a segment's file, of any generation.
func segmentNumber(name string) (uint64, bool) {
	number, _, is := segmentFile(name)
	return number, is
}

// segmentFile returns the number and the generation in the name of a segment's file.
func segmentFile(name string) (number, generation uint64, is bool) {
	base, is := strings.CutSuffix(name, ".seg")
	if !is {
		return 0, 0, false
	}
	digits, suffix, rewritten := strings.Cut(base, "-")
	number, err := strconv.ParseUint(digits, 10, 64)
	if err == nil && rewritten {
		generation, err = strconv.ParseUint(suffix, 10, 64)
	}
	return number, generation, err == nil && generationName(number, generation) == name
}
