package arith

import (
	"math/big"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"aprm/prm/arith/formula"
)

type kind int8

const (
	number   kind = iota
	operator      // text is one of + - * / ^ of
	open
	shut
	percent
	equals   // text is "=" or, for an announced approximation, "~"
	word     // text is in lower case
	boundary // what no expression crosses: the end of a sentence or clause, a line break
	opaque   // what belongs to an expression and isn't evaluated: a root, a function, a subscript, a command that isn't known
)

type token struct {
	kind       kind
	text       string
	start, end int
	value      *big.Rat // of a number
	decimals   int      // digits behind the point that a number shows
	glued      bool     // nothing stands between this token and the one before
	spelled    bool     // an operator or a sign of equality written as a word
	after      bool     // an operator right behind another one
	money      bool     // a currency sign stands before this number
}

// lex reads a text token by token, prose with equations in it. It isn't formula's scanner, which reads one answer and
// nothing else: there a sign that isn't understood refuses the whole text, here it obscures what it stands in; there
// tokens have no place in the text, here every check needs one; and the same sign is read by what it most likely is in
// each: a letter is a variable there and a unit here ("3 m", "2 boxes"), a dash is a minus there and may join words
// here, a comma within brackets parts coordinates there and thousands here, a full stop, a colon and an exclamation
// mark end clauses here alone, and what is computed, "of", "%" or a mixed number, is kept apart here because it decides
// what may be called false. LaTeX is read as what it means; signs that mean nothing here are passed over.
func lex(text string) []token {
	l := lexer{text: text}
	l.run(0, len(text), 0)
	return spell(l.tokens)
}

type lexer struct {
	text   string
	tokens []token
	spaced bool // something was passed over since the last token
	money  bool
}

func (l *lexer) emit(t token) {
	t.glued = !l.spaced && len(l.tokens) > 0
	t.money = l.money && t.kind == number
	l.spaced, l.money = false, false
	l.tokens = append(l.tokens, t)
}

// run reads text[at:end].
func (l *lexer) run(at, end, depth int) {
	for at < end {
		rest := l.text[at:end]
		r, size := utf8.DecodeRuneInString(rest)
		one := func(k kind, text string) {
			l.emit(token{kind: k, text: text, start: at, end: at + size})
			at += size
		}
		switch {
		case r == '\\':
			at = l.latex(at, end, depth)
		case isDigit(rest) || r == '.' && isDigit(rest[1:]) && !l.afterDigit(at):
			at = l.number(at, end)
		case r == '!' && l.factorial(at, end):
			one(opaque, "!")
		case r == '\n' || r == ';' || r == '?' || r == '!' || r == ':' && !isDigit(rest[1:]):
			one(boundary, string(r))
		case r == ',' || r == '.':
			if next := rest[1:]; next == "" || !isDigit(next) {
				one(boundary, string(r))
			} else {
				one(boundary, string(r)) // "a,5" is a list
			}
		case r == '$' || r == '€' || r == '£':
			l.money, l.spaced = true, l.spaced || r != '$'
			at += size
		case r == '¢':
			one(word, "cents")
		case r == '+':
			one(operator, "+")
		case r == '-' || r == '−' || r == '–' || r == '—':
			if l.hyphen(at, end, size) {
				if at > 0 && l.text[at-1] == ' ' && at+size < end && l.text[at+size] == ' ' {
					one(boundary, "-") // a dash, or a name is subtracted
					break
				}
				l.spaced = true
				at += size
				break
			}
			one(operator, "-")
		case strings.HasPrefix(rest, "**"):
			if l.afterDigit(at) && isDigit(rest[2:]) {
				size = 2
				one(operator, "^")
				break
			}
			l.spaced = true // bold
			at += 2
		case r == '*' || r == '×' || r == '·' || r == '⋅' || r == '∙':
			one(operator, "*")
		case r == '/' || r == '÷' || r == '⁄':
			one(operator, "/")
		case r == '^':
			one(operator, "^")
		case r == '(' || r == '[' || r == '{':
			one(open, "(")
		case r == ')' || r == ']' || r == '}':
			one(shut, ")")
		case r == '%':
			one(percent, "%")
		case strings.HasPrefix(rest, "=>") || strings.HasPrefix(rest, "->") || strings.HasPrefix(rest, "!=") ||
			strings.HasPrefix(rest, "<=") || strings.HasPrefix(rest, ">="):
			size = 2
			one(boundary, rest[:2])
		case strings.HasPrefix(rest, "=="):
			size = 2
			one(equals, "=")
		case r == '=':
			one(equals, "=")
		case r == '≈' || r == '≅' || r == '≃' || r == '~':
			one(equals, "~")
		case r == '<' || r == '>' || r == '→' || r == '⇒' || r == '≠' || r == '≤' || r == '≥' || r == '≡':
			one(boundary, string(r))
		case unicode.IsLetter(r) && !unicode.Is(unicode.Greek, r):
			n := wordLength(rest)
			t := token{kind: word, text: strings.ToLower(rest[:n]), start: at, end: at + n}
			if (n < len(rest) && rest[n] == '(' || strings.HasPrefix(rest[n:], " (")) && functions[t.text] || t.text == "sqrt" {
				t.kind = opaque
			}
			l.emit(t)
			at += n
		case strings.ContainsRune("|_√∛∑∏∫∂∞…∣‖⌊⌋⌈⌉", r) || unicode.Is(unicode.Greek, r):
			one(opaque, string(r))
		case formula.Raised(r) != "":
			at = l.power(at, end)
		case formula.Fraction(r) != nil:
			l.half(r, at, size)
			at += size
		default:
			l.spaced = true
			at += size
		}
	}
}

