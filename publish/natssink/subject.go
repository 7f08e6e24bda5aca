package natssink

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/daybook-es/daybook"
	"github.com/daybook-es/daybook/publish"
)

// ByStream returns a function that gives an event the subject PREFIX.CATEGORY.STREAM.TYPE,
// each but the prefix as a [Token]; so a consumer asks for the events of one order with
// PREFIX.order.order-42.> and for one type of all orders with PREFIX.order.*.OrderPaid. An
// event in no stream has the subject PREFIX.TYPE.
func ByStream(prefix string) func(publish.Message) (string, error) {
	return func(m publish.Message) (string, error) {
		e := m.Recorded
		if e.Stream == "" {
			return prefix + "." + Token(e.Type), nil
		}
		return strings.Join([]string{prefix, Token(daybook.CategoryOf(e.Stream)), Token(e.Stream), Token(e.Type)}, "."), nil
	}
}

// Token returns a name as one token of a subject, in which nothing means anything to NATS:
// white space, control characters, full stops, asterisks, "greater than", percent signs and
// "$" in front are written as the percent sign and two hexadecimal digits for each byte. The
// empty name is a lone percent sign. Different names have different tokens.
func Token(name string) string {
	if name == "" {
		return "%"
	}
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c <= ' ' || c == 0x7f || c == '.' || c == '*' || c == '>' || c == '%' || c == '$' && i == 0:
			fmt.Fprintf(&b, "%%%02X", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// maxSubject is the length of the longest subject: what is longer fills the line that a
// server reads a message's subjects from.
const maxSubject = 3072

// checkSubject returns what is wrong with a subject to publish on, or nil.
func checkSubject(subject string) error {
	switch {
	case subject == "":
		return errors.New("it is empty")
	case len(subject) > maxSubject:
		return fmt.Errorf("it is %d bytes long, and %d are allowed", len(subject), maxSubject)
	case !utf8.ValidString(subject):
		return errors.New("it is not valid UTF-8")
	case strings.HasPrefix(subject, "$"):
		return errors.New(`it begins with "$", which belongs to the server`)
	}
	for _, token := range strings.Split(subject, ".") {
		switch {
		case token == "":
			return errors.New("it has an empty token")
		case token == "*" || token == ">":
			return errors.New("it has a wildcard")
		case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r == 0x7f }):
			return errors.New("it has white space or a control character")
		}
	}
	return nil
}
