package oracle

import (
	"math/big"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"aprm/prm/arith"
	"aprm/prm/step"
)

// reading is what a step says, as far as it can be compared.
type reading struct {
	text     string         // normalised
	tokens   []string       // words and numbers in order, without openings such as "so" and "then"
	order    []string       // every word, in order, but for articles
	words    map[string]int // words of consequence, stemmed, and how often
	units    map[string]bool
	names    map[string]bool
	turning  map[string]int
	numbers  []*big.Rat // number words among them
	told     []*big.Rat // those outside equations
	formula  string     // figures, signs and variables in order, without words
	checks   []arith.Check
	values   []*big.Rat // right sides of its equations
	result   *big.Rat
	counts   string // what the result is a number of, stemmed, with its power: "pen", "dollar", "cm^2"; "" where nothing says
	named    bool   // the result has a unit or a noun behind it, or a currency
	computes bool
	answer   bool
}

func read(text string) reading {
	answer := step.IsAnswer(text)
	text = opener.ReplaceAllString(step.Normalize(text), "")
	r := reading{text: text, answer: answer, words: map[string]int{}, units: map[string]bool{}, names: map[string]bool{}, turning: map[string]int{}}
	r.checks = arith.CheckStep(text)
	numbers := arith.Numbers(text)
	for _, n := range numbers {
		r.numbers = append(r.numbers, n.Value)
		if !slices.ContainsFunc(r.checks, func(c arith.Check) bool { return c.Start <= n.Start && n.End <= c.End }) {
			r.told = append(r.told, n.Value)
		}
	}
	for _, check := range r.checks {
		if check.Right != nil {
			r.values = append(r.values, check.Right)
		}
		r.computes = r.computes || check.Operators > 0
	}
	if result, ok := arith.Result(text); ok {
		r.result = result
		r.named = slices.ContainsFunc(numbers, func(n arith.Number) bool {
			return n.Value.Cmp(result) == 0 && (n.Unit != "" || n.Start > 0 && text[n.Start-1] == '$')
		})
		for _, n := range numbers {
			if n.Value.Cmp(result) == 0 {
				r.counts = counted(text, n)
			}
		}
	}
	r.formula = formula(text)
	r.readWords()
	return r
}

// noun is the unit, or what is counted, behind a number.
var noun = regexp.MustCompile(`^\s*(?:\\(?:text|mathrm)\{\s*~?)?\s*(?:(square|sq\.?|cubic|cu\.?)\s+)?([A-Za-z]+)\}?\s*(?:\^\{?([23])\}?|([²³])|\s(squared|cubed))?`)

// counted returns what a number counts, stemmed, with its power; "" where that isn't said.
func counted(text string, n arith.Number) string {
	if money := strings.TrimRight(text[:n.Start], " "); strings.HasSuffix(money, "$") {
		return "dollar"
	}
	m := noun.FindStringSubmatch(text[n.End:])
	if m == nil {
		return ""
	}
	word := strings.ToLower(m[2])
	if plain[word] || turns[word] || spelled[word] != nil || word == "x" {
		return ""
	}
	power := m[3] + m[4] + m[5]
	switch {
	case m[1] != "" && m[1][0] == 's', power == "2", power == "²", power == "squared":
		return stem(word) + "^2"
	case m[1] != "", power != "":
		return stem(word) + "^3"
	}
	return stem(word)
}

// recounts reports whether two steps say that their results count different things: pens and dollars, cm and cm².
func recounts(ref, got reading) bool {
	if ref.counts == "" || got.counts == "" || ref.counts == got.counts {
		return false
	}
	a, powerA, _ := strings.Cut(ref.counts, "^")
	b, powerB, _ := strings.Cut(got.counts, "^")
	return powerA != powerB && a == b || got.words[a] == 0 || ref.words[b] == 0
}

// formula leaves of a text what isn't words: figures, signs, and letters that stand for numbers.
func formula(text string) string {
	text = signs.Replace(latexWords.Replace(timesSign.ReplaceAllString(text, "$1*$2")))
	text = notFormula.ReplaceAllString(text, " ")
	return strings.Join(strings.Fields(text), "")
}