// functions of a name before brackets, which aren't evaluated.
var functions = map[string]bool{"sqrt": true, "cbrt": true, "log": true, "ln": true, "exp": true, "sin": true, "cos": true, "tan": true, "abs": true, "max": true, "min": true, "gcd": true, "lcm": true,
	"mod": true, "floor": true, "ceil": true, "ceiling": true, "round": true, "factorial": true, "binomial": true, "comb": true, "choose": true, "c": true, "p": true, "f": true, "g": true, "h": true, "root": true, "sum": true,
	"average": true, "avg": true, "mean": true, "median": true, "arcsin": true, "arccos": true, "arctan": true, "asin": true, "acos": true, "atan": true, "pow": true, "sec": true, "csc": true, "cot": true, "perm": true}

// factorial reports whether the mark at this place is one of a factorial rather than the end of a sentence.
func (l *lexer) factorial(at, end int) bool {
	before := strings.TrimSuffix(l.text[:at], " ")
	if before == "" || !strings.ContainsRune("0123456789)}!", rune(before[len(before)-1])) {
		return false
	}
	after := strings.TrimLeft(l.text[at+1:min(end, at+16)], " !$")
	return after != "" && (strings.ContainsRune("+-*/=^()}]&\\,", rune(after[0])) || strings.HasPrefix(after, "·") || strings.HasPrefix(after, "−") || strings.HasPrefix(after, "×") || strings.HasPrefix(after, "÷"))
}

// power reads superscripts: 3² is 3^2. That of a unit says nothing of its number.
func (l *lexer) power(at, end int) int {
	start := at
	var digits strings.Builder
	for at < end {
		r, size := utf8.DecodeRuneInString(l.text[at:end])
		up := formula.Raised(r)
		if up == "" {
			break
		}
		digits.WriteString(up)
		at += size
	}
	if n := len(l.tokens); n == 0 || l.tokens[n-1].kind == word && len(l.tokens[n-1].text) > 1 {
		l.spaced = true
		return at
	}
	value, ok := new(big.Rat).SetString(digits.String())
	if !ok || digits.Len() > 9 {
		l.emit(token{kind: opaque, text: "^", start: start, end: at})
		return at
	}
	l.emit(token{kind: operator, text: "^", start: start, end: start})
	if value.Sign() < 0 {
		l.emit(token{kind: operator, text: "-", start: start, end: start})
		value.Neg(value)
	}
	l.emit(token{kind: number, text: digits.String(), start: start, end: at, value: value})
	return at
}

// half reads a fraction of one character: right behind a whole number it is one of a mixed number.
func (l *lexer) half(r rune, at, size int) {
	f := token{kind: number, value: formula.Fraction(r), start: at, end: at + size, text: "1/2", decimals: 1}
	if n := len(l.tokens); n > 0 && !l.spaced && l.tokens[n-1].kind == number && l.tokens[n-1].value.IsInt() {
		last := &l.tokens[n-1]
		last.value, last.end = new(big.Rat).Add(last.value, f.value), f.end
		return
	}
	l.emit(token{kind: open, text: "(", start: at, end: at})
	l.emit(f)
	l.emit(token{kind: shut, text: ")", start: at + size, end: at + size})
}

