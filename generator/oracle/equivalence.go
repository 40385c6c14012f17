package oracle

import (
	"context"
	"fmt"
	"math/big"
	"slices"

	"aprm/prm/arith"
)

// Equivalence is layer 2: it compares a step with the correct one at the same place.
//
// A step is correct when it says what the reference says: it arrives at the same value, from numbers that the reference has
// too, through equations that hold, and adds or exchanges no word of consequence. It is wrong when it replaces the reference:
// the same words, and some of the same operands, but another value, which neither a unit nor rounding explains and which is
// not a value on the way to the reference's or beyond it. A final answer is held against the reference's, or the problem's.
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
		return Ruling{Verdict: Correct, Reason: "the reference step in other marks"}, nil
	}
	if ref.result == nil || got.result == nil {
		return unknown("a step arrives at no value"), nil
	}
	words := compare(ref, got, c.Prefix.Problem.Question)
	if ref.result.Cmp(got.result) == 0 {
		if why := disagree(ref, got, words); why != "" {
			return unknown("the same value, but " + why), nil
		}
		return Ruling{Verdict: Correct, Reason: "the same value from the same numbers"}, nil
	}
	if why := elsewise(ref, got, words, c.Prefix.Problem.Worked); why != "" {
		return unknown("another value, but " + why), nil
	}
	return Ruling{Verdict: Wrong, Reason: fmt.Sprintf("the same words arrive at %s instead of %s", got.result.RatString(), ref.result.RatString())}, nil
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
		return Ruling{Verdict: Correct, Reason: "the right answer"}
	case arith.False:
		if got.result != nil {
			return Ruling{Verdict: Wrong, Reason: fmt.Sprintf("the answer is %s", right)}
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
	case !got.checked(ref):
		return "an equation can't be checked"
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
func elsewise(ref, got reading, words difference, worked []string) string {
	same := slices.Equal(ref.order, got.order)
	switch {
	case words.bare || len(ref.words) < 2 && !(same && apart(ref.operands(), got.operands()) <= 1):
		return "there are too few words to tell what it is about"
	case !same && (words.common < 0.8 || !words.turning || words.exchanged || words.foreign || !inOrder(ref.order, got.order) || totals(ref.order) != totals(got.order)):
		return "it may be about something else"
	case ref.computes != got.computes:
		return "only one of the steps computes"
	case ref.computes && !share(ref.operands(), got.operands()):
		return "it has no operand of the reference"
	case ref.computes && apart(ref.given(got), got.given(ref)) > 0:
		return "it tells of other numbers"
	case !ref.computes && apart(ref.numbers, got.numbers) != 1:
		return "several numbers differ"
	case has(got.operands(), ref.result) && apart(ref.operands(), got.operands()) > 0 && !has(ref.operands(), got.result):
		return "it goes on from the reference's value"
	case has(got.values, ref.result):
		return "it passes the reference's value and goes on"
	case has(ref.values, got.result):
		return "it stops at a value on the reference's way"
	case !same && has(ref.operands(), got.result):
		return "it arrives at a value that the reference starts from"
	case !same && elsewhere(worked, got.result):
		return "it is the value of another step of the reference solution"
	case converted(ref, got, same):
		return "it may be the same quantity in another unit, or rounded"
	}
	return ""
}

// elsewhere reports whether x is the result of a step of the reference solution.
func elsewhere(worked []string, x *big.Rat) bool {
	for _, s := range worked {
		if has(read(s).values, x) {
			return true
		}
	}
	return false
}