// variable reports whether a letter stands for a number.
func (r reading) variable() bool { return strings.ContainsFunc(r.formula, unicode.IsLetter) }

// loose reports whether the step has an operation that stands in no true equation. A fraction of the reference is none.
func (r reading) loose(ref reading) bool {
	rest := []byte(r.text)
	for _, c := range r.checks {
		if c.Verdict == arith.True {
			for i := c.Start; i < c.End; i++ {
				rest[i] = ' '
			}
		}
	}
	left := fraction.ReplaceAllStringFunc(string(rest), func(f string) string {
		if strings.Contains(ref.formula, f) {
			return " "
		}
		return f
	})
	return operation.MatchString(formula(left))
}

var (
	// opener matches words that only lead a step in.
	opener = regexp.MustCompile(`^(?i:(?:now|finally|then|so|thus|hence|also|therefore|and|we know that),? )*(?i:(?:first|second|third|next|lastly), )?`)
	// notFormula matches words, hyphens within and before them, and punctuation.
	notFormula = regexp.MustCompile(`[A-Za-z]*-?(?:[A-Za-z]['’]?){2,}(?:-[A-Za-z]+)*|\b[AaI]\b(?:\s|$)|[^\w+*/^=().%-]|\.(?:\s|$)|\s-(?:\s+[A-Za-z]|$)`)
	timesSign  = regexp.MustCompile(`(\d\)?\s*)[x×](\s*[$(]?\d)`)
	operation  = regexp.MustCompile(`[A-Za-z\d)]\s*[-+*/^]\s*[A-Za-z\d(.]|\d[A-Za-z]|[A-Za-z]\d`)
	fraction   = regexp.MustCompile(`\d+/\d+`)
	halfOf     = regexp.MustCompile(`(?i)\bhalf of (\$?\d)`)
)

// readWords reads what isn't figures.
func (r *reading) readWords() {
	start := true // of a sentence: a capital means nothing there
	for _, w := range strings.FieldsFunc(latexWords.Replace(halfOf.ReplaceAllString(r.text, "$1")), func(c rune) bool {
		return !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("'’.,", c)
	}) {
		end := strings.HasSuffix(w, ".")
		w = strings.Trim(w, "'’.,")
		if w == "" {
			continue
		}
		if !unicode.IsLetter(rune(w[0])) && w[0] < 0x80 {
			r.tokens = append(r.tokens, strings.ReplaceAll(w, ",", ""))
			start = end
			continue
		}
		low := strings.ToLower(w)
		low = strings.TrimSuffix(strings.TrimSuffix(low, "'s"), "’s")
		if n, ok := spelled[low]; ok {
			r.numbers, r.told = append(r.numbers, n), append(r.told, n)
		}
		if low != "the" && low != "a" && low != "an" {
			r.order = append(r.order, low)
		}
		switch {
		case plain[low] && w != "May":
		case turns[low]:
			r.turning[low]++
			r.tokens = append(r.tokens, low)
		case spelled[low] != nil:
			r.tokens = append(r.tokens, low)
		default:
			s := stem(low)
			r.tokens = append(r.tokens, s)
			r.words[s]++
			if measures[s] {
				r.units[s] = true
			}
			if first, _ := firstRune(w); unicode.IsUpper(first) && !start {
				r.names[s] = true
			}
		}
		start = end
	}
}

var signs = strings.NewReplacer("×", "*", "÷", "/", "·", "*", "−", "-", "–", "-", ",", "")