func isDigit(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }

func (l *lexer) afterDigit(at int) bool { return at > 0 && isDigit(l.text[at-1:]) }

func wordLength(s string) int {
	for i, r := range s {
		if !unicode.IsLetter(r) && r != '\'' && r != '’' {
			return i
		}
	}
	return len(s)
}

// hyphen reports whether the dash at this place joins words, as in "10-minute" or "so - in all -", rather than
// subtracting.
func (l *lexer) hyphen(at, end, size int) bool {
	after := strings.TrimLeft(l.text[at+size:end], " ")
	if after == "" || after[0] == '\n' {
		return true
	}
	if last := len(l.tokens) - 1; (last < 0 || l.tokens[last].kind == boundary) && l.text[at+size] == ' ' {
		return true // the item of a list
	}
	r, _ := utf8.DecodeRuneInString(after)
	return unicode.IsLetter(r) || r == '-' && !isDigit(after[1:])
}

// number reads digits with thousands separators and decimals: 1,234.5 1234.5 .5 0.333…
func (l *lexer) number(at, end int) int {
	start := at
	var digits strings.Builder
	for at < end {
		switch c := l.text[at]; {
		case c >= '0' && c <= '9':
			digits.WriteByte(c)
			at++
			continue
		case c == ',' && at > start && groups(l.text[start:at], l.text[at+1:end]):
			at++
			continue
		case strings.HasPrefix(l.text[at:end], "{,}"):
			at += 3
			continue
		case c == ',' && strings.HasPrefix(l.text[at:end], `,\!`) && thousands(l.text[at+3:end]): // 4,\!060
			at += 3
			at += len(l.text[at:end]) - len(strings.TrimLeft(l.text[at:end], " "))
			continue
		}
		break
	}
	decimals := 0
	if at+1 < end && l.text[at] == '.' && isDigit(l.text[at+1:]) {
		digits.WriteByte('.')
		for at++; at < end && isDigit(l.text[at:]); at++ {
			digits.WriteByte(l.text[at])
			decimals++
		}
		for _, dots := range []string{"...", "…"} {
			if strings.HasPrefix(l.text[at:end], dots) {
				at += len(dots)
			}
		}
	}
	if strings.HasPrefix(l.text[at:end], `.\overline`) || strings.HasPrefix(l.text[at:end], `\overline`) { // decimals without an end
		l.emit(token{kind: opaque, text: "…", start: start, end: at})
		return at
	}
	value := new(big.Rat)
	if s := digits.String(); len(s) > maxBits/4 {
		l.emit(token{kind: boundary, text: "…", start: start, end: at})
		return at
	} else if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		value.SetInt64(n)
	} else if _, ok := value.SetString("0" + s); !ok {
		l.emit(token{kind: boundary, text: s, start: start, end: at})
		return at
	}
	l.emit(token{kind: number, start: start, end: at, value: value, decimals: decimals, text: l.text[start:at]})
	return at
}

// thousands reports whether three digits and no more begin a text, behind space.
func thousands(text string) bool {
	text = strings.TrimLeft(text, " ")
	return len(text) >= 3 && isDigit(text) && isDigit(text[1:]) && isDigit(text[2:]) && !isDigit(text[3:])
}

// groups reports whether a comma between before and after separates thousands.
func groups(before, after string) bool {
	if len(after) < 3 || !isDigit(after) || !isDigit(after[1:]) || !isDigit(after[2:]) || len(after) > 3 && isDigit(after[3:]) {
		return false
	}
	lead := before
	if i := strings.LastIndexByte(before, ','); i >= 0 {
		lead = before[i+1:]
		return len(lead) == 3
	}
	return len(lead) <= 3
}

