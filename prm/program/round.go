package program

import (
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	nearest = regexp.MustCompile(`(?i)nearest\s+(whole|integer|unit|one|dollar|euro|pound|cent|penny|tenth|hundredth|thousandth|ten|hundred|thousand)\b`)
	places  = regexp.MustCompile(`(?i)\b(\d|one|two|three|four|five|six)\s+(?:decimal\s+(?:place|digit|point)s?|decimals)\b`)
)

// decimals is how many decimals each word asks for.
var decimals = map[string]int{
	"whole": 0, "integer": 0, "unit": 0, "one": 0, "dollar": 0, "euro": 0, "pound": 0, "cent": 2, "penny": 2, "tenth": 1, "hundredth": 2, "thousandth": 3,
	"ten": -1, "hundred": -2, "thousand": -3,
}

// Round writes an answer that is one number as the question asks for it ("to the nearest cent", "to two decimal
// places"), halves away from zero; ok is false where the question doesn't ask, or the answer is no number.
func (r Result) Round(question string) (answer string, ok bool) {
	if r.Value == nil {
		return "", false
	}
	n := 0
	if m := nearest.FindStringSubmatch(question); m != nil {
		n = decimals[strings.ToLower(m[1])]
	} else if m := places.FindStringSubmatch(question); m != nil {
		if n = slices.Index([]string{"zero", "one", "two", "three", "four", "five", "six"}, strings.ToLower(m[1])); n < 0 {
			n, _ = strconv.Atoi(m[1]) // it is one digit
		}
	} else {
		return "", false
	}
	if n >= 0 {
		return r.Value.FloatString(n), true
	}
	scale := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(-n)), nil))
	s := new(big.Rat).Quo(r.Value, scale).FloatString(0)
	if s == "0" || s == "-0" {
		return "0", true
	}
	return s + strings.Repeat("0", -n), true
}
