package feature

import (
	"math"
	"slices"
	"strings"

	"aprm/prm/arith"
	"aprm/prm/step"
)

// source says where a number of a step comes from. Sources earlier in the list are preferred where several would do.
type source int

const (
	previous   source = iota // the result of the step before
	earlier                  // the result of a step further back
	given                    // a number of the question, or its percentage as a factor
	implied                  // a number word of the question, or a conversion of a unit it speaks of
	constant                 // 1, 2, 100 and their kind
	quoted                   // stands in an earlier step, but is not its result
	nowhere                  // none of these
	numSources               //
)

var sourceNames = [numSources]string{"previous", "earlier", "given", "implied", "constant", "quoted", "nowhere"}

// quantity is a number of the question, in digits or, where a word says how to calculate ("half", "three times"), in
// words.
type quantity struct {
	at     int // its token in the question
	value  float64
	spoken []float64       // what the word may stand for in a calculation; nil for digits
	word   string          // the word, "" for digits
	near   []string        // the words within a few tokens, nearest first
	about  map[string]bool // telling words of its clause, and what it counts
	unit   string          // the next word that says something, "" when there is none
}

// is tells whether v may stand for q in a calculation.
func (q quantity) is(v float64) bool {
	if q.spoken == nil {
		return same(q.value, v)
	}
	return slices.ContainsFunc(q.spoken, func(w float64) bool { return same(w, v) })
}

// operand is a number of a step with what is known of it.
type operand struct {
	value  float64
	source source
	index  int // of the question's quantity, or of the step whose result it is; −1 for neither
}

// inQuestion tells an operand that one of the question's quantities stands for.
func (o operand) inQuestion() bool { return o.source == given || o.source == implied && o.index >= 0 }

// expression is the left side of an equation: operands with the operators between them.
type expression struct {
	operands  []operand
	operators []string // operators[i] stands before operands[i]; "" before the first
	result    float64
	stated    bool // whether there is a result
}

// statement is a step as read.
type statement struct {
	text        string // normalised
	tokens      []token
	words       map[string]bool // telling words
	checks      []arith.Check
	expressions []expression
	numbers     []operand // every number of the step, in order
	result      float64
	hasResult   bool
	answer      bool
}

// reading is everything that the inputs of one step are made from.
type reading struct {
	question   []token
	quantities []quantity
	percents   []int     // indices of quantities that are percentages
	spoken     []float64 // what words bring in that need not be calculated with, "one" or "another"
	converted  []float64
	story      story
	before     []statement
	now        statement
	index      int
	taken      taken     // by the steps up to now, this one included
	uses       uses      // of now
	said       *hashed   // the context of what all steps before now said, gathered as they are read: going through them at each would be quadratic
	quoted     []float64 // distinct numbers of the steps before now
	known      map[float64]bool
}

// What is read of a text: a step or a question that is longer is no worse for it, and reading stays linear.
const (
	longest     = 16 << 10 // bytes
	mostTokens  = 4096
	mostNumbers = 512 // of these tokens
	mostQuoted  = 4096
)

// cut is the beginning of a text that is read.
func cut(text string) string {
	if len(text) <= longest {
		return text
	}
	return strings.ToValidUTF8(text[:longest], "")
}

// few are the tokens that are read.
func few(tokens []token) []token {
	numbers := 0
	for i, t := range tokens[:min(len(tokens), mostTokens)] {
		if t.number {
			numbers++
		}
		if numbers > mostNumbers {
			return tokens[:i]
		}
	}
	return tokens[:min(len(tokens), mostTokens)]
}

// open reads the question; no step has been read yet.
func open(question string) *reading {
	r := &reading{index: -1, said: newHashed(ContextRows), known: make(map[float64]bool)}
	r.readQuestion(question)
	return r
}

// next reads one more step.
func (r *reading) next(text string) {
	if r.index >= 0 {
		r.before = append(r.before, r.now)
		for _, t := range r.now.tokens {
			if !t.number {
				r.said.add("before", t.text)
			}
		}
		r.said.indices = r.said.sorted()
		for _, n := range r.now.numbers {
			if !r.known[n.value] && len(r.quoted) < mostQuoted {
				r.known[n.value] = true
				r.quoted = append(r.quoted, n.value)
			}
		}
	}
	r.index++
	r.now = r.readStep(text)
	r.take()
}

const window = 4 // tokens on either side of a number that count as near

func (r *reading) readQuestion(text string) {
	var starts []int // of sentences
	for _, text := range sentences(step.Normalize(cut(text))) {
		if tokens := few(tokenize(text)); len(tokens) > 0 && len(r.question) < mostTokens {
			starts = append(starts, len(r.question))
			r.question = append(r.question, tokens...)
		}
	}
	for i, t := range r.question {
		q := quantity{at: i, about: make(map[string]bool)}
		switch {
		case t.number:
			q.value = t.value
		case relations[t.text]:
			q.word, q.spoken = t.text, spoken[t.text]
			r.converted = append(r.converted, conversions[t.text]...)
		default:
			r.spoken = append(r.spoken, spoken[t.text]...)
			r.converted = append(r.converted, conversions[t.text]...)
			continue
		}
		for d := 1; d <= 2*window; d++ {
			for _, k := range []int{i - d, i + d} {
				if k < 0 || k >= len(r.question) || !r.question[k].word() {
					continue
				}
				w := r.question[k].text
				if d <= window {
					q.near = append(q.near, w)
				}
				if !plain[w] {
					q.about[w] = true
					if k > i && q.unit == "" {
						q.unit = w
					}
				}
			}
		}
		if t.number && i+1 < len(r.question) && (r.question[i+1].text == "%" || r.question[i+1].text == "percent") {
			r.percents = append(r.percents, len(r.quantities))
		}
		r.quantities = append(r.quantities, q)
	}
	r.story = r.tell(starts)
	r.taken = taken{quantities: make([]bool, len(r.quantities)), spoken: make([]bool, len(r.story)), last: -1}
}

