package formula

import (
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
)

// Parse reads an answer: one formula, or several beside each other. Signs that stand around it ($, \boxed{}, a full
// stop) are taken off; what a model forgot to close is closed. Text that is no formula becomes Words when it has no
// digit. Errors wrap ErrSyntax or ErrLimit.
func Parse(text string) (*Node, error) {
	if len(text) > 4*maxText { // more than what wraps an answer
		return nil, fmt.Errorf("%w: %d bytes", ErrLimit, len(text))
	}
	text = unwrap(text)
	if text == "" {
		return nil, fmt.Errorf("%w: empty", ErrSyntax)
	}
	if len(text) > maxText {
		return nil, fmt.Errorf("%w: %d bytes", ErrLimit, len(text))
	}
	if n := european(text); n != nil {
		return n, nil
	}
	text = strings.ReplaceAll(text, "{:}", ":")
	if m := readMoment(text); m != nil {
		return &Node{Op: Moment, When: m}, nil
	}
	tokens, ok := scan(text)
	if !ok {
		return words(text, fmt.Errorf("%w: %q has a sign that isn't understood", ErrSyntax, text))
	}
	p := parser{tokens: tokens}
	n, err := p.whole()
	if err != nil {
		return words(text, err)
	}
	if n.count(PlusMinus) > maxSigns {
		return nil, fmt.Errorf("%w: too many ±", ErrLimit)
	}
	return n, nil
}

func (n *Node) count(op Op) int {
	total := 0
	if n.Op == op {
		total++
	}
	for _, a := range n.Args {
		total += a.count(op)
	}
	return total
}

// lettersAndDigits is a name that no number is: AZ2B.
var lettersAndDigits = regexp.MustCompile(`^[A-Za-z]{2,20}\d{1,20}[A-Za-z\d]{0,20}$`)

// words is the answer for text that is no formula.
func words(text string, err error) (*Node, error) {
	if lettersAndDigits.MatchString(text) {
		return &Node{Op: Words, Name: strings.ToLower(text)}, nil
	}
	if strings.ContainsAny(text, "0123456789\\=^") {
		return nil, err
	}
	name := strings.Join(strings.Fields(strings.ToLower(strings.Trim(text, ".!'\" "))), " ")
	if name == "" {
		return nil, err
	}
	return &Node{Op: Words, Name: name}, nil
}