// latex reads a command and returns where to go on.
func (l *lexer) latex(at, end, depth int) int {
	n := 1
	for at+n < end && l.text[at+n] < utf8.RuneSelf && unicode.IsLetter(rune(l.text[at+n])) {
		n++
	}
	if n == 1 { // \( \) \[ \] \$ \% \, and the like
		if at+1 >= end {
			return end
		}
		_, size := utf8.DecodeRuneInString(l.text[at+1:])
		switch l.text[at+1] {
		case '%':
			l.emit(token{kind: percent, text: "%", start: at, end: at + 2})
		case '$':
			l.money = true
		case '[', ']', '\\':
			l.emit(token{kind: boundary, text: "\n", start: at, end: at + 2})
		default:
			l.spaced = true
		}
		return at + 1 + size
	}
	name := l.text[at+1 : at+n]
	simple := func(k kind, text string) int {
		l.emit(token{kind: k, text: text, start: at, end: at + n})
		return at + n
	}
	switch name {
	case "times", "cdot":
		return simple(operator, "*")
	case "div":
		return simple(operator, "/")
	case "approx", "simeq", "sim":
		return simple(equals, "~")
	case "frac", "dfrac", "tfrac", "cfrac":
		return l.fraction(at, at+n, end, depth)
	case "text", "mathrm", "textbf", "mathbf", "textit", "operatorname":
		l.spaced = true
		if inside, _, ok := group(l.text[:end], at+n); ok && depth < maxDepth {
			l.run(inside[0], inside[1], depth+1)
			l.spaced = true
			return inside[1] + 1
		}
		return at + n
	case "boxed", "left", "right", "displaystyle", "big", "Big", "bigl", "bigr", "Bigl", "Bigr", "bigg", "biggl", "biggr", "fbox", "mathit", "underline", "limits":
		l.spaced = true
		return at + n // what it holds is read as it stands
	case "begin", "end":
		if inside, next, ok := group(l.text[:end], at+n); ok && inside[1]-inside[0] < 20 {
			n = next - at
		}
		return simple(boundary, name)
	}
	if breaks[name] {
		return simple(boundary, name)
	}
	return simple(opaque, name)
}

// breaks are the commands that no expression crosses: relations, arrows, what sets text apart.
var breaks = map[string]bool{"le": true, "leq": true, "leqslant": true, "ge": true, "geq": true, "geqslant": true, "ne": true, "neq": true, "lt": true, "gt": true, "ll": true, "gg": true, "to": true,
	"rightarrow": true, "Rightarrow": true, "Longrightarrow": true, "longrightarrow": true, "implies": true, "iff": true, "Leftrightarrow": true, "leftarrow": true, "mapsto": true, "equiv": true, "cong": true,
	"propto": true, "in": true, "notin": true, "subset": true, "therefore": true, "because": true, "item": true, "hline": true, "par": true, "newline": true, "section": true, "tag": true, "label": true,
	"centering": true, "hfill": true, "quad": true, "qquad": true, "bigskip": true, "medskip": true, "smallskip": true, "land": true, "lor": true, "wedge": true, "vee": true, "forall": true, "exists": true}

// fraction reads \frac{a}{b} or \frac12 as ((a)/(b)).
func (l *lexer) fraction(at, from, end, depth int) int {
	a, b, next, ok := arguments(l.text[:end], from)
	if !ok || depth > maxDepth {
		l.emit(token{kind: boundary, text: "frac", start: at, end: from})
		return from
	}
	put := func(k kind, text string, start, end int) { l.emit(token{kind: k, text: text, start: start, end: end}) }
	put(open, mixable, at, a[0])
	put(open, "(", at, a[0])
	l.run(a[0], a[1], depth+1)
	put(shut, ")", a[1], b[0])
	put(operator, "/", a[1], b[0])
	put(open, "(", a[1], b[0])
	l.run(b[0], b[1], depth+1)
	put(shut, ")", b[1], next)
	put(shut, ")", b[1], next)
	return next
}

// mixable is the text of the bracket around a fraction that LaTeX sets: behind a whole number it is one of a mixed
// number.
const mixable = "frac"

// arguments finds the two arguments of a command: braced groups or single digits.
func arguments(text string, at int) (a, b [2]int, next int, ok bool) {
	a, at, ok = group(text, at)
	if !ok {
		return a, b, 0, false
	}
	b, next, ok = group(text, at)
	return a, b, next, ok
}

// maxArgument is how many bytes the argument of a command may take.
const maxArgument = 1024

// group finds one argument, a braced group or a single digit: its inside, and where the text goes on.
func group(text string, at int) (inside [2]int, next int, ok bool) {
	for at < len(text) && text[at] == ' ' {
		at++
	}
	if at < len(text) && isDigit(text[at:]) {
		return [2]int{at, at + 1}, at + 1, true
	}
	if at >= len(text) || text[at] != '{' {
		return inside, at, false
	}
	depth := 0
	for i := at; i < min(len(text), at+maxArgument); i++ {
		switch text[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return [2]int{at + 1, i}, i + 1, true
			}
		}
	}
	return inside, at, false
}