func (r *reading) readStep(raw string) statement {
	raw = cut(raw)
	s := statement{text: step.Normalize(raw), answer: step.IsAnswer(raw), words: make(map[string]bool)}
	s.tokens = few(tokenize(s.text))
	s.checks = arith.CheckStep(s.text)
	for _, t := range s.tokens {
		if t.word() && !plain[t.text] {
			s.words[t.text] = true
		}
		if t.number {
			s.numbers = append(s.numbers, r.trace(t.value))
		}
	}
	s.expressions = r.expressions(s.tokens)
	if v, ok := arith.Result(s.text); ok {
		s.result, s.hasResult = float(v), true
	}
	return s
}

// expressions finds the runs of operands and operators that end in "=", with the number behind it. In a chain each link
// is an expression.
func (r *reading) expressions(tokens []token) []expression {
	var out []expression
	var e expression
	op := ""
	for i, t := range tokens {
		switch {
		case t.number:
			e.operands = append(e.operands, r.trace(t.value))
			e.operators = append(e.operators, op)
			op = ""
		case t.text == "=":
			if len(e.operands) > 1 {
				e.result, e.stated = right(tokens[i+1:])
				out = append(out, e)
			}
			e, op = expression{}, ""
		case t.operator():
			if t.text != "%" {
				op = t.text
			}
		case op == "" && len(e.operands) > 0 && e.operators[len(e.operators)-1] == "" && !unitLike(tokens, i):
			// A sentence went on without an operator: what came before is not part of an expression.
			e = expression{}
		}
	}
	return out
}

// right is the first number behind an equals sign, with its sign.
func right(tokens []token) (v float64, ok bool) {
	for i, t := range tokens {
		switch {
		case t.number && i == 1 && tokens[0].text == "-":
			return -t.value, true
		case t.number:
			return t.value, true
		case t.text == "=":
			return 0, false
		}
	}
	return 0, false
}

// unitLike tells a word that may stand inside an expression, as in "5 apples * 3": an operator follows within three
// tokens.
func unitLike(tokens []token, i int) bool {
	for _, t := range tokens[i+1 : min(i+4, len(tokens))] {
		if t.operator() {
			return true
		}
		if t.number {
			return false
		}
	}
	return false
}

// same compares numbers as a reader would: money rounded to cents is the same number.
func same(a, b float64) bool {
	d := math.Abs(a - b)
	return d <= 1e-6*max(math.Abs(a), math.Abs(b)) || d <= 0.005001 && a != math.Trunc(a) && b != math.Trunc(b)
}

// trace finds where a number comes from, looking at what was read so far.
func (r *reading) trace(v float64) operand {
	for back := len(r.before) - 1; back >= 0; back-- {
		if s := r.before[back]; s.hasResult && same(s.result, v) {
			if back == len(r.before)-1 {
				return operand{v, previous, back}
			}
			return operand{v, earlier, back}
		}
	}
	digits, word := r.quantity(v, false), r.quantity(v, true)
	if digits >= 0 && (word < 0 || !r.taken.quantities[digits] || r.taken.quantities[word]) {
		return operand{v, given, digits}
	}
	if word >= 0 {
		return operand{v, implied, word}
	}
	for _, i := range r.percents {
		p := r.quantities[i].value
		if same(p/100, v) || same(1-p/100, v) || same(1+p/100, v) || same(100-p, v) || same(100+p, v) {
			return operand{v, given, i}
		}
	}
	for _, list := range [][]float64{r.spoken, r.converted} {
		for _, w := range list {
			if same(w, v) {
				return operand{v, implied, -1}
			}
		}
	}
	switch v {
	case 0, 1, 2, 100:
		return operand{v, constant, -1}
	}
	for _, n := range r.quoted {
		if same(n, v) {
			return operand{v, quoted, -1}
		}
	}
	return operand{v, nowhere, -1}
}

// quantity finds what v stands for among the question's numbers in digits, or in words: one that no step has used,
// where the same is there twice; −1 when there is none.
func (r *reading) quantity(v float64, inWords bool) int {
	found := -1
	for i, q := range r.quantities {
		if (q.spoken != nil) != inWords || !q.is(v) {
			continue
		}
		if !r.taken.quantities[i] {
			return i
		}
		if found < 0 {
			found = i
		}
	}
	return found
}

// operands are those of all expressions of the step; of a step without one, all its numbers but its result.
func (s statement) operands() []operand {
	var out []operand
	for _, e := range s.expressions {
		out = append(out, e.operands...)
	}
	if len(s.expressions) == 0 {
		for _, n := range s.numbers {
			if !s.hasResult || !same(n.value, s.result) {
				out = append(out, n)
			}
		}
	}
	return out
}
