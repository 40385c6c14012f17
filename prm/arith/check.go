package arith

import (
	"math/big"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"aprm/prm/arith/formula"
)

// CheckStep returns a Check for every equation in the text, in order. In a chain a = b = c each sign of equality is
// one.
//
// An equation is true when its sides are equal, or equal at the precision that the right side shows (10/3 = 3.33), or,
// where rounding is announced, to the next whole number. It is false only when nothing else can be meant: one side must
// compute something, no variable, unit conversion or further quantity may be involved, and the difference must be more
// than rounding can explain. Everything else is unknown. Calculator marks <<48/2=24>> are checked like the rest. Of a
// text beyond 8 KB its first sentences are read.
func CheckStep(text string) []Check {
	var out []Check
	var hedged hedges
	work := maxWork
	text = head(text)
	for _, part := range unmark(text) {
		tokens := lex(part.text)
		rounding := announced(part.text)
		for start := 0; start < len(tokens); {
			end := start
			for end < len(tokens) && tokens[end].kind != boundary {
				end++
			}
			if n := end - start; n > 2 && n <= maxTokens {
				for _, c := range checkClause(tokens[start:end], rounding, cutOff(tokens[:start]), &work) {
					c.Start, c.End = c.Start+part.at, c.End+part.at
					c.Text = text[c.Start:c.End]
					if c.Verdict == False && start > 0 && end < len(tokens) && inequality[tokens[start-1].text] && inequality[tokens[end].text] {
						c.Verdict, c.Reason = Unknown, "it stands between inequalities"
					}
					if c.Verdict == False && hedged.unasserted(text, c.Start) {
						c.Verdict, c.Reason = Unknown, "it is denied, supposed or asked"
					}
					out = append(out, c)
				}
			}
			start = end + 1
		}
	}
	slices.SortStableFunc(out, func(a, b Check) int { return a.Start - b.Start })
	return out
}

// inequality are the boundaries that relate what stands on their sides.
var inequality = map[string]bool{"<": true, ">": true, "<=": true, ">=": true, "≤": true, "≥": true, "lt": true, "gt": true, "le": true, "ge": true, "leq": true, "geq": true, "leqslant": true, "geqslant": true}

var (
	supposing = regexp.MustCompile(`(?i)\b(?:suppos(?:e|ing)|assum(?:e|ing)|imagine|pretend|hypothetically|not (?:true|correct|right|the case|possible|equal)|isn['’]t (?:true|correct|right|the case|possible)|` +
		`false|wrong(?:ly)?|incorrect(?:ly)?|mistaken(?:ly)?|impossible|claim(?:s|ed|ing)?|cannot|can['’]t|instead of|rather than|contradict(?:s|ion)?|doesn['’]t|does not|did not|didn['’]t|would(?:n['’]t| not) be|never|whether|thinks|thought|(?:might|may|could|would) think|believe[sd]?|no way|neither|nor|in base)\b`)
	retracting = regexp.MustCompile(`(?i)\b(?:false|wrong|incorrect|not (?:true|correct|right|possible|what|equal|the)|isn['’]t|doesn['’]t (?:work|hold|make|match|equal|fit)|does not (?:work|hold|make|match|equal|fit)|impossible|contradict(?:s|ion)?|mistake|absurd|oops|wait|fails?)\b|\?`)
	retraction = regexp.MustCompile(`(?i)^\W*(?:no\b|false\b|not true|wait|oops|hmm|(?:but |however,? )?(?:this|that|which|it) (?:is|was) (?:false|wrong|incorrect|not|impossible|a (?:mistake|contradiction))|(?:that|this)['’]s (?:wrong|not|false|incorrect)|contradiction|impossible|this can['’]?not|that can['’]?not|actually)`)
)

// maxSentence is how many bytes of a sentence on either side of an equation are looked at.
const maxSentence = 300

// hedges are the places of a text that deny or suppose what they stand beside; they are looked for when first needed.
type hedges struct {
	found                 bool
	supposing, retracting [][]int
}

