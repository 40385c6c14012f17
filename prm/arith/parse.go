package arith

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// value is an evaluated expression and what of its notation matters for comparing it.
type value struct {
	rat       *big.Rat
	operators int      // how many were applied
	sums      int      // how many of them were + or −
	percents  int      // percent signs within
	decimals  int      // digits shown behind the point, for a bare number
	parts     bool     // it takes a part of something: "1/3 of 150"
	rounded   bool     // it holds a number with decimals, which may have been rounded
	mixed     bool     // it holds a mixed number in LaTeX, which may be a product
	units     []string // words behind its numbers
}

var one = big.NewRat(1, 1)

// parser evaluates tokens as it reads them.
type parser struct {
	tokens []token
	at     int
	depth  int
	plain  bool // read 20% as 20 instead of 1/5
	work   *int // that is left for this text; nil for no bound but the others
}

// maxWork is how much evaluating the equations of one text may cost, some 5 ms. One is a number of up to 64 bits.
const maxWork = 8_000

// spend reports whether there is work left for a number of so many bits.
func (p *parser) spend(bits int) bool {
	if p.work == nil {
		return true
	}
	*p.work -= 1 + bits/64
	return *p.work >= 0
}

func (p *parser) peek() token {
	if p.at < len(p.tokens) {
		return p.tokens[p.at]
	}
	return token{kind: boundary}
}

// whole evaluates all tokens.
func (p *parser) whole() (value, error) {
	v, err := p.sum()
	if err == nil && p.at < len(p.tokens) {
		err = fmt.Errorf("%w: %q can't follow", ErrSyntax, p.tokens[p.at].text)
	}
	return v, err
}

// binary reads operands joined by the operators that belong says, left to right. An operator without an operand behind
// it ends the expression before it.
func (p *parser) binary(belongs func(op string) bool, operand func() (value, error)) (value, error) {
	left, err := operand()
	if err != nil {
		return left, err
	}
	for {
		t := p.peek()
		if t.kind != operator || !belongs(t.text) {
			return left, nil
		}
		before := p.at
		p.at++
		right, err := operand()
		if err != nil {
			p.at = before
			return left, hard(err)
		}
		if left, err = apply(t.text, left, right); err != nil {
			return left, err
		}
		if !p.spend(left.rat.Num().BitLen() + left.rat.Denom().BitLen()) {
			return left, ErrLimit
		}
	}
}

// hard keeps the errors that more or less text can't mend.
func hard(err error) error {
	if isSyntax(err) {
		return nil
	}
	return err
}

func (p *parser) sum() (value, error) {
	if p.depth++; p.depth > maxDepth {
		return value{}, ErrLimit
	}
	defer func() { p.depth-- }()
	return p.binary(func(op string) bool { return op == "+" || op == "-" }, p.product)
}

func (p *parser) product() (value, error) {
	return p.binary(func(op string) bool { return op == "*" || op == "/" || op == "of" }, p.implicit)
}

// implicit reads factors written side by side: 2(3+4), (1/2)(6).
func (p *parser) implicit() (value, error) {
	left, err := p.signed()
	if err != nil {
		return left, err
	}
	for t := p.peek(); t.kind == open; t = p.peek() {
		before := p.at
		bare := p.tokens[before-1].kind == number && left.rat.IsInt() && left.operators == 0 && left.decimals == 0
		right, err := p.power()
		if err != nil {
			p.at = before
			return left, hard(err)
		}
		if t.text == mixable && bare && right.operators == 1 && right.rat.Sign() > 0 && right.rat.Cmp(one) < 0 { // 2\frac{3}{4}
			part := right.rat
			if left.rat.Sign() < 0 {
				part = new(big.Rat).Neg(part)
			}
			right.rat, right.operators, right.mixed = new(big.Rat).Add(left.rat, part), 0, true
			left = right
			continue
		}
		if left, err = apply("*", left, right); err != nil {
			return left, err
		}
	}
	return left, nil
}

func (p *parser) signed() (value, error) {
	t := p.peek()
	if t.kind != operator || t.text != "-" && t.text != "+" {
		return p.power()
	}
	if p.depth++; p.depth > maxDepth {
		return value{}, ErrLimit
	}
	defer func() { p.depth-- }()
	p.at++
	v, err := p.signed()
	if err == nil && t.text == "-" {
		v.rat = new(big.Rat).Neg(v.rat)
	}
	return v, err
}

func (p *parser) power() (value, error) {
	base, err := p.atom()
	if err != nil {
		return base, err
	}
	if t := p.peek(); t.kind != operator || t.text != "^" {
		return base, nil
	}
	before := p.at
	p.at++
	if p.depth++; p.depth > maxDepth {
		return value{}, ErrLimit
	}
	defer func() { p.depth-- }()
	exponent, err := p.signed()
	if err != nil {
		p.at = before
		return base, hard(err)
	}
	return apply("^", base, exponent)
}

func (p *parser) atom() (value, error) {
	t := p.peek()
	if !p.spend(0) {
		return value{}, ErrLimit
	}
	switch t.kind {
	case number:
		p.at++
		v := value{rat: t.value, decimals: t.decimals, rounded: t.decimals > 0}
		v = p.mixed(v)
		v = p.suffix(v)
		if t.money {
			v.units = append(v.units, "$")
		}
		return v, nil
	case open:
		p.at++
		v, err := p.sum()
		if err != nil {
			return v, err
		}
		if p.peek().kind != shut {
			return v, fmt.Errorf("%w: a parenthesis isn't closed", ErrSyntax)
		}
		p.at++
		return p.suffix(v), nil
	default:
		return value{}, fmt.Errorf("%w: %q where a number should be", ErrSyntax, t.text)
	}
}