// latexWords takes out the commands that stand between words and figures, and spells out units that are signs.
var latexWords = strings.NewReplacer(`\times`, " * ", `\cdot`, " * ", `\div`, " / ", `\frac`, " ", `\text`, " ", `\approx`, " ", `\boxed`, " ", "$", " dollars ", " x ", " ", "¢", " cents ", `\`, " ")

func firstRune(s string) (rune, int) {
	for _, r := range s {
		return r, 1
	}
	return 0, 0
}

// operands are the numbers that aren't results of the step's equations, each once for each time that it stands there
// beyond those.
func (r reading) operands() []*big.Rat {
	out := slices.Clone(r.numbers)
	for _, v := range r.values {
		if i := slices.IndexFunc(out, func(n *big.Rat) bool { return n.Cmp(v) == 0 }); i >= 0 {
			out = slices.Delete(out, i, i+1)
		}
	}
	return out
}

// wordy is how many words tell what the step is about; a bare unit of money doesn't.
func (r reading) wordy() int {
	n := len(r.words) + len(r.turning)
	for _, w := range []string{"dollar", "cent"} {
		if r.words[w] > 0 {
			n--
		}
	}
	return n
}

// given are the numbers that the step tells of outside its equations, without those that are values of it or of
// another.
func (r reading) given(other reading) []*big.Rat {
	return slices.DeleteFunc(slices.Clone(r.told), func(n *big.Rat) bool { return has(r.values, n) || has(other.values, n) })
}

// holds reports whether a check of the step has this verdict.
func (r reading) holds(v arith.Verdict) bool {
	return slices.ContainsFunc(r.checks, func(c arith.Check) bool { return c.Verdict == v })
}

// checked reports whether every equation is true, or one that the reference states too.
func (r reading) checked(ref reading) bool {
	text := squeeze(ref.text)
	return !slices.ContainsFunc(r.checks, func(c arith.Check) bool {
		named := c.Left == nil && c.Right != nil && has(ref.values, c.Right) // "apples = 3 + 4": a name for a value of the reference
		return c.Verdict != arith.True && !named && !strings.Contains(text, squeeze(c.Text))
	})
}

func squeeze(s string) string {
	return strings.NewReplacer(" ", "", "$", "", "×", "*", "÷", "/").Replace(s)
}

// sameReading reports whether two steps have the same words and numbers in the same order, and the same equations.
func sameReading(a, b reading) bool {
	return len(a.tokens) > 0 && slices.Equal(a.tokens, b.tokens) && a.formula == b.formula && slices.EqualFunc(a.checks, b.checks, func(x, y arith.Check) bool {
		if x.Left == nil || y.Left == nil || x.Right == nil || y.Right == nil {
			return squeeze(x.Text) == squeeze(y.Text)
		}
		return x.Left.Cmp(y.Left) == 0 && x.Right.Cmp(y.Right) == 0
	})
}

// unheard reports whether two steps tell of different numbers and those of got occur nowhere in what it may tell of.
func unheard(ref, got reading, known []*big.Rat) bool {
	theirs := ref.given(got)
	for _, x := range got.given(ref) {
		if !has(theirs, x) && (has(known, x) || x.Cmp(big.NewRat(1, 1)) == 0) {
			return false
		}
	}
	return len(theirs) == len(got.given(ref))
}

// inOrder reports whether the shorter list of words is the longer one with some left out.
func inOrder(a, b []string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	for _, w := range b {
		if len(a) > 0 && a[0] == w {
			a = a[1:]
		}
	}
	return len(a) == 0
}

// totals reports whether a word says that everything is counted together.
func totals(words []string) bool {
	return slices.ContainsFunc(words, func(w string) bool {
		return w == "total" || w == "altogether" || w == "combined" || w == "all" || w == "overall" || w == "together"
	})
}

// difference is how the words of two steps differ.
type difference struct {
	added, dropped []string // of consequence
	turning        bool     // the words that turn the meaning are the same
	exchanged      bool     // a unit or a name was exchanged or added
	foreign        bool     // a word was added that the question doesn't have
	bare           bool     // the step has no words of consequence at all
	common         float64  // share of the words of both that are common, in [0,1]
}

func compare(ref, got reading, question string) difference {
	d := difference{turning: true, bare: got.wordy() == 0}
	asked := map[string]bool{}
	for _, w := range strings.FieldsFunc(strings.ToLower(question), func(c rune) bool { return !unicode.IsLetter(c) }) {
		asked[stem(w)] = true
	}
	common := 0
	for w := range got.words {
		switch {
		case ref.words[w] > 0:
			common++
		case w == "dollar" || w == "cent": // money is often left unsaid
		default:
			d.added = append(d.added, w)
			d.foreign = d.foreign || !asked[w]
			d.exchanged = d.exchanged || got.units[w] || got.names[w]
		}
	}
	for w := range ref.words {
		if got.words[w] == 0 && w != "dollar" && w != "cent" {
			d.dropped = append(d.dropped, w)
			d.exchanged = d.exchanged || len(d.added) > 0 && (ref.units[w] || ref.names[w])
		}
	}
	slices.Sort(d.added)
	slices.Sort(d.dropped)
	if ref.words["cent"] > 0 != (got.words["cent"] > 0) {
		d.exchanged, d.foreign = true, true
	}
	d.exchanged = d.exchanged || len(d.added) > 0 && len(d.dropped) > 0
	for w, n := range got.turning {
		d.turning = d.turning && ref.turning[w] == n
	}
	for w, n := range ref.turning {
		d.turning = d.turning && got.turning[w] == n
	}
	if total := common + len(d.added) + len(d.dropped); total > 0 {
		d.common = float64(common) / float64(total)
	}
	return d
}

// stem takes the usual endings off a word, so that "sells" and "sell", "boxes" and "box" are one.
func stem(w string) string {
	for _, ending := range []string{"ies", "es", "s", "ing", "ed"} {
		if s, ok := strings.CutSuffix(w, ending); ok && len(s) >= 3 && !(ending == "s" && strings.HasSuffix(s, "s")) {
			if ending == "ies" {
				return s + "y"
			}
			return strings.TrimSuffix(s, "e")
		}
	}
	if len(w) > 3 {
		return strings.TrimSuffix(w, "e")
	}
	return w
}

func has(values []*big.Rat, x *big.Rat) bool {
	return slices.ContainsFunc(values, func(v *big.Rat) bool { return v.Cmp(x) == 0 })
}

// covers reports whether every number of got is one of ref's, as it is, inverted, or as a percentage: 1/2 for 2, 0.2
// for 20 %.
func covers(ref, got []*big.Rat) bool {
	hundred := big.NewRat(100, 1)
	one := big.NewRat(1, 1)
	return !slices.ContainsFunc(got, func(x *big.Rat) bool {
		if x.Cmp(one) == 0 || has(ref, x) || has(ref, new(big.Rat).Mul(x, hundred)) || has(ref, new(big.Rat).Quo(x, hundred)) {
			return false
		}
		return x.Sign() == 0 || !has(ref, new(big.Rat).Inv(x))
	})
}

// share reports whether two lists have a number in common.
func share(xs, ys []*big.Rat) bool {
	return slices.ContainsFunc(xs, func(x *big.Rat) bool { return has(ys, x) })
}

// apart returns in how many places two lists of numbers differ, whatever their order; the lengths may differ too.
func apart(xs, ys []*big.Rat) int {
	rest, missing := slices.Clone(ys), 0
	for _, x := range xs {
		if i := slices.IndexFunc(rest, func(y *big.Rat) bool { return x.Cmp(y) == 0 }); i >= 0 {
			rest = slices.Delete(rest, i, i+1)
		} else {
			missing++
		}
	}
	return max(missing, len(rest))
}

// factors are those by which units in word problems convert.
var factors = []int64{12, 16, 24, 36, 60, 100, 365, 1000, 1440, 3600}

// converted reports whether the results of two steps may be one quantity in two usual units, or one of them rounded or
// negated. Where both name the same unit or, in the same words, what they count, only rounding is left.
func converted(ref, got reading, same bool) bool {
	a, b := ref.result, got.result
	if a.Sign() == 0 || b.Sign() == 0 {
		return false
	}
	if new(big.Rat).Add(a, b).Sign() == 0 {
		return true
	}
	ratio := new(big.Rat).Quo(a, b)
	if ratio.Cmp(big.NewRat(1, 1)) < 0 {
		ratio.Inv(ratio)
	}
	if ratio.Cmp(big.NewRat(101, 100)) < 0 && !(a.IsInt() && b.IsInt()) {
		return true
	}
	if same && ref.named && got.named {
		return false
	}
	for u := range ref.units {
		if got.units[u] {
			return false
		}
	}
	for _, f := range factors {
		if ratio.Cmp(big.NewRat(f, 1)) == 0 {
			return true
		}
	}
	return false
}
