package sqlview

import (
	"strconv"
	"strings"
)

// numbered returns a statement as PostgreSQL has it: with $1 for ?1, and for each ?
// the number after the largest before it, as SQLite counts. ?? stands for a question
// mark, which begins some of PostgreSQL's operators. Nothing is changed in strings,
// quoted names and comments.
func numbered(statement string) string {
	if !strings.Contains(statement, "?") {
		return statement
	}
	var out strings.Builder
	largest := 0
	for i := 0; i < len(statement); {
		if end := opaque(statement, i); end > i {
			out.WriteString(statement[i:end])
			i = end
			continue
		}
		c := statement[i]
		i++
		if c != '?' {
			out.WriteByte(c)
			continue
		}
		if strings.HasPrefix(statement[i:], "?") {
			out.WriteByte('?')
			i++
			continue
		}
		digits := i
		for i < len(statement) && statement[i] >= '0' && statement[i] <= '9' {
			i++
		}
		number, err := strconv.Atoi(statement[digits:i])
		if err != nil {
			number = largest + 1
		}
		largest = max(largest, number)
		out.WriteString("$" + strconv.Itoa(number))
	}
	return out.String()
}

// opaque returns where a string, a quoted name or a comment ends that begins at i, or
// i if none does. One without an end ends with the statement.
func opaque(s string, i int) int {
	switch s[i] {
	case '\'':
		escaped := i > 0 && (s[i-1] == 'E' || s[i-1] == 'e') && (i == 1 || !inName(s[i-2]))
		return quoted(s, i, escaped)
	case '"':
		return quoted(s, i, false)
	case '-':
		if strings.HasPrefix(s[i:], "--") {
			return until(s, i+2, "\n")
		}
	case '/':
		if strings.HasPrefix(s[i:], "/*") {
			return comment(s, i)
		}
	case '$':
		if i > 0 && inName(s[i-1]) {
			return i
		}
		end := i + 1
		for end < len(s) && s[end] != '$' && inName(s[end]) {
			end++
		}
		tag := end > i+1 && s[i+1] >= '0' && s[i+1] <= '9' // no tag, but a parameter
		if end < len(s) && s[end] == '$' && !tag {
			return until(s, end+1, s[i:end+1])
		}
	}
	return i
}

// quoted returns where what begins with a quote at i ends. Two quotes stand for one.
func quoted(s string, i int, escaped bool) int {
	quote := s[i]
	for i++; i < len(s); i++ {
		switch {
		case escaped && s[i] == '\\':
			i++
		case s[i] == quote && i+1 < len(s) && s[i+1] == quote:
			i++
		case s[i] == quote:
			return i + 1
		}
	}
	return len(s)
}

// comment returns where a comment ends that begins at i and may have others within.
func comment(s string, i int) int {
	for depth := 0; i < len(s); {
		switch {
		case strings.HasPrefix(s[i:], "/*"):
			depth, i = depth+1, i+2
		case strings.HasPrefix(s[i:], "*/"):
			depth, i = depth-1, i+2
			if depth == 0 {
				return i
			}
		default:
			i++
		}
	}
	return len(s)
}

// until returns the place after the next end.
func until(s string, i int, end string) int {
	if at := strings.Index(s[i:], end); at >= 0 {
		return i + at + len(end)
	}
	return len(s)
}

// inName reports whether a byte can be in a name without quotes.
func inName(c byte) bool {
	return c == '_' || c == '$' || c >= 0x80 || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