// unasserted reports whether the sentence around the equation that begins at start doesn't claim that it holds.
func (h *hedges) unasserted(text string, start int) bool {
	if !h.found {
		h.found = true
		h.supposing, h.retracting = supposing.FindAllStringIndex(text, -1), retracting.FindAllStringIndex(text, -1)
	}
	from := max(0, start-maxSentence)
	if i := lastSentence(text[from:start]); i >= 0 {
		from += i
	}
	if endsInIf(text[from:start]) || within(h.supposing, from, start) {
		return true
	}
	to := min(len(text), start+maxSentence) // the words of the equation itself too: "3 + 4 = 8 would be wrong"
	next := to
	if strings.ContainsAny(text[start:to], ".!?") {
		if at := sentenceEnd.FindStringIndex(text[start:to]); at != nil {
			to, next = start+at[0]+1, start+at[1]
		}
	}
	if i := strings.IndexByte(text[start:to], '\n'); i >= 0 {
		to = start + i
		next = to + 1
	}
	if within(h.retracting, start, to) {
		return true
	}
	after := strings.TrimLeftFunc(text[next:min(len(text), next+maxSentence)], func(r rune) bool { return !unicode.IsLetter(r) })
	return startsWith(after, "nNwWoOhHbBtTiIcCaAfF") && retraction.MatchString(after)
}

// endsInIf reports whether "if" stands right before what follows a text.
func endsInIf(text string) bool {
	text = strings.TrimRight(text, " \t\n$")
	n := len(text) - len("if")
	return n >= 0 && strings.EqualFold(text[n:], "if") && (n == 0 || !unicode.IsLetter(rune(text[n-1])))
}

// within reports whether one of the places, which are in order, begins in text[from:to].
func within(places [][]int, from, to int) bool {
	i, _ := slices.BinarySearchFunc(places, from, func(p []int, at int) int { return p[0] - at })
	return i < len(places) && places[i][0] < to
}

// lastSentence returns where the last sentence of a text begins, −1 where it has only one.
func lastSentence(text string) int {
	at := strings.LastIndexByte(text, '\n')
	for _, end := range []string{". ", "! ", "? ", "; "} {
		at = max(at, strings.LastIndex(text, end))
	}
	return at
}

// part is a piece of a text and where it begins.
type part struct {
	text string
	at   int
}

// unmark takes the calculator marks out of a text: the text with blanks in their place, then each mark's inside.
func unmark(text string) []part {
	if !strings.Contains(text, "<<") {
		return []part{{text: text}}
	}
	rest := []byte(text)
	parts := []part{{}}
	for from := 0; ; {
		i := strings.Index(text[from:], "<<")
		if i < 0 {
			break
		}
		start := from + i
		n := strings.Index(text[start:], ">>")
		if n < 0 {
			break
		}
		end := start + n + 2
		parts = append(parts, part{text: text[start+2 : end-2], at: start + 2})
		for at := start; at < end; at++ {
			rest[at] = ' '
		}
		from = end
	}
	parts[0].text = string(rest)
	return parts
}

