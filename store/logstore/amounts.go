package logstore

import "github.com/dustin/go-humanize"

// numbered returns a number of things, for people.
func numbered[N int | int64 | uint64](n N, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return grouped(n) + " " + thing + "s"
}

// grouped returns a number with a comma between each three digits, for people.
func grouped[N int | int64 | uint64](n N) string {
	return humanize.Comma(int64(n))
}

// givenBack says, for people, by how many bytes files have become smaller.
func givenBack(bytes int64) string {
	if bytes < 0 {
		return numbered(-bytes, "byte") + " more are taken"
	}
	return numbered(bytes, "byte") + " given back"
}
