package feature

import (
	"math"
	"slices"

	"aprm/prm/arith"
)

// The symbolic block. A count is damped as log1p(n)/2; a share lies in [0,1]; a flag is 0 or 1. "Operands" are the
// numbers on the left of the step's equations; of a step without an equation, all its numbers but the result. Sources
// are those of read.go.
const (
	symEquations           = iota // count of equations stated
	symFalse                      // count of those that are false
	symTrue                       // count of those that are true
	symUnchecked                  // count of those that exact arithmetic can't decide
	symNoEquation                 // flag: the step calculates nothing
	symNoNumber                   // flag: the step holds no number
	symSources                    // share of operands from each source, in source's order: previous … nowhere
	_                             //
	_                             //
	_                             //
	_                             //
	_                             //
	_                             //
	symAnyNowhere                 // flag: some operand comes from nowhere
	symAnyPrevious                // flag: the result of the step before is used
	symAnyGiven                   // flag: a number of the question is used
	symNewGivens                  // count of givens used here for the first time
	symOldGivens                  // count of givens used here and in an earlier step
	symUnusedGivens               // share of the question's numbers in digits not used up to here
	symAllUsed                    // flag: every one of them has been used
	symNewSpoken                  // count of the question's numbers in words used here for the first time
	symOldSpoken                  // count of those used here and in an earlier step
	symUnusedSpoken               // count of those not used up to here
	symUnusedResults              // count of earlier results not used by any later step, this one included
	symReusedResult               // flag: an earlier result is used that another step used already
	symPrevIgnored                // flag: there is a step before with a result, and it is not used here
	symRepeatOperand              // flag: a number is an operand twice
	symNumbersNoWhere             // share of all the step's numbers (results left out) that come from nowhere
	symPlus                       // count of operators, each kind
	symMinus                      //
	symTimes                      //
	symDivide                     //
	symMixed                      // flag: more than one kind of operator
	symInteger                    // flag: the result is a whole number
	symNegative                   // flag: the result is below zero
	symZero                       // flag: the result is zero
	symFraction                   // flag: the result has more than two decimals
	symMagnitude                  // log10(1+|result|)/4
	symGrowth                     // log10 of |result| over the largest operand, cut to [−2, 2], over 2
	symResultGiven                // flag: the result equals a number of the question
	symResultOld                  // flag: the result equals an earlier one
	symRepeat                     // flag: the step repeats an earlier one word for word
	symRepeatNumbers              // flag: the step calculates with the same numbers as an earlier one
	symAnswer                     // flag: the step only states the answer
	symAnswerLast                 // flag: …and it is the last step's result
	symAnswerOld                  // flag: …and it is an earlier result
	symAnswerNowhere              // flag: …and it is neither
	symAboutUsed                  // how far the words about the givens used occur in the step, mean share
	symAboutUnused                // the same of the best of the givens not used in the step
	symAboutGap                   // the former less the latter
	symResultAbout                // how far the words of the steps whose results are used occur in the step, mean share
	symResultAboutGap             // the former less the same of the best of the results not used
	symUnitMatch                  // share of the step's givens that are followed by the word that follows them in the question
	symUnitClash                  // share that are followed by a word that follows another number of the question
	symNextTaken                  // flag: the step takes up the sentence whose turn it is
	symSkipped                    // count of sentences that the step passes over
	symSkippedRelevance           // how much the one passed over that has most to do with the problem has to do with it (relevance)
	symBackward                   // flag: the step takes up a sentence before those taken up earlier
	symSentences                  // count of sentences that it takes something new from
	symLeft                       // count of sentences with something left
	symLeftRelevance              // the most relevance of those
	symLeftBehind                 // count of those that stand before the last one taken up
	symAnswerLeft                 // symLeft, of a step that only states the answer
	symAnswerLeftRelevance        // symLeftRelevance, of a step that only states the answer
	symFirst                      // flag: the first step
	symPosition                   // log1p(index)/3
	NumSymbols
)