// announced reports whether a text says that it rounds.
func announced(text string) bool {
	text = strings.ToLower(text)
	for _, sign := range []string{"≈", "round", "approx", "about", "roughly", "nearly", "almost", "nearest", "~", "whole", "at least", "up to"} {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}

func checkClause(tokens []token, rounding, cut bool, work *int) []Check {
	var out []Check
	previous := -1 // of the equals sign before
	for i, t := range tokens {
		if t.kind != equals {
			continue
		}
		next := i + 1
		for next < len(tokens) && tokens[next].kind != equals {
			next++
		}
		c, ok := checkEquation(tokens[previous+1:i], tokens[i+1:next], rounding || t.text == "~", previous >= 0, cut && previous < 0, work)
		if ok {
			if t.spelled && c.Verdict == False && (compares(tokens[i+1:next]) || ratio(tokens[:i]) && tokens[i-1].glued || previous >= 0 && c.Operators > 0) {
				c.Verdict, c.Reason = Unknown, "it may say what a part amounts to"
			}
			out = append(out, c)
		}
		previous = i
	}
	return out
}

// compares reports whether what follows "is" is no value but a comparison: "is 3 more than". Nor is "1/7 is $6" an
// equation.
func compares(tokens []token) bool {
	return slices.ContainsFunc(tokens, func(t token) bool {
		return t.text == "more" || t.text == "less" || t.text == "fewer" || t.text == "than" || t.text == "times" || t.text == "of"
	})
}

// checkEquation compares the expression that ends left with the one that begins right. chained says that left begins
// behind another sign of equality; cut, that the clause begins behind a number or an operator.
func checkEquation(left, right []token, rounding, chained, cut bool, work *int) (Check, bool) {
	if len(left) == 0 || len(right) == 0 {
		return Check{}, false
	}
	from, l, lerr := suffixValue(left, false, work)
	to, r, rerr := prefixValue(right, false, work)
	c := Check{Start: left[from].start, End: right[max(to-1, 0)].end}
	if to == 0 {
		c.End = right[0].end
	}
	if lerr != nil || rerr != nil {
		if !anyNumber(left) && !anyNumber(right) {
			return c, false
		}
		if rerr == nil {
			c.Right = r.rat
		}
		c.Reason = "a side is no arithmetic"
		return c, true
	}
	if obscured(left[:from], right[to:]) {
		c.Reason = "it has a part that isn't evaluated"
		return c, true
	}
	c.Left, c.Right, c.Operators = l.rat, r.rat, l.operators+r.operators
	if agree(l, r, rounding) {
		c.Verdict = True
		return c, true
	}
	if l.percents+r.percents > 0 { // 20 % may stand for 1/5 or for 20 of whatever the percentages count
		_, lp, err1 := suffixValue(left, true, work)
		_, rp, err2 := prefixValue(right, true, work)
		if err1 == nil && err2 == nil && (agree(lp, rp, rounding) || agree(l, rp, rounding) || agree(lp, r, rounding) || agree(scaled(l, 100), rp, rounding)) {
			c.Verdict = True
			return c, true
		}
	}
	if r.operators > 0 {
		first := parser{tokens: right, work: work}
		if v, err := first.power(); err == nil && agree(l, v, rounding) { // "100 / 5 = 20 times 2 people", "3 + 4 = 7 + 5 = 12"
			c.Right, c.Operators = v.rat, l.operators
			if c.Reason = "the right side goes on from the result"; spelledOut(right[:to]) {
				c.Verdict, c.Reason = True, ""
			}
			return c, true
		}
		if spelledOut(right[:to]) {
			c.Reason = "words stand for an operator of the right side"
			return c, true
		}
	}
	if rounding && (roughly(l.rat, r) || r.operators > 0 && within50th(l.rat, r.rat)) {
		c.Reason = "the result may be rounded"
		return c, true
	}
	if why := doubt(left, right, from, to, l, r, chained, cut); why != "" {
		c.Reason = why
		return c, true
	}
	c.Verdict = False
	c.Reason = "the left side is " + show(l.rat) + ", the right side " + show(r.rat)
	return c, true
}

// obscured reports whether what stands before the left side or behind the right one belongs to it and isn't evaluated.
func obscured(before, behind []token) bool {
	for i := len(before) - 1; i >= 0 && before[i].kind != word; i-- {
		if before[i].kind == opaque {
			return true
		}
	}
	for _, t := range behind {
		if t.kind == word || t.kind == opaque {
			return t.kind == opaque
		}
	}
	return false
}

func scaled(v value, by int64) value {
	v.rat = new(big.Rat).Mul(v.rat, big.NewRat(by, 1))
	return v
}

// suffixValue evaluates the longest expression that ends the tokens; from is where it begins.
func suffixValue(tokens []token, plain bool, work *int) (from int, v value, err error) {
	err = ErrSyntax
	for from = range tokens {
		if k := tokens[from].kind; k != number && k != open && k != operator {
			continue
		}
		if tokens[from].kind == operator && (from > 0 && !starts(tokens[from-1])) {
			continue // a sign that joins, not one that leads
		}
		p := parser{tokens: tokens[from:], plain: plain, work: work}
		if v, err = p.whole(); err == nil {
			return from, v, nil
		}
	}
	return 0, v, err
}

// starts reports whether an expression may begin with a sign behind this token.
func starts(t token) bool { return t.kind == word || t.kind == open }

// prefixValue evaluates the longest expression that begins the tokens; to is where it ends.
func prefixValue(tokens []token, plain bool, work *int) (to int, v value, err error) {
	p := parser{tokens: tokens, plain: plain, work: work}
	v, err = p.sum()
	return p.at, v, err
}

func anyNumber(tokens []token) bool {
	return slices.ContainsFunc(tokens, func(t token) bool { return t.kind == number })
}

// agree reports whether two values are equal at the precision that the right one shows, or either shows when neither is
// computed.
func agree(l, r value, rounding bool) bool {
	if l.rat.Cmp(r.rat) == 0 {
		return true
	}
	if r.operators > 0 && l.operators > 0 {
		return false
	}
	if r.operators > 0 {
		l, r = r, l
	}
	return showsAs(l.rat, r, rounding)
}

// showsAs reports whether x rounded or cut to the decimals of shown is shown. Whole numbers need an announcement.
func showsAs(x *big.Rat, shown value, rounding bool) bool {
	decimals := shown.decimals
	if shown.percents > 0 {
		decimals += 2
	}
	if decimals == 0 && !rounding {
		return false
	}
	unit := new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(decimals)), nil))
	diff := new(big.Rat).Sub(x, shown.rat)
	if diff.Sign()*x.Sign() < 0 && !rounding { // shown is further from zero: a cut can't explain that
		return diff.Abs(diff).Cmp(unit.Mul(unit, big.NewRat(1, 2))) <= 0
	}
	return diff.Abs(diff).Cmp(unit) < 0
}

