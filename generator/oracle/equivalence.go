package oracle

import (
	"context"
	"fmt"
	"math/big"
	"slices"

	"aprm/prm/arith"
	"aprm/prm/step"
)

// Equivalence is layer 2: it compares a step with the correct one at the same place.
//
// A step is correct when it says what the reference says: it arrives at the same value, from numbers that the reference
// has too, through equations that hold, and adds or exchanges no word of consequence. It is wrong when it replaces the
// reference: the same words, and some of the same operands, but another value, which neither a unit nor rounding
// explains and which is not a value on the way to the reference's or beyond it. A final answer is held against the
// reference's, or the problem's.
//
// Everything else is unknown: a merged, reordered, redundant or differently aimed step may well be correct.
type Equivalence struct{}

// Name implements Layer.
func (Equivalence) Name() string { return "equivalence" }

// Rule implements Layer.
func (Equivalence) Rule(_ context.Context, c Case) (Ruling, error) {
	got := read(c.Step)
	if got.answer {
		return ruleAnswer(c, got), nil
	}
	if c.Reference == "" {
		return unknown("there is no reference step"), nil
	}
	ref := read(c.Reference)
	if got.text == ref.text || sameReading(ref, got) {
		return Ruling{Verdict: step.Right, Reason: "the reference step in other marks"}, nil
	}
	if ref.result == nil || got.result == nil {
		return unknown("a step arrives at no value"), nil
	}
	words := compare(ref, got, c.Prefix.Problem.Question)
	if ref.result.Cmp(got.result) == 0 {
		if why := disagree(ref, got, words); why != "" {
			return unknown("the same value, but " + why), nil
		}
		return Ruling{Verdict: step.Right, Reason: "the same value from the same numbers"}, nil
	}
	if why := elsewise(ref, got, words, c.Prefix); why != "" {
		return unknown("another value, but " + why), nil
	}
	return Ruling{Verdict: step.Wrong, Reason: fmt.Sprintf("the same words arrive at %s instead of %s", got.result.RatString(), ref.result.RatString())}, nil
}

func unknown(reason string) Ruling { return Ruling{Reason: reason} }

// ruleAnswer rules on a step that only states the final answer.
func ruleAnswer(c Case, got reading) Ruling {
	right := c.Prefix.Problem.Answer
	if ref := read(c.Reference); ref.answer {
		right, _ = arith.Extract(c.Reference)
	}
	said, ok := arith.Extract(c.Step)
	if right == "" || !ok {
		return unknown("no answer to hold this one against")
	}
	switch arith.Equal(right, said) {
	case arith.True:
		return Ruling{Verdict: step.Right, Reason: "the right answer"}
	case arith.False:
		if got.result != nil {
			return Ruling{Verdict: step.Wrong, Reason: fmt.Sprintf("the answer is %s", right)}
		}
	}
	return unknown("answers that can't be compared")
}

// disagree returns why a step with the reference's value may not say the same, "" when it does.
func disagree(ref, got reading, words difference) string {
	switch {
	case got.holds(arith.False):
		return "an equation is false"
	case !covers(ref.numbers, got.numbers):
		return "it brings in a number"
	case !got.checked(ref) || got.loose(ref) && got.formula != ref.formula:
		return "what it computes can't be checked"
	case recounts(ref, got):
		return fmt.Sprintf("it counts %q instead of %q", got.counts, ref.counts)
	case words.bare:
		return "" // only the reference's equation is left
	case !words.turning:
		return "words that change the meaning differ"
	case len(words.added) > 0 && len(words.dropped) > 0 && words.exchanged:
		return fmt.Sprintf("%q may mean something else", words.added[0])
	case words.foreign:
		return fmt.Sprintf("%q is new", words.added[0])
	case !got.computes && ref.computes && words.common < 0.5:
		return "it only names the value"
	}
	return ""
}

// elsewise returns why a step with another value than the reference's may be correct all the same, "" when it can't be.
func elsewise(ref, got reading, words difference, before step.Trace) string {
	same := slices.Equal(ref.order, got.order)
	switch {
	case words.bare || len(ref.words) < 2 && !(same && apart(ref.operands(), got.operands()) <= 1):
		return "there are too few words to tell what it is about"
	case !same && (words.common < 0.8 || !words.turning || words.exchanged || words.foreign || !inOrder(ref.order, got.order) || totals(ref.order) != totals(got.order)):
		return "it may be about something else"
	case ref.variable() || got.variable():
		return "there is a variable"
	case ref.computes != got.computes:
		return "only one of the steps computes"
	case ref.computes && !share(ref.operands(), got.operands()):
		return "it has no operand of the reference"
	case ref.computes && apart(ref.given(got), got.given(ref)) > 0 && !unheard(ref, got, heard(before)):
		return "it tells of other numbers"
	case !ref.computes && apart(ref.numbers, got.numbers) != 1:
		return "several numbers differ"
	case follows(ref, got, before):
		return "it may go on from the reference's value"
	case repeats(ref, got, before):
		return "it may repeat a step that the reference goes on from"
	case has(got.values, ref.result):
		return "it passes the reference's value and goes on"
	case has(ref.values, got.result):
		return "it stops at a value on the reference's way"
	case !same && elsewhere(before.Problem.Worked, got.result):
		return "it is the value of another step of the reference solution"
	case converted(ref, got, same):
		return "it may be the same quantity in another unit, or rounded"
	}
	return ""
}

// follows reports whether a step uses the value of the reference, where the question doesn't give that number too.
func follows(ref, got reading, before step.Trace) bool {
	if !has(got.operands(), ref.result) || apart(ref.operands(), got.operands()) == 0 || has(ref.operands(), got.result) {
		return false
	}
	return has(ref.operands(), ref.result) || !has(read(before.Problem.Question).numbers, ref.result)
}

// repeats reports whether a step arrives at a value of an earlier step that the reference uses.
func repeats(ref, got reading, before step.Trace) bool {
	return has(ref.operands(), got.result) && !has(got.operands(), ref.result) && apart(ref.operands(), got.operands()) > 0 && elsewhere(before.Steps, got.result)
}

// heard are the numbers that a step may tell of: those of the question, and of the steps before.
func heard(before step.Trace) []*big.Rat {
	numbers := read(before.Problem.Question).numbers
	for _, s := range before.Steps {
		numbers = append(numbers, read(s).numbers...)
	}
	return numbers
}

// elsewhere reports whether x is a value of one of the steps.
func elsewhere(steps []string, x *big.Rat) bool {
	for _, s := range steps {
		if has(read(s).values, x) {
			return true
		}
	}
	return false
}