func (r *reading) symbols() (out [NumSymbols]float32) {
	set := func(i int, v float64) { out[i] = float32(v) }
	count := func(i, n int) { set(i, math.Log1p(float64(n))/2) }
	flag := func(i int, on bool) {
		if on {
			out[i] = 1
		}
	}
	s := r.now
	operands := s.operands()

	var verdicts [3]int
	for _, c := range s.checks {
		verdicts[c.Verdict]++
	}
	count(symEquations, len(s.checks))
	count(symFalse, verdicts[arith.False])
	count(symTrue, verdicts[arith.True])
	count(symUnchecked, verdicts[arith.Unknown])
	flag(symNoEquation, len(s.checks) == 0)
	flag(symNoNumber, len(s.numbers) == 0)

	r.useOfNumbers(operands, set, count, flag)
	r.calculation(operands, set, count, flag)
	r.answering(flag)
	r.aboutness(operands, set)
	r.order(set, count, flag)

	flag(symFirst, r.index == 0)
	set(symPosition, math.Log1p(float64(r.index))/3)
	return out
}

// useOfNumbers looks at which numbers are used, here and so far.
func (r *reading) useOfNumbers(operands []operand, set func(int, float64), count func(int, int), flag func(int, bool)) {
	var from [numSources]int
	for _, o := range operands {
		from[o.source]++
	}
	for src, n := range from {
		if n > 0 {
			set(symSources+src, float64(n)/float64(len(operands)))
		}
	}
	flag(symAnyNowhere, from[nowhere] > 0)
	flag(symAnyPrevious, from[previous] > 0)
	flag(symAnyGiven, from[given] > 0)

	count(symNewGivens, r.uses.fresh)
	count(symOldGivens, r.uses.old)
	count(symNewSpoken, r.uses.freshSpoken)
	count(symOldSpoken, r.uses.oldSpoken)
	var digits, unused, unusedSpoken int
	for i, q := range r.quantities {
		switch {
		case q.spoken != nil:
			unusedSpoken += 1 - bit(r.taken.quantities[i])
		default:
			digits++
			unused += 1 - bit(r.taken.quantities[i])
		}
	}
	if digits > 0 {
		set(symUnusedGivens, float64(unused)/float64(digits))
	}
	flag(symAllUsed, unused == 0)
	count(symUnusedSpoken, unusedSpoken)
	idle := 0
	for i, b := range r.before {
		if b.hasResult && !r.taken.results[i] {
			idle++
		}
	}
	count(symUnusedResults, idle)
	flag(symReusedResult, r.uses.reused)
	if n := len(r.before); n > 0 {
		flag(symPrevIgnored, r.before[n-1].hasResult && from[previous] == 0)
	}
	twice := false
	for i, o := range operands {
		for _, p := range operands[:i] {
			twice = twice || same(o.value, p.value)
		}
	}
	flag(symRepeatOperand, twice)
	strange := 0
	for _, n := range r.now.numbers {
		if n.source == nowhere && !(r.now.hasResult && same(n.value, r.now.result)) {
			strange++
		}
	}
	if len(r.now.numbers) > 0 {
		set(symNumbersNoWhere, float64(strange)/float64(len(r.now.numbers)))
	}
}

// calculation looks at operators and result.
func (r *reading) calculation(operands []operand, set func(int, float64), count func(int, int), flag func(int, bool)) {
	s := r.now
	kinds := make(map[string]int)
	for _, e := range s.expressions {
		for _, op := range e.operators[1:] {
			if op != "" {
				kinds[op]++
			}
		}
	}
	for i, op := range []string{"+", "-", "*", "/"} {
		count(symPlus+i, kinds[op])
	}
	flag(symMixed, len(kinds) > 1)

	for _, b := range r.before {
		flag(symRepeat, b.text == s.text)
		flag(symRepeatNumbers, len(operands) > 1 && sameNumbers(b.operands(), operands))
	}
	if !s.hasResult {
		return
	}
	v := s.result
	flag(symInteger, v == math.Trunc(v))
	flag(symNegative, v < 0)
	flag(symZero, v == 0)
	flag(symFraction, math.Abs(v*100-math.Round(v*100)) > 1e-6)
	set(symMagnitude, min(math.Log10(1+math.Abs(v))/4, 2))
	largest := 0.0
	for _, o := range operands {
		largest = max(largest, math.Abs(o.value))
	}
	if largest > 0 && v != 0 && len(s.expressions) > 0 {
		set(symGrowth, max(min(math.Log10(math.Abs(v)/largest), 2), -2)/2)
	}
	for _, q := range r.quantities {
		flag(symResultGiven, same(q.value, v))
	}
	for _, b := range r.before {
		flag(symResultOld, b.hasResult && same(b.result, v))
	}
}

