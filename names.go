package daybook

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// MaxNameBytes is the length of the longest stream, type or tag. It is far more than
// a name that people read needs, and little enough for the key of any index.
const MaxNameBytes = 512

// MaxContentTypeBytes is the length of the longest content type. Media types are
// limited to 127 characters on either side of the slash (RFC 6838, 4.2).
const MaxContentTypeBytes = 255

// CategoryOf returns the category of a stream: what stands before the first "-"
// of its name, or the whole name where there is none.
func CategoryOf(stream string) string {
	category, _, _ := strings.Cut(stream, "-")
	return category
}

// checkName returns what is wrong with a name, or "".
func checkName(name string) string {
	switch {
	case name == "":
		return "is empty"
	case len(name) > MaxNameBytes:
		return fmt.Sprintf("is %d bytes long, and %d are allowed", len(name), MaxNameBytes)
	case !utf8.ValidString(name):
		return "is not valid UTF-8"
	}
	for i, r := range name {
		if unicode.IsControl(r) {
			return fmt.Sprintf("has the control character %U at byte %d", r, i)
		}
	}
	return ""
}

// checkStream returns what is wrong with the name of a stream, or "". A stream about a
// stream may be named after one with the longest name.
func checkStream(name string) string {
	if stream, about := AboutStream(name); about {
		return checkName(stream)
	}
	return checkName(name)
}

// checkOwnName returns what is wrong with a name that an application wants to
// record, or "".
func checkOwnName(name string) string {
	if strings.HasPrefix(name, "$") {
		return `begins with "$", which belongs to the system`
	}
	return checkName(name)
}

// Times are 64 bits of nanoseconds since 1970, of which the lowest value is not a
// time but the absence of one.
var (
	firstTime = time.Unix(0, -1<<63+1).UTC()
	lastTime  = time.Unix(0, 1<<63-1).UTC()
)

// checkTime returns what is wrong with a time that is not zero, or "".
func checkTime(t time.Time) string {
	if t.Before(firstTime) || t.After(lastTime) {
		return fmt.Sprintf("is outside %s to %s", firstTime.Format(time.RFC3339), lastTime.Format(time.RFC3339))
	}
	return ""
}
