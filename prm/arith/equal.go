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
func Equal(a, b string) Verdict {
	v, _ := compare(read(a), read(b), formula.Options{})
	return v
}

// Compare compares two final answers, or texts that announce one (see [Extract]). Both are read as formulas, LaTeX or plain; how
// they are compared says [formula.Compare]. Where one is no formula, quantities in prose are compared by their numbers, and words
// are True when their letters are the same. What can't be told is Unknown. Compare is symmetric (without options) and ignores
// space and case of words.
func Compare(gold, pred string, o formula.Options) Comparison {
	a, b := read(gold), read(pred)
	c := Comparison{}
	c.Verdict, c.Reason = compare(a, b, o)
	if a.err == nil {
		c.Gold = a.formula.String()
	}
	if b.err == nil {
		c.Pred = b.formula.String()
	}
	return c
}

func compare(a, b answer, o formula.Options) (Verdict, string) {
	if same := plain(a.text); same != "" && same == plain(b.text) {
		return True, "the same text"
	}
	if a.err == nil && b.err == nil {
		switch formula.Compare(a.formula, b.formula, o) {
		case formula.Equal:
			return True, "equal formulas"
		case formula.Different:
			return False, "different formulas"
		}
		return Unknown, "can't be told"
	}
	if v := equalQuantities(a.text, b.text); v != Unknown && a.inWords() && b.inWords() {
		return v, "compared as numbers in prose"
	}
	if a.err != nil {
		return Unknown, "not read: " + a.err.Error()
	}
	return Unknown, "not read: " + b.err.Error()
}

// answer is a final answer, as text and, unless err says why not, as a formula.
type answer struct {
	text    string
	formula *formula.Node
	err     error
}

// inWords reports whether what isn't read as a formula may be a number in prose.
func (a answer) inWords() bool {
	return a.err == nil || prose(a.text) || !strings.Contains(a.text, `\`)
}

// read takes the answer that a text announces, or the text where it is an answer itself.
func read(text string) answer {
	all := text
	text = strings.TrimSpace(aloud(all))
	if m := choice.FindStringSubmatch(text); m != nil {
		return parse(m[1])
	}
	announced := strings.Contains(text, `\boxed`) || strings.Contains(text, "####") || text != strings.TrimSpace(all) ||
		len(text) > len("answer") && said.MatchString(text)
	if !announced && !strings.Contains(text, "\n") {
		if a := parse(text); a.err == nil || !prose(text) {
			return a // a formula that isn't understood holds no other answer
		}
	}
	if found, ok := Extract(text); ok {
		return parse(found)
	}
	return parse(text)
}

func parse(text string) answer {
	n, err := formula.Parse(text)
	return answer{text, n, err}
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