func sameNumbers(a, b []operand) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !same(a[i].value, b[i].value) {
			return false
		}
	}
	return true
}

// answering looks at a step that only states the answer.
func (r *reading) answering(flag func(int, bool)) {
	if !r.now.answer {
		return
	}
	flag(symAnswer, true)
	if !r.now.hasResult {
		return
	}
	o := r.trace(r.now.result)
	flag(symAnswerLast, o.source == previous)
	flag(symAnswerOld, o.source == earlier)
	flag(symAnswerNowhere, o.source != previous && o.source != earlier)
}

// aboutness compares what the step speaks of with what its numbers, and those it could have taken, are about.
func (r *reading) aboutness(operands []operand, set func(int, float64)) {
	used := make(map[int]bool)
	usedResults := make(map[int]bool)
	for _, o := range operands {
		switch {
		case o.inQuestion():
			used[o.index] = true
		case o.source == previous || o.source == earlier:
			usedResults[o.index] = true
		}
	}
	words := r.now.words
	gap := func(n int, isUsed map[int]bool, about func(int) map[string]bool) (mean, best float64) {
		k := 0
		for i := range n {
			share := overlap(about(i), words)
			if isUsed[i] {
				mean += share
				k++
			} else {
				best = max(best, share)
			}
		}
		if k > 0 {
			mean /= float64(k)
		}
		return mean, best
	}
	mean, best := gap(len(r.quantities), used, func(i int) map[string]bool { return r.quantities[i].about })
	set(symAboutUsed, mean)
	set(symAboutUnused, best)
	if len(used) > 0 {
		set(symAboutGap, mean-best)
	}
	mean, best = gap(len(r.before), usedResults, func(i int) map[string]bool { return r.before[i].words })
	set(symResultAbout, mean)
	if len(usedResults) > 0 {
		set(symResultAboutGap, mean-best)
	}

	var givens, match, clash float64
	for i, t := range r.now.tokens {
		if !t.number || i+1 >= len(r.now.tokens) || !r.now.tokens[i+1].word() {
			continue
		}
		o := r.trace(t.value)
		if o.source != given {
			continue
		}
		givens++
		next := r.now.tokens[i+1].text
		switch {
		case next == r.quantities[o.index].unit:
			match++
		default:
			for _, q := range r.quantities {
				if q.unit == next {
					clash++
					break
				}
			}
		}
	}
	if givens > 0 {
		set(symUnitMatch, match/givens)
		set(symUnitClash, clash/givens)
	}
}

// order holds the step against the order of the question's sentences.
func (r *reading) order(set func(int, float64), count func(int, int), flag func(int, bool)) {
	relevant := r.relevant()
	most := func(sentences []int) (relevance float64) {
		for _, k := range sentences {
			relevance = max(relevance, overlap(r.story[k].content, relevant))
		}
		return relevance
	}
	var left []int
	behind := 0
	for k := range r.story {
		if r.left(k) > 0 {
			left = append(left, k)
			behind += bit(k < r.taken.last)
		}
	}
	flag(symNextTaken, slices.Contains(r.uses.sentences, r.uses.next))
	count(symSkipped, len(r.uses.skipped))
	set(symSkippedRelevance, most(r.uses.skipped))
	flag(symBackward, r.uses.backward)
	count(symSentences, len(r.uses.sentences))
	count(symLeft, len(left))
	count(symLeftBehind, behind)
	relevance := most(left)
	set(symLeftRelevance, relevance)
	if r.now.answer {
		count(symAnswerLeft, len(left))
		set(symAnswerLeftRelevance, relevance)
	}
}

// overlap is the share of a's words that occur in b.
func overlap(a, b map[string]bool) float64 {
	if len(a) == 0 {
		return 0
	}
	n := 0
	for w := range a {
		if b[w] {
			n++
		}
	}
	return float64(n) / float64(len(a))
}
