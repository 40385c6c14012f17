package arith

import (
	"slices"
	"strings"
	"unicode"

	"aprm/prm/arith/formula"
)

// Readable reports whether something can be held against an answer: one with a number must be told, as equal or
// different, from some number, name or equation; words need only be read. Nothing is ever right on a problem whose
// final answer isn't readable.
func Readable(answer string) bool {
	if !hasDigit(answer) {
		return strings.ContainsFunc(answer, unicode.IsLetter) && Compare(answer, answer, formula.Options{}).Gold != ""
	}
	return slices.ContainsFunc([]string{"0", "1/7", "x", "x = 7y + 3"}, func(other string) bool { return Equal(answer, other) != Unknown })
}