// unwrap takes off what stands around an answer.
func unwrap(s string) string {
	for {
		before := s
		s = strings.TrimSpace(s)
		s = strings.Trim(s, "`")
		if len(s) > 1 && s[0] == '"' && s[len(s)-1] == '"' {
			s = s[1 : len(s)-1]
		}
		s = strings.TrimPrefix(strings.TrimSuffix(s, "**"), "**")
		for _, w := range [][2]string{{`\(`, `\)`}, {`\[`, `\]`}, {"$$", "$$"}, {"$", "$"}, {`\boxed{`, "}"}, {`\fbox{`, "}"}, {`\text{`, "}"}, {`\mathbf{`, "}"}, {`\textbf{`, "}"}, {`\mathrm{`, "}"}} {
			if len(s) >= len(w[0])+len(w[1]) && strings.HasPrefix(s, w[0]) && strings.HasSuffix(s, w[1]) && alone(s[len(w[0]):len(s)-len(w[1])], w[1]) {
				s = s[len(w[0]) : len(s)-len(w[1])]
			}
		}
		s = strings.TrimRight(s, " .,;:")
		if strings.HasSuffix(s, `\`) {
			s += " "
		}
		if s = strings.TrimSpace(s); s == before {
			return s
		}
	}
}

// alone reports whether the wrapping that ends with shut isn't closed within its inside.
func alone(inside, shut string) bool {
	if shut != "}" {
		return !strings.Contains(inside, shut)
	}
	depth := 0
	for i := range len(inside) {
		switch inside[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth < 0 {
				return false
			}
		}
	}
	return depth == 0
}

// european reads a number written with points for thousands and a comma for decimals: 1.234.567,89.
func european(text string) *Node {
	whole, decimals, comma := strings.Cut(text, ",")
	groups := strings.Split(whole, ".")
	if len(groups) < 2 || !comma && len(groups) < 3 || len(groups[0]) > 3 || groups[0] == "" || strings.Trim(decimals, "0123456789") != "" || comma && decimals == "" {
		return nil
	}
	for i, g := range groups {
		if i > 0 && len(g) != 3 || strings.Trim(g, "0123456789") != "" {
			return nil
		}
	}
	value, ok := new(big.Rat).SetString(strings.Join(groups, "") + "." + decimals + "0")
	if !ok {
		return nil
	}
	return &Node{Op: Number, Value: value, Decimals: len(decimals)}
}

type parser struct {
	tokens []token
	at     int
	depth  int
	bars   int // | that are open
	within int // set builders that are open: a colon is no division there
}

func (p *parser) peek() token { return p.ahead(0) }

func (p *parser) ahead(n int) token {
	if p.at+n < len(p.tokens) {
		return p.tokens[p.at+n]
	}
	return token{}
}

func (p *parser) sees(sign string) bool {
	t := p.peek()
	return t.kind == tSign && t.text == sign
}

func (p *parser) takes(sign string) bool {
	if p.sees(sign) {
		p.at++
		return true
	}
	return false
}

func (p *parser) fail(what string) error {
	if t := p.peek(); t.kind != tEnd {
		return fmt.Errorf("%w: %s before %q", ErrSyntax, what, t.text)
	}
	return fmt.Errorf("%w: %s at the end", ErrSyntax, what)
}

// enter counts a level of nesting; leave with p.depth--.
func (p *parser) enter() error {
	if p.depth++; p.depth > maxDepth {
		return fmt.Errorf("%w: nested too deep", ErrLimit)
	}
	return nil
}

// whole reads all tokens. Words that stand behind belong to the answer as those before it do.
func (p *parser) whole() (*Node, error) {
	n, err := p.list("")
	if err != nil {
		return nil, err
	}
	for p.takes("}") || p.takes(")") || p.takes("]") || p.takes("}}") || p.takes(",") || p.takes(";") || p.takes("$") {
		continue
	}
	if p.at < len(p.tokens) {
		return nil, p.fail("it doesn't go on")
	}
	return n, nil
}

// element reads one answer of a list with the words around it, which are kept where they say something: "room 5", "5 north".
func (p *parser) element() (*Node, error) {
	label := p.lead()
	if len(p.tokens) > p.at && p.peek().kind == tSign && relations[p.peek().text] && p.peek().text != "in" { // "< 5", "≈ 2.7"
		sign := p.peek().text
		p.at++
		n, err := p.element()
		if err != nil || sign == "=" || sign == "≈" {
			return labelled(n, label), err
		}
		return labelled(&Node{Op: Relation, Args: []*Node{{Op: Symbol}, n}, Relations: []string{sign}}, label), nil
	}
	begun := p.at
	n, err := p.relation()
	if err != nil {
		return nil, err
	}
	if p.at-begun == 3 && span(p.tokens[begun:p.at]) {
		n = node(Range, n.Args[0], n.Args[1].Args[0])
	}
	if p.sees("to") { // 10 to 20
		p.at++
		to, err := p.relation()
		if err != nil {
			return nil, err
		}
		n = node(Range, n, to)
	}
	if n, err = p.compound(n); err != nil {
		return nil, err
	}
	return labelled(n, append(label, p.trail()...)), nil
}

// span reports whether tokens are two rising whole numbers with a dash right between them: 10-20.
func span(tokens []token) bool {
	a, dash, b := tokens[0], tokens[1], tokens[2]
	return a.kind == tNumber && b.kind == tNumber && dash.text == "-" && dash.glued && b.glued && a.decimals < 0 && b.decimals < 0 && a.value.IsInt() && b.value.IsInt() && a.value.Cmp(b.value) < 0
}

// lead reads the words before a value.
func (p *parser) lead() []string {
	var label []string
	n := 0
	for t := p.ahead(n); t.kind == tText || t.kind == tName && (t.text == "a" || t.text == "A" || t.text == "I") && p.ahead(n+1).kind == tText || t.kind == tSign && t.text == ":" && n > 0; t = p.ahead(n) {
		if t.kind == tText {
			label = append(label, strings.ToLower(t.text))
		}
		n++
	}
	if t := p.ahead(n); n == 0 || t.kind == tEnd || t.kind == tSign && !strings.Contains("-+±([{⟨√|⌊⌈<=>=!=≈]", t.text) && t.text != "{{" {
		return nil // the words are all there is
	}
	p.at += n
	return label
}

// trail reads the words that go on behind a unit, to the end of the element.
func (p *parser) trail() []string {
	var label []string
	n := 0
	for t := p.ahead(n); t.kind == tText || t.kind == tName && len(t.text) == 1 && n > 0; t = p.ahead(n) {
		label = append(label, strings.ToLower(t.text))
		n++
	}
	if t := p.ahead(n); t.kind != tEnd && !(t.kind == tSign && strings.Contains(",;)]}", t.text)) {
		return nil
	}
	p.at += n
	return label
}

// compound reads the smaller units behind a quantity: 2 hours 30 minutes, 5'10", $3 and 50 cents.
func (p *parser) compound(n *Node) (*Node, error) {
	for n.Op == Quantity {
		before := p.at
		if !p.takes("and") {
			p.takes(",")
		}
		if p.peek().kind != tNumber {
			p.at = before
			return n, nil
		}
		next, err := p.product()
		if err != nil {
			return nil, err
		}
		dim, size, ok := measure(n.Name)
		dimNext, sizeNext, okNext := "", (*big.Rat)(nil), false
		if next.Op == Quantity {
			dimNext, sizeNext, okNext = measure(next.Name)
		}
		if !ok || !okNext || dim != dimNext || size.Cmp(sizeNext) <= 0 {
			p.at = before
			return n, nil
		}
		factor := &Node{Op: Number, Value: new(big.Rat).Quo(size, sizeNext), Decimals: -1}
		if dim == "money1" { // without a unit dollars are meant
			n = &Node{Op: Quantity, Name: n.Name, Args: []*Node{node(Sum, n.Args[0], node(Quotient, next.Args[0], factor))}}
			continue
		}
		n = &Node{Op: Quantity, Name: next.Name, Args: []*Node{node(Sum, node(Product, n.Args[0], factor), next.Args[0])}}
	}
	return n, nil
}

// alwaysText reports whether no token from here on is anything but text.
func (p *parser) alwaysText() bool {
	return !slices.ContainsFunc(p.tokens[p.at:], func(t token) bool { return t.kind != tText })
}

// list reads elements between separators, up to the closing sign or the end. A single one is itself.
func (p *parser) list(closing string) (*Node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	var all []*Node
	joined := ""
	separates := func() bool {
		for _, sign := range []string{",", ";", "and", "or"} {
			if p.takes(sign) {
				if len(sign) > 1 {
					joined = sign
				}
				return true
			}
		}
		return false
	}
	begun := p.at
	for {
		n, err := p.element()
		if err != nil {
			return nil, err
		}
		if len(all) == 0 || n.Op != Words || slices.ContainsFunc(strings.Fields(n.Name), func(w string) bool { return !fillers[w] }) { // "8, and that's it"
			all = append(all, n)
		}
		if !separates() {
			break
		}
		for separates() { // "1, 2, and 3"
			continue
		}
		if closing == "" && p.peek().kind == tEnd {
			break
		}
	}
	if len(all) == 1 {
		return all[0], nil
	}
	if p.at-begun == 3 && commaWithin(p.tokens[begun:p.at]) {
		joined = withinNumber
	}
	return &Node{Op: List, Args: all, Name: joined}, nil
}

// withinNumber is the name of a list of two numbers that may be one with a comma before its decimals.
const withinNumber = ","

// commaWithin reports whether tokens are two whole numbers with nothing but a comma between them: 2,74.
func commaWithin(tokens []token) bool {
	a, comma, b := tokens[0], tokens[1], tokens[2]
	return a.kind == tNumber && b.kind == tNumber && comma.text == "," && comma.glued && b.glued && !a.spelled && !b.spelled && a.decimals < 0 && b.decimals < 0
}

var relations = map[string]bool{"=": true, "≈": true, "<": true, "<=": true, ">": true, ">=": true, "!=": true, "in": true}

func (p *parser) relation() (*Node, error) {
	first, err := p.sets()
	if t := p.peek(); err == nil && t.kind == tCommand {
		switch t.text {
		case "choose", "over": // {n \choose k}
			p.at++
			second, err := p.sets()
			if t.text == "over" {
				return node(Quotient, first, second), err
			}
			return call("binomial", first, second), err
		case "pmod", "bmod", "mod":
			p.at++
			second, err := p.parameter()
			return call("mod", first, second), err
		}
	}
	if err != nil {
		return nil, err
	}
	out := &Node{Op: Relation, Args: []*Node{first}}
	for p.peek().kind == tSign && relations[p.peek().text] {
		sign := p.peek().text
		p.at++
		n, err := p.sets()
		if err != nil {
			return nil, err
		}
		if sign == "≈" && name(out.Args[len(out.Args)-1]) {
			sign = "="
		}
		out.Args, out.Relations = append(out.Args, n), append(out.Relations, sign)
	}
	if len(out.Args) == 1 {
		return first, nil
	}
	if t := p.peek(); t.kind == tCommand && t.text == "pmod" { // x ≡ 3 (mod 5)
		p.at++
		modulus, err := p.parameter()
		if err != nil {
			return nil, err
		}
		last := len(out.Args) - 1
		out.Args[last] = call("mod", out.Args[last], modulus)
	}
	return out, nil
}

// sets reads unions, intersections and differences, left to right, intersections first.
func (p *parser) sets() (*Node, error) {
	left, err := p.meets()
	if err != nil {
		return nil, err
	}
	for p.sees("∪") || p.sees("∖") {
		union := p.takes("∪")
		if !union {
			p.at++
		}
		right, err := p.meets()
		switch {
		case err != nil:
			return nil, err
		case !union:
			left = node(Difference, left, right)
		case left.Op == Union:
			left = node(Union, append(left.Args[:len(left.Args):len(left.Args)], right)...)
		default:
			left = node(Union, left, right)
		}
	}
	return left, nil
}

func (p *parser) meets() (*Node, error) {
	left, err := p.sum()
	if err != nil || !p.sees("∩") {
		return left, err
	}
	left = node(Intersection, left)
	for p.takes("∩") {
		n, err := p.sum()
		if err != nil {
			return nil, err
		}
		left.Args = append(left.Args, n)
	}
	return left, nil
}

func (p *parser) sum() (*Node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	first, err := p.product()
	if err != nil {
		return nil, err
	}
	terms := []*Node{first}
	flat := func() *Node {
		if len(terms) == 1 {
			return terms[0]
		}
		return node(Sum, terms...)
	}
	for {
		switch {
		case p.takes("+"):
			n, err := p.product()
			if err != nil {
				return nil, err
			}
			terms = append(terms, n)
		case p.takes("-"):
			n, err := p.product()
			if err != nil {
				return nil, err
			}
			terms = append(terms, node(Negative, n))
		case p.takes("±"):
			n, err := p.product()
			if err != nil {
				return nil, err
			}
			terms = []*Node{node(PlusMinus, flat(), n)}
		default:
			return flat(), nil
		}
	}
}

func (p *parser) product() (*Node, error) {
	left, err := p.signed()
	if err != nil {
		return nil, err
	}
	for {
		switch {
		case p.takes("*"):
			right, err := p.signed()
			if err != nil {
				return nil, err
			}
			left = times(left, right)
		case p.takes("/"):
			right, err := p.signed()
			if err != nil {
				return nil, err
			}
			left = node(Quotient, left, right)
		case p.within == 0 && p.sees(":"):
			left = node(Ratio, left)
			for p.takes(":") {
				right, err := p.signed()
				if err != nil {
					return nil, err
				}
				for p.peek().kind == tName && (right.Op == Symbol || right.Op == Product) { // AB:CD
					factor, err := p.power()
					if err != nil {
						return nil, err
					}
					right = times(right, factor)
				}
				left.Args = append(left.Args, right)
			}
		case p.peek().kind == tMoney:
			unit := p.peek().text
			p.at++
			return &Node{Op: Quantity, Name: unit, Args: []*Node{left}}, nil
		case p.peek().kind == tText:
			if left = p.unit(left); !(p.sees("*") && p.ahead(1).kind == tNumber) { // 4 ft × 12 ft
				return left, nil
			}
		case p.sees("(") && p.ahead(1).text == "%" && p.ahead(2).text == ")": // 40 (%)
			p.at += 3
			left = node(Percent, left)
		case p.sees("(") && p.wordsInBrackets() > 0: // 9 (apples)
			n := p.wordsInBrackets()
			p.at++
			inside := parser{tokens: p.tokens[p.at : p.at+n]}
			p.at += n + 1
			return inside.unit(left), nil
		default:
			if !p.begins() {
				return left, nil
			}
			right, err := p.power()
			if err != nil {
				return nil, err
			}
			left = times(left, right)
		}
	}
}

// wordsInBrackets returns how many words the bracket here holds, 0 where it holds anything else.
func (p *parser) wordsInBrackets() int {
	n := 1
	for t := p.ahead(n); t.kind == tText || t.kind == tSign && n > 1 && (t.text == "/" || t.text == "^" || t.text == "-") || t.kind == tNumber && p.ahead(n-1).text == "^"; t = p.ahead(n) {
		n++
	}
	if t := p.ahead(n); t.kind != tSign || t.text != ")" {
		return 0
	}
	return n - 1
}

func times(a, b *Node) *Node {
	if a.Op == Product {
		return node(Product, append(a.Args[:len(a.Args):len(a.Args)], b)...)
	}
	return node(Product, a, b)
}

// mixed reports whether a whole number and a proper fraction beside each other are a mixed number.
func mixed(left, right *Node) bool {
	if left.Op != Number || !left.Value.IsInt() || left.Decimals >= 0 || left.Value.Sign() < 0 {
		return false
	}
	if right.Op == Number { // one character: 2½
		return !right.Value.IsInt() && right.Decimals < 0
	}
	if right.Op != Quotient || right.Args[0].Op != Number || right.Args[1].Op != Number {
		return false
	}
	a, b := right.Args[0].Value, right.Args[1].Value
	return a.IsInt() && b.IsInt() && a.Sign() > 0 && a.Cmp(b) < 0
}

// begins reports whether a factor without a sign of multiplication begins here.
func (p *parser) begins() bool {
	t := p.peek()
	switch t.kind {
	case tName:
		return true
	case tCommand:
		switch t.text {
		case "end", "choose", "over", "pmod", "bmod", "mod":
			return false
		}
		return true
	case tNumber:
		if t.text == "½" || p.at == 0 {
			return true
		}
		// "1 1/2" is a mixed number, "(2)3" a product, and "3 4" neither.
		before := p.tokens[p.at-1]
		if before.kind == tNumber {
			n, slash, d := t, p.ahead(1), p.ahead(2)
			return n.value.IsInt() && slash.text == "/" && d.kind == tNumber && d.value.IsInt() && n.value.Cmp(d.value) < 0
		}
		return before.kind != tText
	case tSign:
		switch t.text {
		case "[":
			return !p.ends(1)
		case "(", "{", "⟨", "√", "⌊", "⌈":
			return true
		case "|":
			return p.bars == 0 && p.within == 0
		}
	}
	return false
}

// ends reports whether an interval may end before the token n ahead: ]1, 2[.
func (p *parser) ends(n int) bool {
	t := p.ahead(n)
	return t.kind == tEnd || t.kind == tSign && strings.Contains("∪∩∖", t.text)
}

// unit reads the words behind a quantity as its unit: "cm", "km/h", "square feet", "cm^2", "m s^{-1}". Where no unit of measure
// begins them, they are a label.
func (p *parser) unit(of *Node) *Node {
	var name []string
	for {
		t := p.peek()
		letter := t.kind == tName && len(t.text) == 1 && len(name) > 0 // km/h, three hours a day
		switch {
		case t.kind == tText || letter && p.ahead(1).kind == tText || letter && (name[len(name)-1] == "/" || name[len(name)-1] == "per") && units[t.text].size != nil:
			name = append(name, strings.ToLower(t.text))
		case t.kind == tSign && (t.text == "/" || t.text == "*") && len(name) > 0 && (p.ahead(1).kind == tText || p.ahead(1).kind == tName && units[p.ahead(1).text].size != nil):
			if t.text == "/" {
				name = append(name, "/")
			}
		case t.kind == tSign && t.text == "-" && len(name) > 0 && p.ahead(1).kind == tText: // hyphen
		case t.kind == tSign && t.text == "^" && len(name) > 0 && p.unitPower() > 0:
			n := p.unitPower()
			for i := range n {
				if part := p.ahead(i); part.text != "{" && part.text != "}" {
					name[len(name)-1] += part.text
				}
			}
			p.at += n - 1
		default:
			return withUnit(of, name)
		}
		p.at++
	}
}

// unitPower returns how many tokens the power of a unit takes: ^2, ^{2}, ^{-1}.
func (p *parser) unitPower() int {
	n := 1
	braced := p.ahead(n).text == "{"
	if braced {
		n++
	}
	if p.ahead(n).text == "-" {
		n++
	}
	if p.ahead(n).kind != tNumber {
		return 0
	}
	n++
	if braced {
		if p.ahead(n).text != "}" {
			return 0
		}
		n++
	}
	return n
}

func (p *parser) signed() (*Node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	switch {
	case p.takes("-"):
		n, err := p.signed()
		return node(Negative, n), err
	case p.takes("+"):
		return p.signed()
	case p.takes("±"):
		n, err := p.signed()
		return node(PlusMinus, n), err
	}
	n, err := p.power()
	if err != nil {
		return nil, err
	}
	// The fraction of a mixed number binds to it before any sign: 2\frac13, 1 1/2, 2½.
	if t := p.peek(); n.Op == Number && t.kind == tCommand && strings.HasSuffix(t.text, "frac") {
		f, err := p.power()
		if err != nil {
			return nil, err
		}
		if mixed(n, f) {
			return node(Sum, n, f), nil
		}
		return times(n, f), nil
	}
	if t := p.peek(); n.Op == Number && t.kind == tNumber && (t.text == "½" || p.tokens[p.at-1].kind == tNumber) && p.begins() {
		f := node(Quotient, &Node{Op: Number, Value: t.value, Decimals: -1}, &Node{Op: Number, Value: p.ahead(2).value, Decimals: -1})
		if t.text == "½" {
			f = &Node{Op: Number, Value: t.value, Decimals: -1}
		}
		if mixed(n, f) {
			p.at += 3
			if t.text == "½" {
				p.at -= 2
			}
			return node(Sum, n, f), nil
		}
	}
	return n, nil
}

// power reads a primary with what is behind it: exponents, factorials, percent and degree signs, subscripts.
func (p *parser) power() (*Node, error) {
	n, err := p.primary()
	if err != nil {
		return nil, err
	}
	for {
		switch {
		case p.takes("^"):
			if p.takes("°") || p.sees("{") && p.ahead(1).text == "°" && p.ahead(2).text == "}" {
				if p.sees("{") {
					p.at += 3
				}
				n = p.degrees(n)
				continue
			}
			exponent, err := p.exponent()
			if err != nil {
				return nil, err
			}
			n = node(Power, n, exponent)
		case p.takes("°"):
			n = p.degrees(n)
		case p.takes("!"):
			n = call("factorial", n)
		case p.takes("%"):
			n = node(Percent, n)
		case p.sees("_") && n.Op == Symbol:
			p.at++
			n = &Node{Op: Symbol, Name: n.Name + "_" + p.subscript()}
		case p.sees("_") && n.Op == Number: // a numeral's base
			p.at++
			base, err := p.exponent()
			if err != nil {
				return nil, err
			}
			n = call("base", n, base)
		case p.sees("'") && n.Op == Symbol && p.peek().glued:
			p.at++
			n = &Node{Op: Symbol, Name: n.Name + "'"}
		default:
			return n, nil
		}
	}
}

// degrees is n with the unit of an angle or, where a letter says so, of a temperature.
func (p *parser) degrees(n *Node) *Node {
	unit := "°"
	n = p.sixtieths(n)
	if t := p.peek(); (t.kind == tName || t.kind == tText) && (t.text == "C" || t.text == "F") {
		p.at++
		unit += strings.ToLower(t.text)
	}
	return &Node{Op: Quantity, Name: unit, Args: []*Node{n}}
}

// sixtieths reads the minutes and seconds of an angle behind its degrees: 63° 45' 36”.
func (p *parser) sixtieths(n *Node) *Node {
	for of, marks := int64(60), 1; marks <= 2 && p.peek().kind == tNumber; of, marks = of*60, marks+1 {
		end := 1
		for end <= marks && p.ahead(end).kind == tSign && p.ahead(end).text == "'" {
			end++
		}
		if end <= marks {
			if t := p.ahead(1); t.kind != tText || t.text != [...]string{"foot", "inch"}[marks-1] {
				return n
			}
			end = 2
		}
		n = node(Sum, n, &Node{Op: Number, Value: new(big.Rat).Quo(p.peek().value, big.NewRat(of, 1)), Decimals: -1})
		p.at += end
	}
	return n
}

// subscript reads the name behind a _: what its braces hold as it stands, or one sign.
func (p *parser) subscript() string {
	if !p.sees("{") {
		t := p.peek()
		if t.kind == tEnd || t.kind == tSign {
			return ""
		}
		p.at++
		return t.text
	}
	var b strings.Builder
	for depth := 0; p.peek().kind != tEnd; {
		t := p.peek()
		p.at++
		switch {
		case t.kind == tSign && t.text == "{":
			if depth++; depth == 1 {
				continue
			}
		case t.kind == tSign && t.text == "}":
			if depth--; depth == 0 {
				return b.String()
			}
		}
		b.WriteString(t.text)
	}
	return b.String()
}

// exponent reads what stands behind ^ or _: a group, or one signed factor.
func (p *parser) exponent() (*Node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	if p.sees("{") || p.sees("(") {
		return p.primary()
	}
	if p.takes("-") {
		n, err := p.exponent()
		return node(Negative, n), err
	}
	if p.takes("+") {
		return p.exponent()
	}
	n, err := p.primary()
	if err != nil {
		return nil, err
	}
	if p.takes("^") { // 2^3^2 is 2^(3^2)
		up, err := p.exponent()
		if err != nil {
			return nil, err
		}
		return node(Power, n, up), nil
	}
	return n, nil
}

func (p *parser) primary() (*Node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	t := p.peek()
	switch t.kind {
	case tMoney: // $5
		p.at++
		n, err := p.signed()
		if err != nil {
			return nil, err
		}
		return &Node{Op: Quantity, Name: t.text, Args: []*Node{n}}, nil
	case tNumber:
		p.at++
		n := &Node{Op: Number, Value: t.value, Decimals: t.decimals}
		if len(t.text) > 1 && t.text[0] == '0' && t.decimals < 0 {
			n.Name = t.text // as the minutes of a time are written, or decimals behind a comma
		}
		return n, nil
	case tName:
		p.at++
		return p.named(t)
	case tCommand:
		p.at++
		return p.command(t.text)
	case tText:
		if p.alwaysText() {
			var all []string
			for p.peek().kind == tText {
				all = append(all, strings.ToLower(p.peek().text))
				p.at++
			}
			return &Node{Op: Words, Name: strings.Join(all, " ")}, nil
		}
		p.at++
		return &Node{Op: Words, Name: strings.ToLower(t.text)}, nil
	case tSign:
		switch t.text {
		case "(", "[", "{", "{{", "⟨", "]":
			p.at++
			return p.bracketed(t.text)
		case "|":
			p.at++
			p.bars++
			n, err := p.sum()
			p.bars--
			if err != nil {
				return nil, err
			}
			p.takes("|")
			if n.Op == Matrix {
				return call("det", n), nil
			}
			return call("abs", n), nil
		case "⌊", "⌈":
			p.at++
			n, err := p.sum()
			if err != nil {
				return nil, err
			}
			if p.takes("⌋") {
				return call("floor", n), nil
			}
			p.takes("⌉")
			return call("ceil", n), nil
		case "√":
			p.at++
			n, err := p.primary()
			return call("sqrt", n), err
		}
	}
	return nil, p.fail("a number or name is missing")
}

// closings are the signs that close a bracket.
var closings = map[string][]string{"(": {")", "]"}, "[": {"]", ")", "["}, "]": {"[", "]"}, "{": {"}"}, "{{": {"}}", "}"}, "⟨": {"⟩", ">"}}

// bracketed reads what an opening bracket holds. A bracket that was forgotten at the end counts as there.
func (p *parser) bracketed(open string) (*Node, error) {
	bars := p.bars
	p.bars = 0
	defer func() { p.bars = bars }()
	shut := ""
	closes := func() bool {
		for _, c := range closings[open] {
			if p.takes(c) {
				shut = c
				return true
			}
		}
		return p.peek().kind == tEnd
	}
	if closes() {
		return node(Set), nil // {} is empty, and () nothing else
	}
	if open == "{{" {
		p.within++
	}
	inside, err := p.list(closings[open][0])
	if open == "{{" {
		p.within--
	}
	if err != nil {
		return nil, err
	}
	if open == "{{" && (p.sees("|") || p.sees(":")) { // {x | x > 3}: what is said of x
		p.at++
		head := inside
		if inside, err = p.list("}}"); err != nil {
			return nil, err
		}
		if !closes() {
			return nil, p.fail("a brace isn't closed")
		}
		if head.Op == Symbol { // its name doesn't matter
			inside = inside.with(head.Name, &Node{Op: Symbol})
		}
		return inside, nil
	}
	if !closes() {
		return nil, p.fail("a bracket isn't closed")
	}
	elements := []*Node{inside}
	if inside.Op == List {
		elements = inside.Args
	}
	pair := len(elements) == 2 && inside.Op == List
	switch {
	case open == "{{", open == "{" && inside.Op == List:
		return node(Set, elements...), nil
	case open == "{":
		return inside, nil
	case open == "⟨":
		return node(Tuple, elements...), nil
	case pair && (open == "[" || open == "]" || shut == "]"):
		return &Node{Op: Interval, Args: elements, LeftOpen: open == "(" || open == "]", RightOpen: shut == ")" || shut == "["}, nil
	case open == "]" || shut == "[":
		return nil, p.fail("an interval has two ends")
	case inside.Op == List:
		return node(Tuple, elements...), nil
	default:
		return inside, nil
	}
}

// named reads a function with its argument, a constant or a variable.
func (p *parser) named(t token) (*Node, error) {
	if !functions[t.text] {
		return &Node{Op: Symbol, Name: t.text}, nil
	}
	name := t.text
	var base, power *Node
	for {
		var err error
		if p.takes("_") {
			base, err = p.exponent()
		} else if p.takes("^") {
			power, err = p.exponent()
		} else {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	var args []*Node
	switch {
	case p.sees("("):
		p.at++
		inside, err := p.list(")")
		if err != nil {
			return nil, err
		}
		if !p.takes(")") && p.peek().kind != tEnd {
			return nil, p.fail("a bracket isn't closed")
		}
		args = []*Node{inside}
		if inside.Op == List {
			args = inside.Args
		}
	default:
		n, err := p.argument()
		if err != nil {
			return nil, err
		}
		args = []*Node{n}
	}
	switch {
	case name == "log10":
		name, base = "log", num(10)
	case name == "log" && base == nil && len(args) == 1:
		name = "log" // common or natural: see the evaluation
	case name == "exp" && len(args) == 1:
		return node(Power, &Node{Op: Symbol, Name: "e"}, args[0]), nil
	}
	if base != nil {
		args = append(args, base)
	}
	n := call(name, args...)
	if power == nil {
		return n, nil
	}
	if power.Op == Negative && power.Args[0].Op == Number && power.Args[0].Value.Cmp(one) == 0 { // sin^{-1}
		inverse := map[string]string{"sin": "asin", "cos": "acos", "tan": "atan"}
		if to, ok := inverse[name]; ok {
			return call(to, args...), nil
		}
	}
	return node(Power, n, power), nil
}

// argument reads the argument of a function without brackets: the factors up to the next sign.
func (p *parser) argument() (*Node, error) {
	if p.takes("-") {
		n, err := p.argument()
		return node(Negative, n), err
	}
	n, err := p.power()
	if err != nil {
		return nil, err
	}
	for {
		t := p.peek()
		if t.kind == tName && !functions[t.text] || t.kind == tCommand && (t.text == "frac" || t.text == "sqrt") && n.Op == Number {
			m, err := p.power()
			if err != nil {
				return nil, err
			}
			n = times(n, m)
			continue
		}
		if p.sees("/") && (p.ahead(1).kind == tNumber) && (n.Op == Symbol || n.Op == Product) { // sin pi/6
			p.at++
			m, err := p.power()
			if err != nil {
				return nil, err
			}
			n = node(Quotient, n, m)
			continue
		}
		return n, nil
	}
}

// command reads a LaTeX command with its arguments.
func (p *parser) command(name string) (*Node, error) {
	switch name {
	case "frac", "dfrac", "tfrac", "cfrac":
		a, err := p.parameter()
		if err != nil {
			return nil, err
		}
		b, err := p.parameter()
		if err != nil {
			return nil, err
		}
		if leads(a, "d") && leads(b, "d") && b.Op == Product { // a derivative
			return &Node{Op: Symbol, Name: left + a.String() + "/" + b.String()}, nil
		}
		return node(Quotient, a, b), nil
	case "binom", "dbinom", "tbinom":
		a, err := p.parameter()
		if err != nil {
			return nil, err
		}
		b, err := p.parameter()
		if err != nil {
			return nil, err
		}
		return call("binomial", a, b), nil
	case "sqrt":
		if p.takes("[") {
			degree, err := p.sum()
			if err != nil {
				return nil, err
			}
			if !p.takes("]") {
				return nil, p.fail("the degree of a root isn't closed")
			}
			n, err := p.root()
			return call("root", n, degree), err
		}
		n, err := p.root()
		return call("sqrt", n), err
	case "bar", "dot", "ddot", "tilde", "overrightarrow", "widehat", "check", "breve": // another name
		n, err := p.parameter()
		if err != nil || n.Op != Symbol && n.Op != Product {
			return nil, p.fail("a mark stands on no name")
		}
		return &Node{Op: Symbol, Name: name + " " + n.String()}, nil
	case "sum", "prod":
		return p.series(map[string]string{"sum": "sum", "prod": "product"}[name])
	case "bigcup", "bigcap":
		return p.family(name)
	case "begin":
		return p.environment()
	}
	return nil, fmt.Errorf(`%w: \%s isn't known`, ErrSyntax, name)
}

// left begins the names of what is read as it stands, without knowing its value.
const left = ellipsis + " "

// leads reports whether n is a product that begins with a symbol, or that symbol.
func leads(n *Node, symbol string) bool {
	if n.Op == Product || n.Op == Power {
		return leads(n.Args[0], symbol)
	}
	return n.Op == Symbol && n.Name == symbol
}

// root reads what is under a root sign: \sqrt{3}, \sqrt3, \sqrt(3).
func (p *parser) root() (*Node, error) {
	if p.peek().kind == tNumber {
		return p.primary()
	}
	return p.parameter()
}

// parameter reads one argument of a command: a group, or one digit or letter.
func (p *parser) parameter() (*Node, error) {
	t := p.peek()
	switch {
	case t.kind == tNumber && len(t.text) > 1 && strings.Trim(t.text, "0123456789") == "" && t.decimals < 0:
		one := t.text[:1]
		rest := t.text[1:]
		value, _ := new(big.Rat).SetString(rest)
		p.tokens[p.at] = token{kind: tNumber, text: rest, value: value, decimals: -1, glued: true}
		first, _ := new(big.Rat).SetString(one)
		return &Node{Op: Number, Value: first, Decimals: -1}, nil
	case p.sees("{"):
		p.at++
		n, err := p.list("}")
		if err != nil {
			return nil, err
		}
		if !p.takes("}") && p.peek().kind != tEnd {
			return nil, p.fail("a brace isn't closed")
		}
		return n, nil
	default:
		return p.primary()
	}
}

// family reads \bigcup_{k=a}^{b} sets, of which nothing more is known than how it is written.
func (p *parser) family(name string) (*Node, error) {
	out := call(left + name)
	for p.sees("_") || p.sees("^") {
		p.at++
		bound, err := p.exponent()
		if err != nil {
			return nil, err
		}
		out.Args = append(out.Args, bound)
	}
	body, err := p.meets()
	if err != nil {
		return nil, err
	}
	out.Args = append(out.Args, body)
	return out, nil
}

// series reads \sum_{k=a}^{b} body.
func (p *parser) series(name string) (*Node, error) {
	var from, to *Node
	var err error
	for p.sees("_") || p.sees("^") {
		if p.takes("_") {
			from, err = p.parameter()
		} else {
			p.at++
			to, err = p.exponent()
		}
		if err != nil {
			return nil, err
		}
	}
	if from == nil || to == nil || from.Op != Relation || len(from.Args) != 2 || from.Relations[0] != "=" || from.Args[0].Op != Symbol {
		return nil, fmt.Errorf("%w: a %s without bounds", ErrSyntax, name)
	}
	body, err := p.product()
	if err != nil {
		return nil, err
	}
	return &Node{Op: Series, Name: name, Relations: []string{from.Args[0].Name}, Args: []*Node{from.Args[1], to, body}}, nil
}

// environment reads \begin{pmatrix} a & b \\ c & d \end{pmatrix} and its kin.
func (p *parser) environment() (*Node, error) {
	kind := p.label()
	switch kind {
	case "matrix", "pmatrix", "bmatrix", "Bmatrix", "vmatrix", "smallmatrix", "array", "cases", "aligned", "align", "gathered":
	default:
		return nil, fmt.Errorf("%w: environment %q isn't known", ErrSyntax, kind)
	}
	if kind == "array" && p.sees("{") { // how columns are aligned
		for !p.takes("}") {
			if p.peek().kind == tEnd {
				return nil, p.fail("an array has no rows")
			}
			p.at++
		}
	}
	ends := func() bool {
		t := p.peek()
		return t.kind == tEnd || t.kind == tCommand && t.text == "end"
	}
	m := node(Matrix)
	row := node(Tuple)
	for !ends() {
		if p.takes(`\\`) {
			m.Args, row = append(m.Args, row), node(Tuple)
			continue
		}
		if p.takes("&") || p.takes(",") {
			continue
		}
		n, err := p.relation()
		if err != nil {
			return nil, err
		}
		row.Args = append(row.Args, n)
	}
	if len(row.Args) > 0 {
		m.Args = append(m.Args, row)
	}
	if p.peek().kind == tCommand {
		p.at++
		p.label()
	}
	switch {
	case len(m.Args) == 0:
		return nil, p.fail("a matrix has no rows")
	case kind == "vmatrix":
		return call("det", m), nil
	case kind == "cases", kind == "aligned", kind == "align", kind == "gathered":
		var all []*Node
		for _, r := range m.Args {
			all = append(all, r.Args...)
		}
		return node(List, all...), nil
	}
	return m, nil
}

// label reads the {name} of an environment; its letters may have been taken for variables.
func (p *parser) label() string {
	if !p.takes("{") {
		return ""
	}
	var b strings.Builder
	for p.peek().kind != tEnd && !p.takes("}") {
		b.WriteString(p.peek().text)
		p.at++
	}
	return b.String()
}
