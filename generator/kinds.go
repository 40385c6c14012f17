package generator

import "regexp"

// Kind is a coarse class of steps: the policy learns for each kind which attacks fool R.
type Kind string

const (
	Additive       Kind = "additive"       // adds or subtracts only
	Multiplicative Kind = "multiplicative" // multiplies or divides only, percentages among them
	Mixed          Kind = "mixed"          // both
	NoArithmetic   Kind = "none"           // neither
)

// Kinds lists all kinds, in a fixed order.
func Kinds() []Kind { return []Kind{Additive, Multiplicative, Mixed, NoArithmetic} }

var (
	// A number, then the operator with nothing but units and closing brackets between: "5 apples + 3", "(4)*2", "3x5",
	// "half of 50".
	adds       = regexp.MustCompile(`[\d%)][^\d=+*/×÷·:;,.]{0,24}[+−–-]\s*[$€£(\\]*\s*\d`)
	multiplies = regexp.MustCompile(`(?i)[\d%)][^\d=+*/×÷·:;,.]{0,24}(?:[*×·÷/]|\\(?:times|cdot|div))\s*[$€£(\\]*\s*\d|[\d)]\s*x\s*[$€£(]*\d|\\frac|\d\s*%\s*of|\bhalf of\b|\btwice\b`)
)

// KindOf classifies a step by the operations it writes down.
func KindOf(s string) Kind {
	a, m := adds.MatchString(s), multiplies.MatchString(s)
	switch {
	case a && m:
		return Mixed
	case a:
		return Additive
	case m:
		return Multiplicative
	default:
		return NoArithmetic
	}
}
