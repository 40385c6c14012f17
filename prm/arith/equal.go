package arith

import (
	"math/big"
	"strings"
)

// Equal compares two final answers. Numbers are compared exactly, with or without units, however they are written; a decimal
// equals a fraction that it shows to at least two places, and a percentage equals its fraction or its bare number. Answers in
// words are equal when their letters are. What can't be told is Unknown: equal words are needed for True, two different
// numbers for False. Equal is symmetric and ignores space and case.
func Equal(a, b string) Verdict {
	if plain(a) == plain(b) && plain(a) != "" {
		return True
	}
	x, okX := quantity(a)
	y, okY := quantity(b)
	if !okX || !okY {
		return Unknown
	}
	if same(x, y) {
		return True
	}
	if x.percents > 0 || y.percents > 0 {
		xs, ys := bare(x), bare(y)
		if xs.rat.Cmp(y.rat) == 0 || ys.rat.Cmp(x.rat) == 0 {
			return True
		}
	}
	if convertible(x.units, y.units) {
		return Unknown // 2 hours and 120 minutes
	}
	return False
}

// plain is an answer without what doesn't matter for comparing words.
func plain(s string) string {
	s = strings.ToLower(strings.Join(strings.Fields(unwrap(s)), " "))
	return strings.TrimRight(s, " .!")
}

// quantity reads an answer as one number with its unit.
func quantity(s string) (value, bool) {
	tokens := lex(unwrap(s))
	for len(tokens) > 0 && (tokens[0].kind == word || tokens[0].kind == boundary || tokens[0].kind == equals) { // "x = 5", "about 5"
		tokens = tokens[1:]
	}
	for len(tokens) > 0 && tokens[len(tokens)-1].kind == boundary {
		tokens = tokens[:len(tokens)-1]
	}
	p := parser{tokens: tokens}
	v, err := p.whole()
	return v, err == nil
}

// bare undoes reading a percentage as a fraction.
func bare(v value) value {
	if v.percents > 0 {
		return scaled(v, 100)
	}
	return v
}

// same reports whether two numbers are equal, or one is a decimal that shows the other, which has no finite decimals.
func same(x, y value) bool {
	if x.rat.Cmp(y.rat) == 0 {
		return true
	}
	return endless(x.rat) && y.decimals >= 2 && rounds(x.rat, y) || endless(y.rat) && x.decimals >= 2 && rounds(y.rat, x)
}

// rounds reports whether x rounded to the decimals of shown is shown.
func rounds(x *big.Rat, shown value) bool {
	half := new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(shown.decimals)), nil))
	half.Mul(half, big.NewRat(1, 2))
	diff := new(big.Rat).Sub(x, shown.rat)
	return diff.Abs(diff).Cmp(half) <= 0
}

// endless reports whether x has no finite decimal notation.
func endless(x *big.Rat) bool {
	d := new(big.Int).Set(x.Denom())
	for _, prime := range []int64{2, 5} {
		p, rest := big.NewInt(prime), new(big.Int)
		for {
			q, r := new(big.Int).QuoRem(d, p, rest)
			if r.Sign() != 0 {
				break
			}
			d = q
		}
	}
	return d.Cmp(big.NewInt(1)) != 0
}