// joining are the words behind which another operand follows.
var joining = map[string]bool{"plus": true, "minus": true, "times": true, "multiplied": true, "divided": true, "is": true, "equals": true, "gives": true}

// spell turns words that stand for operators into them: "3 x 4", "3 times 4", "5 plus 2", "half of 6", "20% of 50".
func spell(tokens []token) []token {
	out := make([]token, 0, len(tokens))
	for i, t := range tokens {
		after := func(k int) token {
			if i+k < len(tokens) {
				return tokens[i+k]
			}
			return token{kind: boundary}
		}
		before := token{kind: boundary}
		if len(out) > 0 {
			before = out[len(out)-1]
		}
		operand := before.kind == number || before.kind == shut || before.kind == percent || before.kind == word
		starts := after(1).kind == number || after(1).kind == open
		if t.kind == word {
			op := ""
			switch t.text {
			case "x":
				if operand && starts {
					op = "*"
				}
			case "squared", "cubed":
				if (before.kind == number || before.kind == shut) && (after(1).kind != word || joining[after(1).text]) {
					exponent := map[string]int64{"squared": 2, "cubed": 3}[t.text]
					out = append(out, token{kind: operator, text: "^", start: t.start, end: t.start},
						token{kind: number, value: big.NewRat(exponent, 1), start: t.start, end: t.end, text: t.text})
					continue
				}
			case "times", "multiplied":
				if operand && (starts || after(1).text == "by") {
					op = "*"
				}
			case "plus":
				if operand && starts {
					op = "+"
				}
			case "minus":
				if operand && starts {
					op = "-"
				}
			case "divided":
				if operand && after(1).text == "by" {
					op = "/"
				}
			case "by":
				if before.kind == operator && before.text != "-" && starts {
					continue // "divided by", "multiplied by"
				}
			case "equals":
				if operand && starts {
					t.kind, t.text, t.spelled = equals, "=", true
				}
			case "equal":
				if before.kind == word && before.text == "is" && after(1).text == "to" && (after(2).kind == number || after(2).kind == open) {
					out[len(out)-1] = token{kind: equals, text: "=", start: before.start, end: t.end, spelled: true}
					continue
				}
			case "to":
				if before.kind == equals {
					continue
				}
			case "is":
				if starts && before.kind != word && computing(out) {
					t.kind, t.text, t.spelled = equals, "=", true
				}
			case "of":
				if starts && (before.kind == percent || before.kind == shut || ratio(out)) {
					op = "of"
				}
			case "half":
				if after(1).text == "of" && (after(2).kind == number || after(2).kind == open) {
					out = append(out, token{kind: open, text: "(", start: t.start, end: t.end, glued: false},
						token{kind: number, value: big.NewRat(1, 2), start: t.start, end: t.end, text: "1/2", decimals: 1},
						token{kind: shut, text: ")", start: t.start, end: t.end})
					continue
				}
			case "twice", "double":
				if starts {
					out = append(out, token{kind: number, value: big.NewRat(2, 1), start: t.start, end: t.end, text: "2"},
						token{kind: operator, text: "*", start: t.start, end: t.end})
					continue
				}
			}
			if op != "" {
				t.kind, t.text, t.spelled = operator, op, op != "of" && t.text != "x"
			}
		}
		t.after = t.kind == operator && len(out) > 0 && out[len(out)-1].kind == operator
		out = append(out, t)
	}
	return out
}

// computing reports whether tokens end in an operation: an operator, an operand, and closing signs.
func computing(tokens []token) bool {
	for i := len(tokens) - 1; i >= max(0, len(tokens)-4); i-- {
		switch tokens[i].kind {
		case operator:
			return i < len(tokens)-1
		case number, shut, percent:
		default:
			return false
		}
	}
	return false
}

// ratio reports whether the tokens end in a/b, so that "of" behind them multiplies.
func ratio(tokens []token) bool {
	n := len(tokens)
	return n >= 3 && tokens[n-1].kind == number && tokens[n-2].kind == operator && tokens[n-2].text == "/" && tokens[n-3].kind == number
}