// within50th reports whether two numbers differ by less than a fiftieth.
func within50th(x, y *big.Rat) bool {
	diff, most := new(big.Rat).Sub(x, y), new(big.Rat).Abs(x)
	return diff.Abs(diff).Cmp(most.Mul(most, big.NewRat(1, 50))) <= 0
}

// roughly reports whether x rounded to the digits of a whole number before its zeros may be that number: 53,700 and
// 54,000.
func roughly(x *big.Rat, shown value) bool {
	if shown.operators > 0 || shown.decimals > 0 || !shown.rat.IsInt() {
		return false
	}
	unit := big.NewInt(1)
	for ten, rest := big.NewInt(10), new(big.Int).Set(shown.rat.Num()); rest.Sign() != 0; unit.Mul(unit, ten) {
		var digit big.Int
		if rest.QuoRem(rest, ten, &digit); digit.Sign() != 0 {
			break
		}
	}
	diff := new(big.Rat).Sub(x, shown.rat)
	digits := new(big.Rat).Quo(shown.rat, new(big.Rat).SetInt(unit))
	return digits.Abs(digits).Cmp(ten) > 0 && diff.Abs(diff).Cmp(new(big.Rat).SetFrac(unit, big.NewInt(2))) <= 0
}

var ten = big.NewRat(10, 1)

// doubt returns why an equation whose sides differ could still be meant to hold, "" when nothing else can be meant.
func doubt(left, right []token, from, to int, l, r value, chained, cut bool) string {
	switch {
	case l.operators == 0 || literal(left[from:]):
		return "the left side computes nothing" // it may be a name: "30 less than Vika = 84 - 30"
	case l.percents+r.percents > 0 && l.sums+r.sums > 0:
		return "percentages are added to something else"
	case hasVariable(left, len(left)) || hasVariable(right, to+1):
		return "there is a variable"
	case l.mixed || r.mixed:
		return "a mixed number may be a product"
	case slices.ContainsFunc(left, clock) || slices.ContainsFunc(right, clock):
		return "a number may be a time of day, or count in another way"
	case slices.ContainsFunc(left, place) || slices.ContainsFunc(right, place):
		return "a number may be a place in an order"
	case stacked(left[from:]) || stacked(right[:to]) || r.parts:
		return "it can be read in two ways"
	case convertible(l.units, r.units):
		return "units may be converted"
	case r.operators == 0 && showsAs(l.rat, r, true) && r.decimals > 0:
		return "the result may be rounded up"
	case slices.ContainsFunc(left[from:], multiplies) || slices.ContainsFunc(right[:to], multiplies):
		return "a word may multiply a number"
	case scale(l, r):
		return "the sides may be in different units"
	case slices.ContainsFunc(left[from:], doubled) || slices.ContainsFunc(right[:to], doubled):
		return "an operand may be missing"
	case from == 0 && cut:
		return "the left side may begin before it"
	case r.operators > 0 && to < len(right), to < len(right) && continues(right[to]):
		return "the right side goes on in words"
	case from > 0 && interrupted(left[:from], chained):
		return "what stands before the left side may belong to it"
	}
	diff := new(big.Rat).Sub(l.rat, r.rat)
	diff.Abs(diff)
	if l.rounded || r.rounded || !l.rat.IsInt() {
		// Numbers that were rounded before may be the reason for a small difference.
		if within50th(l.rat, r.rat) || diff.Cmp(big.NewRat(1, 1)) < 0 && !(l.rat.IsInt() && r.rat.IsInt()) && r.decimals == 0 {
			return "the difference may come from rounding"
		}
	}
	return ""
}

