package oracle

import (
	"math/big"
	"regexp"
	"strings"

	"aprm/prm/arith"
)

// equation is the last equation of a step whose left side is plain arithmetic and whose right side is one number, with
// its place: what the rules of an audit rewrite.
type equation struct {
	before, left, sign, result, after string // together the step
	value                             *big.Rat
}

var (
	plainLeft  = regexp.MustCompile(`^[\d.,$%()+*/x×÷\s-]+$`)
	plainRight = regexp.MustCompile(`^(\s*)(\$?)(\d[\d,]*(?:\.\d+)?|\.\d+)(%?)`)
)

// lastEquation finds it. ok is false when the step has none that is true and computes something.
func lastEquation(text string) (e equation, ok bool) {
	for _, c := range arith.CheckStep(text) {
		if c.Verdict != arith.True || c.Operators == 0 || c.Left == nil {
			continue
		}
		left, right, found := strings.Cut(text[c.Start:], "=")
		if !found || !plainLeft.MatchString(left) || c.Start+len(left) >= c.End || strings.Contains(right, "=") {
			continue
		}
		m := plainRight.FindStringSubmatchIndex(right)
		if m == nil || m[8] != m[9] { // a percentage has two readings
			continue
		}
		if rest := strings.TrimLeft(right[m[1]:], " "); rest != "" && strings.ContainsRune("+*/×÷-x^(", rune(rest[0])) {
			continue
		}
		start := c.Start
		if start > 0 && text[start-1] == '$' {
			start--
		}
		sign := "=" + right[:m[5]]
		e = equation{before: text[:start], left: strings.TrimRight(text[start:c.Start+len(left)], " "), result: right[m[6]:m[7]], after: right[m[7]:], value: c.Right}
		e.sign = text[start+len(e.left):c.Start+len(left)] + sign
		ok = true
	}
	return e, ok
}

func (e equation) with(left, sign, result string) string {
	return e.before + left + sign + result + e.after
}

var simple = regexp.MustCompile(`^(\$?[\d,]*\.?\d+%?)(\s*)([-+*/x×÷])(\s*)(\$?[\d,]*\.?\d+%?)$`)

// binary splits a left side with one operator.
func binary(left string) (a, op, b string, ok bool) {
	m := simple.FindStringSubmatch(left)
	if m == nil {
		return "", "", "", false
	}
	return m[1], m[3], m[5], true
}