// mixed reads the fraction of a mixed number: 1 1/2.
func (p *parser) mixed(v value) value {
	if p.at+2 >= len(p.tokens) || !v.rat.IsInt() || v.decimals > 0 {
		return v
	}
	num, slash, den := p.tokens[p.at], p.tokens[p.at+1], p.tokens[p.at+2]
	if num.kind != number || slash.kind != operator || slash.text != "/" || !slash.glued || den.kind != number || !den.glued ||
		num.decimals > 0 || den.decimals > 0 || den.value.Sign() == 0 || num.value.Cmp(den.value) >= 0 {
		return v
	}
	p.at += 3
	v.rat = new(big.Rat).Add(v.rat, new(big.Rat).Quo(num.value, den.value))
	return v
}

// suffix reads a percent sign and the words of a unit, "dollars/hour" included. Words are taken only when an operator,
// a parenthesis that ends, or the end follows them: else they say something else.
func (p *parser) suffix(v value) value {
	if p.peek().kind == percent {
		p.at++
		v.percents++
		if !p.plain {
			v.rat = new(big.Rat).Mul(v.rat, big.NewRat(1, 100))
		}
	}
	at := p.at
	var units []string
	for at < len(p.tokens) {
		t := p.tokens[at]
		if n := powerOfUnit(p.tokens[at:]); len(units) > 0 && n > 0 { // 12 cm^2
			units[len(units)-1] += "^2"
			at += n
			continue
		}
		slash := t.kind == operator && t.text == "/" && at+1 < len(p.tokens) && p.tokens[at+1].kind == word
		if t.kind != word && !slash {
			break
		}
		if t.kind == word {
			if joins[t.text] || t.text == "to" && at+1 < len(p.tokens) && p.tokens[at+1].kind == operator || t.glued && len(t.text) == 1 && !strings.Contains("gmlhs", t.text) {
				return v // a variable, where it isn't metres or the like
			}
			units = append(units, t.text)
		}
		at++
	}
	if at < len(p.tokens) {
		if k := p.tokens[at].kind; k != operator && k != shut {
			return v
		}
	}
	v.units = append(v.units, units...)
	p.at = at
	return v
}

// powerOfUnit returns how many tokens the power of a unit takes: ^2, ^{-1}.
func powerOfUnit(tokens []token) int {
	if len(tokens) < 2 || tokens[0].kind != operator || tokens[0].text != "^" {
		return 0
	}
	n := 1
	braces := tokens[n].kind == open
	if braces {
		n++
	}
	if n < len(tokens) && tokens[n].kind == operator && tokens[n].text == "-" {
		n++
	}
	if n >= len(tokens) || tokens[n].kind != number {
		return 0
	}
	n++
	if braces {
		if n >= len(tokens) || tokens[n].kind != shut {
			return 0
		}
		n++
	}
	return n
}

// joins are words that begin something new: no unit has them.
var joins = map[string]bool{"or": true, "and": true, "because": true, "since": true, "so": true, "if": true, "when": true, "but": true, "then": true, "is": true, "are": true,
	"which": true, "gives": true, "give": true, "giving": true, "where": true, "remainder": true, "becomes": true, "yields": true, "implies": true, "thus": true, "hence": true, "therefore": true, "let": true, "we": true}

func isSyntax(err error) bool { return errors.Is(err, ErrSyntax) }

func apply(op string, a, b value) (value, error) {
	out := value{rat: new(big.Rat), operators: a.operators + b.operators + 1, sums: a.sums + b.sums, percents: a.percents + b.percents,
		rounded: a.rounded || b.rounded, mixed: a.mixed || b.mixed, parts: a.parts || b.parts || op == "of", units: append(a.units[:len(a.units):len(a.units)], b.units...)}
	switch op {
	case "+":
		out.rat.Add(a.rat, b.rat)
		out.sums++
	case "-":
		out.rat.Sub(a.rat, b.rat)
		out.sums++
	case "*", "of":
		out.rat.Mul(a.rat, b.rat)
	case "/":
		if b.rat.Sign() == 0 {
			return out, ErrZero
		}
		out.rat.Quo(a.rat, b.rat)
	case "^":
		if !b.rat.IsInt() || !b.rat.Num().IsInt64() || b.rat.Num().Int64() > maxExponent || b.rat.Num().Int64() < -maxExponent {
			return out, ErrLimit
		}
		n := b.rat.Num().Int64()
		base := a.rat
		if n < 0 {
			if base.Sign() == 0 {
				return out, ErrZero
			}
			base, n = new(big.Rat).Inv(base), -n
		}
		if int64(base.Num().BitLen()+base.Denom().BitLen())*max(n, 1) > 2*maxBits {
			return out, ErrLimit
		}
		out.rat.SetInt64(1)
		for range n {
			out.rat.Mul(out.rat, base)
		}
	}
	if out.rat.Num().BitLen() > maxBits || out.rat.Denom().BitLen() > maxBits {
		return out, ErrLimit
	}
	return out, nil
}