// cutOff reports whether what stands before a clause looks as if the clause went on from it: a number before a comma,
// as in "14, 400 / 80", an operator before a point, as in ".8 + . 84".
func cutOff(before []token) bool {
	n := len(before)
	if n < 2 {
		return false
	}
	sign, last := before[n-1].text, before[n-2].kind
	return (sign == "," || sign == ".") && (last == operator || last == number && sign == ",")
}

// spelledOut reports whether a word was read as an operator.
func spelledOut(tokens []token) bool {
	return slices.ContainsFunc(tokens, func(t token) bool { return t.kind == operator && t.spelled })
}

// doubled reports whether an operator was passed over as a sign: "1 * + 1".
func doubled(t token) bool {
	return t.kind == operator && t.after && (t.text == "+" || t.text == "*" || t.text == "/")
}

// multiplies reports whether a word behind a number multiplies it: 2 dozen.
func multiplies(t token) bool {
	if t.kind != word {
		return false
	}
	switch t.text {
	case "dozen", "dozens", "hundred", "thousand", "million", "billion", "pair", "pairs", "score", "gross":
		return true
	}
	return false
}

// literal reports whether tokens are nothing but a fraction and its unit, which computes nothing: "1/2 a cup".
func literal(tokens []token) bool {
	return len(tokens) > 3 && ratio(tokens[:3]) && tokens[1].glued && tokens[2].glued && !slices.ContainsFunc(tokens[3:], func(t token) bool { return t.kind != word })
}

// scale reports whether two sides differ by the factor of a unit that goes unsaid: cents and dollars, thousands.
func scale(l, r value) bool {
	if l.rat.Sign() == 0 || r.rat.Sign() == 0 {
		return false
	}
	ratio := new(big.Rat).Quo(l.rat, r.rat)
	if ratio.Cmp(big.NewRat(1, 1)) < 0 {
		ratio.Inv(ratio)
	}
	money := slices.Contains(l.units, "$") != slices.Contains(r.units, "$")
	return money && ratio.Cmp(big.NewRat(100, 1)) == 0 || ratio.Cmp(big.NewRat(1000, 1)) == 0 || ratio.Cmp(big.NewRat(1000000, 1)) == 0
}

// letter reports whether a token is a single letter that stands for a number.
func letter(t token) bool {
	return t.kind == word && utf8.RuneCountInString(t.text) == 1 && (t.glued || t.text != "a" && t.text != "i")
}

// letters reports whether a token behind another is a product of letters that stand for numbers: 2xy, ½ ab. Units and
// words are none.
func letters(t, before token) bool {
	n := len(t.text)
	if t.kind != word || n < 2 || n > 4 || before.kind != number && before.kind != shut || formula.Unit(t.text) || families[t.text] != "" {
		return false
	}
	switch t.text {
	case "st", "nd", "rd", "th", "am", "pm", "of", "is", "to", "by", "at", "it", "we", "so", "if", "an", "he", "on", "as", "be", "up", "us", "no", "in", "or", "do", "go", "my", "me", "tv", "cds", "dvds", "usd", "pts", "pcs", "sq", "cu", "km", "kph":
		return false
	}
	return t.glued || n == 2
}

// hasVariable reports whether one of the first n tokens is a letter that stands for a number, or several. An "a" or "I"
// apart is one where no word follows that it may belong to: "3 a + 4".
func hasVariable(tokens []token, n int) bool {
	for i, t := range tokens[:min(n, len(tokens))] {
		if letter(t) || i > 0 && letters(t, tokens[i-1]) {
			return true
		}
		if (t.text == "a" || t.text == "i") && t.kind == word && (i+1 == len(tokens) || tokens[i+1].kind != word && tokens[i+1].kind != number) {
			return true
		}
	}
	return false
}

// clock reports whether a token is a number like 0730, or one of the words of a time of day or of another way to count.
func clock(t token) bool {
	if t.kind == word {
		return t.text == "clock" || t.text == "mod" || t.text == "modulo" || t.text == "binary" || t.text == "hexadecimal" || t.text == "am" || t.text == "pm" || t.text == "noon" || t.text == "midnight" || t.text == "o'clock" || t.text == "o’clock"
	}
	return t.kind == number && len(t.text) > 1 && t.text[0] == '0' && isDigit(t.text[1:])
}

