package formula

import (
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

type kind uint8

const (
	tEnd kind = iota
	tNumber
	tName    // a letter, a function, a Greek letter
	tSign    // an operator, a relation, a bracket, a separator
	tCommand // a LaTeX command with arguments of its own: frac, sqrt, binom, begin, …
	tText    // words: \text{…}, or a plain word
	tMoney   // a sign of a currency; the text is its unit
)

type token struct {
	kind     kind
	text     string
	value    *big.Rat // of a number
	decimals int      // −1 for none
	glued    bool     // nothing stands between it and the token before
	spelled  bool     // a number in words
}

// signs of one meaning, longest first where one begins another.
var signs = []struct{ written, means string }{
	{"<=", "<="}, {">=", ">="}, {"!=", "!="}, {"==", "="}, {"=>", ";"}, {"->", ";"}, {"+-", "±"}, {"**", "^"},
	{"+", "+"}, {"-", "-"}, {"−", "-"}, {"–", "-"}, {"*", "*"}, {"×", "*"}, {"·", "*"}, {"⋅", "*"}, {"∙", "*"}, {"/", "/"}, {"÷", "/"}, {"⁄", "/"},
	{"^", "^"}, {"_", "_"}, {"=", "="}, {"≈", "≈"}, {"≡", "="}, {"<", "<"}, {">", ">"}, {"≤", "<="}, {"≥", ">="}, {"≠", "!="}, {"∈", "in"}, {"±", "±"}, {"∓", "±"},
	{"(", "("}, {")", ")"}, {"[", "["}, {"]", "]"}, {"{", "{"}, {"}", "}"}, {"|", "|"}, {",", ","}, {";", ";"}, {"&", "&"}, {"!", "!"}, {"%", "%"}, {"°", "°"},
	{"∪", "∪"}, {"∩", "∩"}, {"∖", "∖"}, {"⟨", "⟨"}, {"⟩", "⟩"}, {"√", "√"}, {":", ":"}, {"'", "'"}, {"@", ","},
}

// commands of LaTeX that are signs or names.
var commands = map[string]string{
	"cdot": "*", "times": "*", "ast": "*", "bullet": "*", "div": "/", "le": "<=", "leq": "<=", "leqslant": "<=", "ge": ">=", "geq": ">=", "geqslant": ">=", "ne": "!=", "neq": "!=",
	"lt": "<", "gt": ">", "approx": "≈", "simeq": "≈", "equiv": "=", "pm": "±", "mp": "±", "cup": "∪", "cap": "∩", "setminus": "∖", "backslash": "∖", "in": "in",
	"lbrace": "{{", "rbrace": "}}", "langle": "⟨", "rangle": "⟩", "lvert": "|", "rvert": "|", "vert": "|", "mid": "|", "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉",
	"degree": "°", "lor": "or", "vee": "or", "land": "and", "wedge": "and", "colon": ":", "to": ";", "Rightarrow": ";", "implies": ";", "iff": ";",
	"lbrack": "[", "rbrack": "]", "lparen": "(", "rparen": ")",
}

// passed are commands without a meaning here.
var passed = map[string]bool{
	"left": true, "right": true, "big": true, "Big": true, "bigg": true, "Bigg": true, "bigl": true, "bigr": true, "Bigl": true, "Bigr": true, "displaystyle": true, "textstyle": true,
	"limits": true, "quad": true, "qquad": true, "hline": true, "boxed": true, "fbox": true, "ensuremath": true, "mathbf": true, "boldsymbol": true, "bm": true, "mathit": true, "vec": true,
	"hat": true, "mathcal": true, "mathsf": true, "nonumber": true, "hspace": true, "middle": true, "phantom": true, "therefore": true, "because": true, "small": true, "large": true, "Large": true,
	"hfill": true, "smallskip": true, "medskip": true, "bigskip": true, "bf": true, "rm": true, "it": true, "bigskips": true, "negthinspace": true, "thinspace": true, "space": true, "angle": true, "triangle": true, "measuredangle": true,
}

// worded are commands that hold words.
var worded = map[string]bool{"text": true, "textbf": true, "textrm": true, "textit": true, "textnormal": true, "textsf": true, "texttt": true, "textsc": true, "textup": true, "emph": true,
	"mbox": true, "hbox": true, "mathrm": true, "operatorname": true}

// constants and other names that LaTeX or Unicode writes in another way.
var renamed = map[string]string{
	"infty": "inf", "infinity": "inf", "∞": "inf", "oo": "inf", "π": "pi", "varnothing": "empty", "emptyset": "empty", "oslash": "empty", "∅": "empty", "varepsilon": "epsilon", "vartheta": "theta", "varphi": "phi",
	"ℝ": "Reals", "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "θ": "theta", "λ": "lambda", "μ": "mu", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi", "ω": "omega",
	"arcsin": "asin", "arccos": "acos", "arctan": "atan", "lg": "log10", "tg": "tan", "ctg": "cot",
}

// ellipsis is the name of what a writer leaves out.
const ellipsis = "…"

// functions that a name may be, applied to what follows.
var functions = map[string]bool{
	"sin": true, "cos": true, "tan": true, "cot": true, "sec": true, "csc": true, "asin": true, "acos": true, "atan": true, "sinh": true, "cosh": true, "tanh": true, "ln": true, "log": true, "log10": true,
	"exp": true, "sqrt": true, "cbrt": true, "abs": true, "floor": true, "ceil": true, "gcd": true, "lcm": true, "max": true, "min": true, "binomial": true, "factorial": true, "det": true, "arg": true, "Re": true, "Im": true,
}

// wordlike are functions that are words too, where no bracket follows: the 12th floor, 18 min.
var wordlike = map[string]bool{"floor": true, "max": true, "min": true, "arg": true, "abs": true, "exp": true, "det": true}

// word are names of several letters that aren't products of one-letter variables.
var names = func() map[string]bool {
	out := map[string]bool{"pi": true, "inf": true, "infinity": true, "oo": true, "arcsin": true, "arccos": true, "arctan": true}
	for f := range functions {
		out[f] = true
	}
	for _, g := range strings.Fields("alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi rho sigma tau upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega hbar ell aleph") {
		out[g] = true
	}
	return out
}()

// scan reads a text token by token; false when it is too long or has a command that is no formula.
func scan(text string) ([]token, bool) {
	if len(text) > maxText || !utf8.ValidString(text) {
		return nil, false
	}
	s := scanner{text: text, latex: strings.Contains(text, `\`)}
	for s.at < len(text) {
		if !s.next() {
			return nil, false
		}
	}
	return spell(s.tokens), true
}

type scanner struct {
	text   string
	at     int
	latex  bool
	spaced bool
	tokens []token

	enclosed int // brackets that are open
}

func (s *scanner) emit(t token, width int) bool {
	t.glued = !s.spaced && len(s.tokens) > 0
	s.spaced = false
	s.tokens = append(s.tokens, t)
	s.at += width
	return true
}

func (s *scanner) sign(means string, width int) bool {
	switch means {
	case "(", "[", "{", "{{", "⟨":
		s.enclosed++
	case ")", "]", "}", "}}", "⟩":
		s.enclosed--
	}
	return s.emit(token{kind: tSign, text: means}, width)
}

func (s *scanner) skip(width int) bool {
	s.spaced = true
	s.at += width
	return true
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// superscripts and fractions of one character.
var (
	superscripts = map[rune]string{'⁻': "-", '⁰': "0", '¹': "1", '²': "2", '³': "3", '⁴': "4", '⁵': "5", '⁶': "6", '⁷': "7", '⁸': "8", '⁹': "9"}
	vulgar       = map[rune][2]int64{'½': {1, 2}, '⅓': {1, 3}, '⅔': {2, 3}, '¼': {1, 4}, '¾': {3, 4}, '⅕': {1, 5}, '⅖': {2, 5}, '⅗': {3, 5}, '⅘': {4, 5}, '⅙': {1, 6}, '⅚': {5, 6}, '⅛': {1, 8}, '⅜': {3, 8}, '⅝': {5, 8}, '⅞': {7, 8}}
)

// Raised returns the digit or sign that a superscript stands for, "" for any other rune.
func Raised(r rune) string { return superscripts[r] }

// Fraction returns the fraction that one character stands for, nil for any other.
func Fraction(r rune) *big.Rat {
	f, ok := vulgar[r]
	if !ok {
		return nil
	}
	return big.NewRat(f[0], f[1])
}

// primes is a derivative's mark.
var primes = regexp.MustCompile(`^\^ ?(?:\\prime|\{ ?(?:\\prime ?)+\})`)

// raised reads superscripts: ⁻³.
func (s *scanner) raised(rest string) bool {
	var written strings.Builder
	width := 0
	for _, r := range rest {
		up, ok := superscripts[r]
		if !ok {
			break
		}
		written.WriteString(up)
		width += utf8.RuneLen(r)
	}
	value, ok := new(big.Rat).SetString(written.String())
	if !ok || written.Len() > maxBits/8 {
		return false
	}
	s.sign("^", 0)
	return s.emit(token{kind: tNumber, text: written.String(), value: value, decimals: -1}, width)
}

// currencies are the signs of money other than the dollar's, which LaTeX uses too.
var currencies = map[rune]string{'€': "euro", '£': "sterling", '¥': "yen", '₹': "rupee", '¢': "cent", '￥': "yen"}

var price = regexp.MustCompile(`^ ?-?(?:\d|\.\d)[\d,]*(?:\.\d+)?`)

// priced reports whether a dollar sign before rest is one of money: an amount follows, and no sign that would close a
// formula.
func (s *scanner) priced(rest string) bool {
	if !price.MatchString(rest) {
		return false
	}
	i := strings.IndexByte(rest, '$') // a sign behind a space opens something else
	return i < 0 || rest[i-1] == ' ' || rest[i-1] == '('
}

// marksLength reports whether a prime behind a number is one of feet or inches: nothing that goes on with a formula
// follows.
func (s *scanner) marksLength(rest string) bool {
	last := len(s.tokens) - 1
	return last >= 0 && s.tokens[last].kind == tNumber && !s.spaced && (strings.TrimSpace(rest) == "" || digit(strings.TrimLeft(rest, " ")[0]) && !s.latex)
}

func (s *scanner) next() bool {
	rest := s.text[s.at:]
	r, width := utf8.DecodeRuneInString(rest)
	switch {
	case r == '\\':
		return s.command(rest)
	case r == '^' && strings.Contains(rest[:min(len(rest), 5)], `\p`) && primes.MatchString(rest):
		mark := primes.FindString(rest)
		for n := strings.Count(mark, "prime"); n > 0; n-- {
			s.emit(token{kind: tSign, text: "'"}, 0)
			s.tokens[len(s.tokens)-1].glued = true
		}
		s.at += len(mark)
		return true
	case (digit(rest[0]) || r >= 'A' && r <= 'F') && s.numeral(rest):
		return true
	case digit(rest[0]) || r == '.' && len(rest) > 1 && digit(rest[1]):
		return s.number(rest)
	case r == '$' && s.priced(rest[1:]):
		return s.emit(token{kind: tMoney, text: "dollar"}, 1)
	case currencies[r] != "":
		return s.emit(token{kind: tMoney, text: currencies[r]}, width)
	case (r == '"' || r == '″' || r == '\'' || r == '′' || r == '’') && s.marksLength(rest[width:]):
		if r == '"' || r == '″' {
			return s.emit(token{kind: tText, text: "inch"}, width)
		}
		return s.emit(token{kind: tText, text: "foot"}, width)
	case r == '$' || r == '~' || r == '"' || r == '`' || unicode.IsSpace(r) || r == '\u200b':
		return s.skip(width)
	case r == '…' || strings.HasPrefix(rest, "..."):
		return false
	case r == '.':
		return s.skip(1)
	}
	if _, ok := superscripts[r]; ok {
		return s.raised(rest)
	}
	if f := Fraction(r); f != nil {
		return s.emit(token{kind: tNumber, text: "½", value: f, decimals: -1}, width)
	}
	for _, sg := range signs {
		if strings.HasPrefix(rest, sg.written) {
			return s.sign(sg.means, len(sg.written))
		}
	}
	if unicode.IsLetter(r) || r == '∞' || r == '∅' {
		return s.word(rest)
	}
	return false
}

// shortWords are words of two letters that aren't products of variables.
var shortWords = map[string]bool{"no": true, "of": true, "is": true, "to": true, "by": true, "at": true, "it": true, "we": true, "so": true, "if": true, "an": true, "per": true, "are": true, "the": true,
	"he": true, "on": true, "am": true, "pm": true, "as": true, "be": true, "up": true, "us": true, "not": true, "was": true, "has": true, "for": true, "her": true, "his": true, "its": true, "day": true, "out": true, "all": true, "old": true}

// word reads a run of letters: a known name, a product of variables, or a word.
func (s *scanner) word(rest string) bool {
	w := letters(rest)
	n := len(w)
	if strings.HasPrefix(rest[n:], "{") && (w == "frac" || w == "dfrac" || w == "tfrac" || w == "binom" || w == "sqrt") { // a lost backslash
		return s.emit(token{kind: tCommand, text: w}, n)
	}
	if to, ok := renamed[w]; ok {
		return s.emit(token{kind: tName, text: to}, n)
	}
	if after := rest[n:]; n > 1 && (strings.HasPrefix(after, "'") || strings.HasPrefix(after, "’")) { // it's
		_, width := utf8.DecodeRuneInString(after)
		if tail := letters(after[width:]); len(tail) > 0 && len(tail) < 3 && !s.latex {
			return s.emit(token{kind: tText, text: w + "'" + tail}, n+width+len(tail))
		}
	}
	if n <= 2 && !s.latex && strings.HasPrefix(rest[n:], "-") && s.counted() { // 3 t-shirts
		if tail := letters(rest[n+1:]); len(tail) > 2 && !names[tail] && strings.IndexByte("^_(=", (rest[n+1+len(tail):] + " ")[0]) < 0 {
			return s.emit(token{kind: tText, text: w + "-" + tail}, n+1+len(tail))
		}
	}
	if after := strings.TrimLeft(rest[n:], " "); wordlike[w] && (after == "" || !strings.ContainsRune("(_{", rune(after[0]))) {
		return s.emit(token{kind: tText, text: w}, n)
	}
	lower := strings.ToLower(w)
	for _, joined := range []string{"and", "or"} { // x=1orx=2
		if left := strings.TrimPrefix(w, joined); len(left) == 1 && len(w) > 1 && !s.spaced && len(s.tokens) > 0 && s.tokens[len(s.tokens)-1].kind == tNumber {
			return s.sign(joined, len(joined))
		}
	}
	switch {
	case lower == "and" || lower == "or":
		return s.sign(lower, n)
	case lower == "in" && len(s.tokens) > 0 && s.tokens[len(s.tokens)-1].kind == tNumber:
		if after := strings.TrimLeft(rest[n:], " "); after != "" && digit(after[0]) { // 1 in 4
			return s.sign("/", n)
		}
		return s.emit(token{kind: tText, text: "inch"}, n)
	case lower == "in" && !s.latex: // born in 2014
		return s.emit(token{kind: tText, text: lower}, n)
	case cardinals[lower] > 0 || lower == "zero":
		return s.emit(token{kind: tNumber, text: lower, value: big.NewRat(cardinals[lower], 1), decimals: -1, spelled: true}, n)
	case shortWords[lower] && !(s.latex && s.enclosed > 0 && len(w) == 2 && strings.ToUpper(w) == w): // not \frac{NO}{OB}
		return s.emit(token{kind: tText, text: w}, n)
	case utf8.RuneCountInString(w) == 1 || names[w]:
		s.emit(token{kind: tName, text: w}, n)
		if after := rest[n:]; len(after) > 3 && after[0] == '^' && strings.Contains(after[:min(len(after), 20)], "th") && n == 1 {
			if width := len(ordinalEnding.FindString(after)); width > 0 { // n^{th}
				return s.emit(token{kind: tText, text: ordinal}, width)
			}
		}
		return true
	case lower == "infinity" || lower == "sqrt" || lower == "pi":
		if lower == "infinity" {
			lower = "inf"
		}
		return s.emit(token{kind: tName, text: lower}, n)
	case units[lower].size != nil || units[w].size != nil:
		return s.emit(token{kind: tText, text: w}, n)
	}
	// In a formula "sinx" is a function of x and "xy" a product; words are longer, or stand apart.
	for f := range names {
		if len(w) == len(f)+1 && strings.HasPrefix(w, f) && functions[f] {
			s.emit(token{kind: tName, text: f}, len(f))
			return s.emit(token{kind: tName, text: w[len(f):]}, len(w)-len(f))
		}
	}
	if len(w) == 2 && !s.latex && len(letters(strings.TrimPrefix(rest[n:], " "))) > 3 { // DS games
		return s.emit(token{kind: tText, text: w}, n)
	}
	if len(w) == 2 || s.latex && len(w) <= 3 {
		for _, r := range w {
			s.emit(token{kind: tName, text: string(r)}, utf8.RuneLen(r))
		}
		return true
	}
	return s.emit(token{kind: tText, text: w}, n)
}

// rowSpace is the extra space below a row of a matrix.
var rowSpace = regexp.MustCompile(`^\[-?[\d.]+ ?(?:pt|em|ex|mm|cm)\]`)

// arguing are commands that the parser reads with what follows them.
var arguing = map[string]bool{"frac": true, "dfrac": true, "tfrac": true, "cfrac": true, "binom": true, "dbinom": true, "tbinom": true, "sqrt": true, "sum": true, "prod": true, "begin": true, "end": true,
	"choose": true, "over": true, "pmod": true, "bmod": true, "mod": true, "bar": true, "dot": true, "ddot": true, "tilde": true, "overrightarrow": true, "widehat": true, "check": true, "breve": true}

// glued reports whether a name that isn't known is a command with the letter behind it.
func glued(name string) bool {
	short := name[:len(name)-1]
	return commands[short] != "" && short != "in" || passed[short] || len(short) > 1 && names[short] && short != "sqrt"
}

// command reads a LaTeX command.
func (s *scanner) command(rest string) bool {
	n := 1
	for n < len(rest) && (rest[n] >= 'a' && rest[n] <= 'z' || rest[n] >= 'A' && rest[n] <= 'Z') {
		n++
	}
	if n == 1 {
		if len(rest) == 1 {
			return s.skip(1)
		}
		_, width := utf8.DecodeRuneInString(rest[1:])
		switch rest[1] {
		case '{':
			return s.sign("{{", 2)
		case '}':
			return s.sign("}}", 2)
		case '%':
			return s.sign("%", 2)
		case '\\':
			return s.sign(`\\`, 2+len(rowSpace.FindString(rest[2:])))
		case '|':
			return s.sign("|", 2)
		case '$':
			return s.emit(token{kind: tMoney, text: "dollar"}, 2)
		default:
			return s.skip(1 + width)
		}
	}
	name := rest[1:n]
	if sg, ok := commands[name]; ok {
		return s.sign(sg, n)
	}
	if to, ok := renamed[name]; ok {
		name = to
	}
	switch {
	case passed[name]:
		if (name == "left" || name == "right") && strings.HasPrefix(rest[n:], ".") {
			n++
		}
		return s.skip(n)
	case worded[name]:
		inside, width, ok := braced(rest[n:])
		if !ok {
			return s.skip(n)
		}
		return s.textual(name, inside, n+width)
	case name == "mathbb":
		inside, width, ok := braced(rest[n:])
		if !ok {
			return false
		}
		if inside == "R" {
			inside = "Reals"
		}
		return s.emit(token{kind: tName, text: inside}, n+width)
	case name == "overline":
		return s.repeating(rest, n)
	case name == "circ":
		return s.sign("°", n)
	case name == "dots" || name == "ldots" || name == "cdots" || name == "dotsb" || name == "dotsc":
		return s.emit(token{kind: tName, text: ellipsis}, n)
	case name == "int" || name == "lim" || name == "partial" || name == "nabla":
		return false
	case names[name] && name != "sqrt" || name == "inf" || name == "empty" || name == "log10":
		return s.emit(token{kind: tName, text: name}, n)
	case !arguing[name] && glued(name): // \quadx, \sinx
		return s.command(rest[:n-1]) && s.next()
	default:
		return s.emit(token{kind: tCommand, text: name}, n)
	}
}

// textual reads the inside of \text{…} and its like.
func (s *scanner) textual(name, inside string, width int) bool {
	word := strings.TrimSpace(strings.NewReplacer(`\`, "", "~", " ").Replace(inside))
	if to, ok := renamed[word]; ok {
		word = to
	}
	switch lower := strings.ToLower(word); {
	case word == "":
		return s.skip(width)
	case lower == ",":
		return s.sign(",", width)
	case lower == "and" || lower == "or":
		return s.sign(lower, width)
	case (word == "min" || word == "sec") && s.measured(): // minutes
		return s.emit(token{kind: tText, text: word}, width)
	case word == "in" && s.measured():
		return s.emit(token{kind: tText, text: "inch"}, width)
	case functions[word]:
		return s.emit(token{kind: tName, text: word}, width)
	case utf8.RuneCountInString(word) == 1 && len(s.tokens) > 0 && units[lower].size != nil && (s.tokens[len(s.tokens)-1].kind != tSign || strings.Contains(")]}", s.tokens[len(s.tokens)-1].text)):
		return s.emit(token{kind: tText, text: word}, width)
	case utf8.RuneCountInString(word) == 1 && (name == "mathrm" || name == "operatorname" || len(s.tokens) == 0):
		return s.emit(token{kind: tName, text: word}, width)
	}
	// What it holds is read as it stands: numbers, words, a formula.
	inner := scanner{text: word}
	for inner.at < len(word) {
		if !inner.plain() {
			return s.emit(token{kind: tText, text: word}, width)
		}
	}
	for _, t := range inner.tokens {
		t.glued = t.glued && len(s.tokens) > 0
		s.tokens = append(s.tokens, t)
	}
	return s.skip(width)
}

// counted reports whether what was counted may follow: a number and a space, a bracket or another word went before.
func (s *scanner) counted() bool {
	last := len(s.tokens) - 1
	return last >= 0 && (s.spaced && (s.tokens[last].kind == tNumber || s.tokens[last].kind == tText) || s.tokens[last].text == "(" && last > 0)
}

// measured reports whether a unit may follow: a number, a bracket or what another unit is for each of went before.
func (s *scanner) measured() bool {
	last := len(s.tokens) - 1
	return last >= 0 && (s.tokens[last].kind == tNumber || s.tokens[last].kind == tSign && strings.Contains("/})", s.tokens[last].text))
}

// plain is next, but that a run of letters is a word even where it could be a product of variables.
func (s *scanner) plain() bool {
	rest := s.text[s.at:]
	if w := letters(rest); len(w) > 1 && cardinals[strings.ToLower(w)] == 0 && !names[w] && !strings.EqualFold(w, "and") && !strings.EqualFold(w, "or") && !strings.EqualFold(w, "in") {
		return s.emit(token{kind: tText, text: w}, len(w))
	}
	return s.next()
}

// letters are those that begin s.
func letters(s string) string {
	for i, r := range s {
		if !unicode.IsLetter(r) && r != '∞' && r != '∅' {
			return s[:i]
		}
	}
	return s
}

// repeating reads \overline{…} behind the decimals of a number: 0.1\overline{6}.
func (s *scanner) repeating(rest string, n int) bool {
	inside, width, ok := braced(rest[n:])
	if !ok {
		return false
	}
	last := len(s.tokens) - 1
	bare := s.at > 0 && s.text[s.at-1] == '.' && last >= 0 // "0.\overline{3}"
	if last < 0 || s.tokens[last].kind != tNumber || s.spaced && !bare || inside == "" || len(inside) > 50 || strings.Trim(inside, "0123456789") != "" {
		return s.emit(token{kind: tText, text: inside}, n+width)
	}
	t := &s.tokens[last]
	period, _ := new(big.Int).SetString(inside, 10)
	nines := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(len(inside))), nil)
	nines.Sub(nines, big.NewInt(1))
	shift := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(t.decimals, 0))), nil)
	part := new(big.Rat).SetFrac(period, nines.Mul(nines, shift))
	t.value = new(big.Rat).Add(t.value, part)
	t.decimals = -1
	return s.skip(n + width)
}

// braced finds the inside of the braces that begin s, and how many bytes they take with the space before them.
func braced(s string) (inside string, width int, ok bool) {
	start := len(s) - len(strings.TrimLeft(s, " "))
	if start >= len(s) || s[start] != '{' {
		return "", 0, false
	}
	depth := 0
	for i := start; i < len(s); i++ {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return s[start+1 : i], i + 1, true
			}
		}
	}
	return s[start+1:], len(s), true // a brace that was forgotten
}

// lettered is a number with letters among its digits, and its base.
var lettered = regexp.MustCompile(`^(\d*[A-Z][\dA-Z]*) ?_ ?(?:\{ ?)?(1[1-9]|2\d|3[0-6])\b`)

// numeral reads a number whose digits go beyond 9: 2A_{16}.
func (s *scanner) numeral(rest string) bool {
	if strings.IndexByte(rest[:min(len(rest), maxNumeral)], '_') < 0 {
		return false
	}
	m := lettered.FindStringSubmatch(rest)
	if m == nil || len(m[1]) > maxNumeral {
		return false
	}
	base, _ := strconv.Atoi(m[2])
	value, ok := new(big.Int).SetString(m[1], base)
	if !ok {
		return false
	}
	width := len(m[0])
	if strings.Contains(m[0], "{") && strings.HasPrefix(rest[width:], "}") {
		width++
	}
	return s.emit(token{kind: tNumber, text: m[1], value: new(big.Rat).SetInt(value), decimals: -1}, width)
}

// maxNumeral is how many digits a number with letters may have.
const maxNumeral = 32

// number reads digits with thousands separators, decimals and an exponent: 1,234.5 1{,}234 1 234 567 1.5e3 .5
func (s *scanner) number(rest string) bool {
	var digits strings.Builder
	i := 0
	if n := groupedByTwo(rest); n > 0 && s.enclosed <= 0 && (n == len(rest) || rest[n] != ',' && !digit(rest[n])) {
		digits.WriteString(strings.ReplaceAll(rest[:n], ",", ""))
		i = n
	}
	for i < len(rest) {
		if digit(rest[i]) {
			digits.WriteByte(rest[i])
			i++
			continue
		}
		width := s.separator(rest, i)
		if width == 0 {
			break
		}
		i += width
	}
	decimals := -1
	if i+1 < len(rest) && rest[i] == '.' && digit(rest[i+1]) {
		decimals = 0
		digits.WriteByte('.')
		for i++; i < len(rest) && digit(rest[i]); i++ {
			digits.WriteByte(rest[i])
			decimals++
		}
	}
	text := rest[:i]
	if i+1 < len(rest) && (rest[i] == 'e' || rest[i] == 'E') {
		j := i + 1
		if rest[j] == '+' || rest[j] == '-' {
			j++
		}
		k := j
		for k < len(rest) && digit(rest[k]) {
			k++
		}
		if k > j && k-j <= 3 {
			digits.WriteString("e" + rest[i+1:k])
			i, decimals = k, -1
		}
	}
	written := digits.String()
	if strings.HasPrefix(written, ".") {
		written = "0" + written
	}
	value := new(big.Rat)
	if n, err := strconv.ParseInt(written, 10, 64); err == nil {
		value.SetInt64(n)
	} else if _, ok := value.SetString(written); !ok || len(written) > maxBits/8 {
		return false
	}
	if last := len(s.tokens) - 1; last >= 0 && !s.spaced && s.tokens[last].kind == tText && len(s.tokens[last].text) > 1 && units[strings.ToLower(s.tokens[last].text)].size == nil && s.at > 0 && unicode.IsLetter(rune(s.text[s.at-1])) {
		return false // a name: abc3
	}
	s.emit(token{kind: tNumber, text: text, value: value, decimals: decimals}, i)
	if decimals >= 0 || i == len(rest) || strings.IndexByte(`^{\snrt`, rest[i]) < 0 {
		return true
	}
	if n := len(ordinalEnding.FindString(rest[i:])); n > 0 {
		return s.emit(token{kind: tText, text: ordinal}, n)
	}
	return true
}

// ordinalEnding follows the digits of an ordinal number.
var ordinalEnding = regexp.MustCompile(`^(?:\^? ?(?:\{ ?\\(?:text|mathrm|textrm) ?\{ ?(?:st|nd|rd|th) ?\} ?\}|\{ ?(?:st|nd|rd|th) ?\}|\\(?:text|mathrm|textrm) ?\{ ?(?:st|nd|rd|th) ?\})|(?:st|nd|rd|th)\b)`)

// lakhs is a number as India groups it: 12,34,567.
var lakhs = regexp.MustCompile(`^\d{1,2}(?:,\d\d)+,\d{3}`)

// groupedByTwo returns the width of a number as India groups it that begins s, 0 where none does.
func groupedByTwo(s string) int {
	if strings.IndexByte(s[:min(len(s), 3)], ',') < 0 {
		return 0
	}
	return len(lakhs.FindString(s))
}

// narrow is a separator of thousands that LaTeX sets without the space of a list.
var narrow = regexp.MustCompile(`^(?:\{,\}(?:\\!)?|\\,|,?\\! ?|\\ )`)

// spacedList reports whether the list that the scanner is in separates its elements by a comma and a space.
func (s *scanner) spacedList() bool {
	depth := 0
	for i := s.at; i < len(s.text) && depth >= 0; i++ {
		switch s.text[i] {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		case ',':
			if depth == 0 && i+1 < len(s.text) && s.text[i+1] == ' ' {
				return true
			}
		}
	}
	depth = 0
	for i := s.at - 1; i >= 0 && depth >= 0; i-- {
		switch s.text[i] {
		case '(', '[', '{':
			depth--
		case ')', ']', '}':
			depth++
		case ',':
			if depth == 0 && s.text[i+1] == ' ' {
				return true
			}
		}
	}
	return false
}

// separator returns the width of a sign at rest[i] that separates thousands, 0 for none. Inside brackets a comma separates
// elements: (1,200) is a pair.
func (s *scanner) separator(rest string, i int) int {
	thousands := func(width int) bool {
		after := rest[i+width:]
		return len(after) >= 3 && digit(after[0]) && digit(after[1]) && digit(after[2]) && (len(after) == 3 || !digit(after[3]))
	}
	lead := i
	for lead > 0 && digit(rest[lead-1]) {
		lead--
	}
	if i == 0 || i-lead > 3 || lead > 0 && i-lead != 3 || rest[0] == '0' {
		return 0
	}
	if strings.IndexByte("{\\, '", rest[i]) < 0 {
		return 0
	}
	if sep := narrow.FindString(rest[i:]); sep != "" && thousands(len(sep)) {
		return len(sep)
	}
	switch {
	case rest[i] == ',' && thousands(1) && (s.enclosed <= 0 || rest[i+1] == '0' || s.spacedList()): // no number begins with a zero
		return 1
	case rest[i] == ' ' && lead == 0 && thousands(1) && len(s.tokens) == 0 && strings.Trim(rest, "0123456789 .") == "":
		return 1
	case rest[i] == ' ' && lead > 0 && thousands(1):
		return 1
	case rest[i] == '\'' && thousands(1):
		return 1
	}
	return 0
}
