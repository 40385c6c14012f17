package oracle

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"unicode"

	"aprm/prm/arith"
	"aprm/prm/step"
)

// Equivalence is layer 2: it compares a step with the correct one at the same place.
//
// A step is correct when it arrives at the same value from the same numbers and no word of consequence changed. It is wrong
// when it says the same in other numbers: mostly the same words, but another value, one that is neither on the reference
// step's way, nor beyond it, nor the result of another step of the reference solution, nor the same quantity in another unit
// or rounded. Merged, reordered, redundant and differently aimed steps are none of its business.
type Equivalence struct{}

// Name implements Layer.
func (Equivalence) Name() string { return "equivalence" }

// alike is the share of common words from which on two steps are taken to speak of the same thing.
const alike = 0.5

// Rule implements Layer.
func (Equivalence) Rule(_ context.Context, c Case) (Ruling, error) {
	unknown := func(format string, args ...any) (Ruling, error) {
		return Ruling{Reason: fmt.Sprintf(format, args...)}, nil
	}
	if c.Reference == "" {
		return unknown("there is no reference step")
	}
	ref, got := read(c.Reference), read(c.Step)
	if slices.Equal(ref.words, got.words) && sameValues(ref.numbers, got.numbers) {
		return Ruling{Verdict: Correct, Reason: "the reference step in other marks"}, nil
	}
	if ref.result == nil || got.result == nil {
		return unknown("a step arrives at no value")
	}
	if got.false {
		return unknown("a false equation is layer 1's to rule on")
	}
	if !slices.Equal(turning(ref.words), turning(got.words)) && overlap(ref.words, got.words) > 0 && ref.result.Cmp(got.result) == 0 {
		return unknown("words that change the meaning differ")
	}
	if ref.result.Cmp(got.result) == 0 {
		switch {
		case sameValues(ref.numbers, got.numbers):
			return Ruling{Verdict: Correct, Reason: "the same value from the same numbers"}, nil
		case within(got.numbers, ref.numbers) && overlap(ref.words, got.words) >= alike:
			return Ruling{Verdict: Correct, Reason: "the same value of the same thing"}, nil
		}
		return unknown("the same value, reached in another way")
	}
	switch {
	case !ref.computes || !got.computes:
		return unknown("a step computes nothing")
	case overlap(ref.words, got.words) < alike:
		return unknown("the steps may be about different things")
	case has(got.values, ref.result):
		return unknown("it passes the reference's value and goes on")
	case has(ref.values, got.result):
		return unknown("it stops at a value on the reference's way")
	case elsewhere(c.Prefix.Problem.Worked, got.result):
		return unknown("its value is that of another step of the reference solution")
	case converted(ref.result, got.result):
		return unknown("the values may be one quantity in two units, or rounded")
	}
	return Ruling{Verdict: Wrong, Reason: fmt.Sprintf("the same words arrive at %s instead of %s", got.result.RatString(), ref.result.RatString())}, nil
}

// reading is what a step says, as far as it can be compared.
type reading struct {
	words    []string // without numbers and signs, sorted, each once
	numbers  []*big.Rat
	values   []*big.Rat // right sides of its equations
	result   *big.Rat
	computes bool
	false    bool
}

func read(text string) reading {
	text = step.Normalize(text)
	var r reading
	for _, w := range strings.FieldsFunc(strings.ToLower(text), func(c rune) bool { return !unicode.IsLetter(c) && c != '\'' }) {
		if len(w) > 1 {
			r.words = append(r.words, w)
		}
	}
	slices.Sort(r.words)
	r.words = slices.Compact(r.words)
	for _, n := range arith.Numbers(text) {
		r.numbers = append(r.numbers, n.Value)
	}
	for _, check := range arith.CheckStep(text) {
		if check.Verdict == arith.False {
			r.false = true
		}
		if check.Right != nil {
			r.values = append(r.values, check.Right)
			r.computes = r.computes || check.Operators > 0 || check.Left == nil
		}
	}
	if result, ok := arith.Result(text); ok {
		r.result = result
	}
	return r
}

// turning returns the words that change what a step means by themselves.
func turning(words []string) []string {
	var out []string
	for _, w := range words {
		switch w {
		case "not", "no", "never", "less", "fewer", "more", "before", "after", "without", "except", "per", "only", "remaining", "younger", "older", "least", "most":
			out = append(out, w)
		}
	}
	return out
}

// overlap is the share of the words of the shorter step that the other one has too, in [0,1]; 1 when neither has words.
func overlap(a, b []string) float64 {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(a) == 0 {
		if len(b) <= 2 {
			return 1
		}
		return 0
	}
	common := 0
	for _, w := range a {
		if _, ok := slices.BinarySearch(b, w); ok {
			common++
		}
	}
	return float64(common) / float64(len(a))
}

func has(values []*big.Rat, x *big.Rat) bool {
	return slices.ContainsFunc(values, func(v *big.Rat) bool { return v.Cmp(x) == 0 })
}

// within reports whether every one of xs is among ys.
func within(xs, ys []*big.Rat) bool {
	return !slices.ContainsFunc(xs, func(x *big.Rat) bool { return !has(ys, x) })
}

// sameValues reports whether two lists hold the same numbers, whatever their order and however often.
func sameValues(xs, ys []*big.Rat) bool { return within(xs, ys) && within(ys, xs) }

// elsewhere reports whether x is the result of a step of the reference solution.
func elsewhere(worked []string, x *big.Rat) bool {
	return slices.ContainsFunc(worked, func(s string) bool {
		for _, check := range arith.CheckStep(s) {
			if check.Right != nil && check.Right.Cmp(x) == 0 {
				return true
			}
		}
		return false
	})
}

// factors are those by which units in word problems convert. Small ones, such as 7 days or 3 feet, are left out: they are
// the mistakes that a corrupted step makes.
var factors = []int64{10, 12, 16, 24, 36, 52, 60, 100, 144, 365, 1000, 1440, 1760, 3600, 5280}

// converted reports whether two values are one quantity in two usual units, or one of them rounded or negated.
func converted(a, b *big.Rat) bool {
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
	for _, f := range factors {
		if ratio.Cmp(big.NewRat(f, 1)) == 0 {
			return true
		}
	}
	return ratio.Cmp(big.NewRat(101, 100)) < 0 && !(a.IsInt() && b.IsInt())
}
