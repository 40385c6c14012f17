// Package arith reads the mathematics in a text: it finds numbers, evaluates expressions exactly, checks the equations
// that prose or LaTeX states, extracts final answers and compares them. Its formulas, from fractions to sets and
// matrices, are those of [aprm/prm/arith/formula].
//
// Everything is three-valued: what the package is not sure of is Unknown, never a guess. Steps are checked exactly
// (math/big.Rat), answers exactly or with a bound on the error. Inputs are bounded in length, nesting, exponents and
// size of results, so that no text can make it hang or fill memory. The package is pure.
package arith

import (
	"errors"
	"math/big"
	"strings"

	"aprm/prm/arith/formula"
)

// Verdict is what is known of a statement.
type Verdict int8

const (
	Unknown Verdict = iota
	True
	False
)

func (v Verdict) String() string {
	return [...]string{"unknown", "true", "false"}[v]
}

// Check is one equation that a step states.
type Check struct {
	Start, End  int    // where it stands in the text, in bytes
	Text        string // text[Start:End]
	Verdict     Verdict
	Left, Right *big.Rat // its sides, nil where they can't be evaluated
	Reason      string   // why it is false, or why it can't be told
	Operators   int      // operators on both sides: 0 for a bare "a = b"
}

// Number is a number written in a text.
type Number struct {
	Start, End int // in bytes, sign and currency excluded
	Value      *big.Rat
	Unit       string // the word right behind it, in lower case, "" for none
	Percent    bool   // a percent sign follows; Value is the number as written
}

// Bounds on what is read.
const (
	maxText     = 1 << 13 // bytes of a step, or of its end, that are read token by token: no step is longer, and of what goes unread nothing is said
	maxAloud    = 1 << 16 // bytes at the end of a text in which an answer is looked for
	maxTokens   = 400     // of one clause
	maxDepth    = 64      // nesting of an expression
	maxExponent = 64      // absolute
	maxBits     = 4096    // of a numerator or denominator
)

// Errors of Eval.
var (
	ErrSyntax = errors.New("not an arithmetic expression")
	ErrLimit  = errors.New("expression beyond the limits")
	ErrZero   = errors.New("division by zero")
)

// Singular takes the ending of a plural off a word in lower case.
func Singular(word string) string { return formula.Singular(word) }

// head is the beginning of a text that is read: all of it, or its whole sentences within the bound.
func head(text string) string {
	if len(text) <= maxText {
		return text
	}
	return text[:max(strings.LastIndexByte(text[:maxText], '\n'), strings.LastIndex(text[:maxText], ". "))+1]
}

// tail is the end of a text in the same way.
func tail(text string) string {
	if len(text) <= maxText {
		return text
	}
	text = text[len(text)-maxText:]
	for _, end := range []string{"\n", ". "} {
		if _, rest, ok := strings.Cut(text, end); ok {
			return rest
		}
	}
	return ""
}

// Numbers returns every number in the text, in order. Fractions count as two numbers. Of a text beyond 8 KB its first
// sentences are read.
func Numbers(text string) []Number {
	var out []Number
	tokens := lex(head(text))
	for i, t := range tokens {
		if t.kind != number {
			continue
		}
		n := Number{Start: t.start, End: t.end, Value: t.value}
		if i+1 < len(tokens) {
			switch after := tokens[i+1]; {
			case after.kind == percent:
				n.Percent = true
			case after.kind == word:
				n.Unit = after.text
			}
		}
		out = append(out, n)
	}
	return out
}

// Eval evaluates an expression, all of it: numbers, + − × ÷ ^, parentheses, fractions, percent, in plain or LaTeX
// notation. Words that follow a number are its unit and don't matter. Errors wrap ErrSyntax, ErrLimit or ErrZero.
func Eval(expr string) (*big.Rat, error) {
	if len(expr) > maxText {
		return nil, ErrLimit
	}
	tokens := lex(expr)
	p := parser{tokens: tokens}
	v, err := p.whole()
	if err != nil {
		return nil, err
	}
	return v.rat, nil
}

// Result returns the value a step arrives at: the right side of its last equation, or its last number when it states
// none. Of a step beyond 8 KB the last sentences are read.
func Result(step string) (*big.Rat, bool) {
	step = tail(step)
	checks := CheckStep(step)
	for i := len(checks) - 1; i >= 0; i-- {
		if checks[i].Right != nil {
			return checks[i].Right, true
		}
	}
	numbers := Numbers(step)
	if len(numbers) == 0 {
		return nil, false
	}
	return numbers[len(numbers)-1].Value, true
}
