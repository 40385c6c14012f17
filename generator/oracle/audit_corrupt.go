package oracle

import (
	"math/big"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"

	"aprm/prm/arith"
)

// Corrupted is a correct step made wrong by a rule.
type Corrupted struct {
	Rule string
	Text string
}

// Corrupt makes a correct step wrong in each of some ways that finds something to change, with no LLM: another
// operator, another operand of the question, another result. It is the same for equal states of rng.
func Corrupt(rng *rand.Rand, question, text string) (out []Corrupted) {
	for _, c := range corruptions {
		if wrong, ok := c.apply(rng, question, text); ok {
			out = append(out, Corrupted{c.name, wrong})
		}
	}
	return out
}

// corruption changes a step so that it is wrong. ok is false where the rule finds nothing to change.
type corruption struct {
	name  string
	apply func(rng *rand.Rand, question, text string) (string, bool)
}

// corruptions are the rules. The first two compute correctly from what they changed, and write the new result
// wherever the old one stood behind the equation.
var corruptions = []corruption{
	{"operator", func(rng *rand.Rand, _, text string) (string, bool) {
		return change(rng, text, operators, func(op string) []string {
			switch op {
			case "+":
				return []string{"-", "*"}
			case "-":
				return []string{"+", "*"}
			case "/", "÷":
				return []string{"*", "+"}
			default:
				return []string{"+", "/"}
			}
		})
	}},
	{"operand", func(rng *rand.Rand, question, text string) (string, bool) {
		var others []string
		for _, n := range arith.Numbers(question) {
			if s := question[n.Start:n.End]; plainNumber.MatchString(s) {
				others = append(others, s)
			}
		}
		return change(rng, text, operands, func(string) []string { return others })
	}},
	{"result", func(rng *rand.Rand, _, text string) (string, bool) {
		e, ok := lastEquation(text)
		if !ok {
			return "", false
		}
		by := big.NewRat(pick(rng, []int64{-10, -5, -2, -1, 1, 2, 3, 10, 20}), 1)
		if !e.value.IsInt() {
			by.Quo(by, big.NewRat(2, 1))
		}
		value := by.Add(by, e.value)
		result, ok := write(value)
		return e.replaced(e.left, result), ok && value.Sign() > 0
	}},
}

var (
	operators   = regexp.MustCompile(`[-+*/x×÷]`)
	operands    = regexp.MustCompile(`(?:\d[\d,]*)?\.?\d+`)
	plainNumber = regexp.MustCompile(`^\d[\d,]*(?:\.\d+)?$`)
)

// change puts something else in one place of the left side of the step's last equation and computes the result anew. Of
// the possible changes it draws one that comes to another value.
func change(rng *rand.Rand, text string, what *regexp.Regexp, others func(string) []string) (string, bool) {
	e, ok := lastEquation(text)
	if !ok {
		return "", false
	}
	var out []string
	for _, at := range what.FindAllStringIndex(e.left, -1) {
		for _, other := range others(e.left[at[0]:at[1]]) {
			left := e.left[:at[0]] + other + e.left[at[1]:]
			value, err := arith.Eval(left)
			if err != nil || value.Sign() <= 0 || value.Cmp(e.value) == 0 {
				continue
			}
			if result, ok := write(value); ok {
				out = append(out, e.replaced(left, result))
			}
		}
	}
	out = slices.Compact(out)
	if len(out) == 0 {
		return "", false
	}
	return pick(rng, out), true
}

// replaced is the step with another left side and result; the old result is replaced where it is said again.
func (e equation) replaced(left, result string) string {
	after := e.after
	if again := regexp.MustCompile(`(^|[^\d.,])` + regexp.QuoteMeta(e.result) + `($|[^\d.,]|[.,]\D|[.,]$)`); again.MatchString(after) {
		after = again.ReplaceAllString(after, "${1}"+strings.ReplaceAll(result, "$", "")+"${2}")
	}
	return e.before + left + e.sign + result + after
}

// write writes a value as a whole number or with up to two decimals; ok is false when that is not exact.
func write(x *big.Rat) (string, bool) {
	if x.IsInt() {
		return x.Num().String(), true
	}
	if !new(big.Rat).Mul(x, big.NewRat(100, 1)).IsInt() {
		return "", false
	}
	return strings.TrimRight(x.FloatString(2), "0"), true
}