// place reports whether a token is the ending of a number that says a place in an order: 1st.
func place(t token) bool {
	return t.kind == word && t.glued && (t.text == "st" || t.text == "nd" || t.text == "rd" || t.text == "th")
}

// stacked reports whether a number stands between two divisions: in 25 / 1/3 the second may be a fraction's.
func stacked(tokens []token) bool {
	slash := func(t token) bool { return t.kind == operator && t.text == "/" }
	for i := 2; i < len(tokens); i++ {
		if tokens[i-1].kind == number && slash(tokens[i-2]) && (slash(tokens[i]) || tokens[i].kind == open) { // 1/2 (68)
			return true
		}
	}
	return false
}

// continues reports whether a token behind the right side goes on with the expression: a number without an operator
// before it, a word for a scale, an operator that wasn't understood.
func continues(t token) bool {
	switch t.kind {
	case number, open, operator, opaque:
		return true
	case word:
		if t.glued && letter(t) {
			return true
		}
		switch t.text {
		case "dozen", "dozens", "hundred", "thousand", "million", "billion", "k", "m", "remainder", "r", "times", "half", "percent", "and", "pairs", "squared", "cubed":
			return true
		}
	}
	return false
}

// interrupted reports whether words between an earlier number and the expression could have been part of it. A verb in
// between ends what came before.
func interrupted(before []token, chained bool) bool {
	if chained {
		return true
	}
	last := -1
	for i, t := range before {
		if t.kind == number || t.kind == operator || t.kind == open || t.kind == shut || t.kind == percent || t.kind == opaque {
			last = i
		}
	}
	between := before[last+1:]
	for _, t := range between {
		switch t.text {
		case "of", "half", "third", "quarter", "fifth", "thrice", "triple", "dozen", "hundred", "thousand", "million", "percent", "sum", "product", "square", "cube", "root", "difference", "average", "negative", "factorial", "log", "remainder", "modulo", "mod":
			return true
		}
	}
	if last < 0 {
		return false
	}
	return !slices.ContainsFunc(between, func(t token) bool { return verbs[t.text] })
}

var verbs = func() map[string]bool {
	set := map[string]bool{}
	for _, v := range strings.Fields("is are was were be been has have had do does did gets get got gives give gave makes make made earns earn earned " +
		"spends spend spent pays pay paid costs cost sold sells sell buys buy bought eats eat ate uses use used needs need needed takes take took leaves leave left " +
		"will would can could should means so then there total totals equals because since as") {
		set[v] = true
	}
	return set
}()

// convertible reports whether the units of two sides let one think of a conversion: different members of one family, on
// either side or across.
func convertible(left, right []string) bool {
	found := map[string]string{}
	for _, u := range append(left[:len(left):len(left)], right...) {
		family, ok := families[u]
		if !ok {
			continue
		}
		member := strings.TrimSuffix(strings.TrimSuffix(u, "es"), "s")
		if had, twice := found[family]; twice && had != member {
			return true
		}
		found[family] = member
	}
	return false
}

var families = func() map[string]string {
	out := map[string]string{}
	for family, members := range map[string]string{
		"time":   "second seconds sec secs minute minutes min mins hour hours hr hrs h day days week weeks month months year years decade decades century centuries",
		"length": "inch inches foot feet ft yard yards mile miles mm cm m km meter meters metre metres kilometer kilometers centimeter centimeters",
		"amount": "gram grams g kg kilogram kilograms ounce ounces oz pound pounds lb lbs ton tons mg cup cups pint pints quart quarts gallon gallons liter liters litre litres ml l milliliters tablespoon tablespoons teaspoon teaspoons",
		"money":  "$ dollar dollars cent cents penny pennies nickel nickels dime dimes quarter quarters",
		"angle":  "radian radians rad degree degrees arcsec arcsecs arcsecond arcseconds arcmin arcmins",
		"count":  "dozen dozens pair pairs score gross percent",
	} {
		for _, m := range strings.Fields(members) {
			out[m] = family
		}
	}
	return out
}()

// show writes a value for a reason: exactly when short, else as a decimal.
func show(x *big.Rat) string {
	if x.IsInt() {
		return x.Num().String()
	}
	if s := x.RatString(); len(s) <= 9 {
		return s
	}
	return x.FloatString(4)
}
