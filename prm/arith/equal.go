package arith

import (
	"math/big"
	"strings"

	"aprm/prm/arith/formula"
)

// Comparison is what Compare found.
type Comparison struct {
	Verdict    Verdict
	Gold, Pred string // as they were read, "" where one wasn't
	Reason     string
}

// Equal compares two final answers; see [Compare].
func Equal(a, b string) Verdict { return Compare(a, b, formula.Options{}).Verdict }

// Compare compares two final answers, or texts that announce one (see [Extract]). Both are read as formulas, LaTeX or plain; how
// they are compared says [formula.Compare]. Where one is no formula, quantities in prose are compared by their numbers, and words
// are True when their letters are the same. What can't be told is Unknown. Compare is symmetric (without options) and ignores
// space and case of words.
func Compare(gold, pred string, o formula.Options) Comparison {
	a, b := answerIn(gold), answerIn(pred)
	x, errX := formula.Parse(a)
	y, errY := formula.Parse(b)
	c := Comparison{}
	if errX == nil {
		c.Gold = x.String()
	}
	if errY == nil {
		c.Pred = y.String()
	}
	if same := plain(a); same != "" && same == plain(b) {
		c.Verdict, c.Reason = True, "the same text"
		return c
	}
	if errX == nil && errY == nil {
		switch formula.Compare(x, y, o) {
		case formula.Equal:
			c.Verdict, c.Reason = True, "equal formulas"
			return c
		case formula.Different:
			c.Verdict, c.Reason = False, "different formulas"
			return c
		}
		c.Reason = "can't be told"
		return c
	}
	inWords := func(s string, err error) bool { return err == nil || prose(s) || !strings.Contains(s, `\`) }
	if v := equalQuantities(a, b); v != Unknown && inWords(a, errX) && inWords(b, errY) {
		c.Verdict, c.Reason = v, "compared as numbers in prose"
		return c
	}
	c.Reason = "not read: "
	if errX != nil {
		c.Reason += errX.Error()
	} else {
		c.Reason += errY.Error()
	}
	return c
}

// answerIn returns the answer that a text announces, or the text where it is an answer itself.
func answerIn(text string) string {
	if m := choice.FindStringSubmatch(strings.TrimSpace(text)); m != nil {
		return m[1]
	}
	announced := strings.Contains(text, `\boxed`) || strings.Contains(text, "####") || strings.Contains(text, "</think>") || said.MatchString(text)
	if !announced && !strings.Contains(strings.TrimSpace(text), "\n") {
		if _, err := formula.Parse(text); err == nil || !prose(text) {
			return text // a formula that isn't understood holds no other answer
		}
	}
	if found, ok := Extract(text); ok {
		return found
	}
	return text
}

// prose reports whether a text has words beside what may be a formula.
func prose(text string) bool {
	words := 0
	for _, w := range strings.Fields(text) {
		if w = strings.Trim(w, ".,:;!?*"); len(w) > 1 && strings.Trim(strings.ToLower(w), "abcdefghijklmnopqrstuvwxyz") == "" {
			words++
		}
	}
	return words > 1
}

// equalQuantities compares two numbers with their units, as prose writes them.
func equalQuantities(a, b string) Verdict {
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
	s = strings.TrimRight(strings.ToLower(strings.Join(strings.Fields(unwrap(s)), " ")), " .")
	if !hasDigit(s) && !strings.Contains(s, `\`) {
		s = strings.TrimRight(s, " !") // else it may be a factorial
	}
	return s
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
