package eval

import (
	"slices"

	"aprm/prm"
	"aprm/prm/metric"
	"aprm/prm/step"
	"aprm/prm/vote"
	"aprm/sidecar/decode"
)

// Of are the votes of these kinds, in their order; mixed ones are of each kind in turn, as many of the one as of the
// other.
func (v Votes) Of(kinds step.Kinds) (out Votes) {
	at := map[step.Kind][]int{}
	for i, b := range v.Ballots {
		kind := step.Prose
		if b.Kind == step.Program {
			kind = step.Program
		}
		at[kind] = append(at[kind], i)
	}
	take := at[kinds.At(0)]
	if kinds == step.Mixed {
		take = nil
		for i := range min(len(at[step.Prose]), len(at[step.Program])) {
			take = append(take, at[kinds.At(0)][i], at[kinds.At(1)][i])
		}
	}
	for _, i := range take {
		out.Ballots, out.Right = append(out.Ballots, v.Ballots[i]), append(out.Right, v.Right[i])
	}
	return out
}

// first are the first n votes.
func (v Votes) first(n int) Votes { return Votes{v.Ballots[:n], v.Right[:n]} }

// from are the votes from the k-th on, then those before.
func (v Votes) from(k int) (out Votes) {
	for i := range v.Ballots {
		at := (i + k) % len(v.Ballots)
		out.Ballots, out.Right = append(out.Ballots, v.Ballots[at]), append(out.Right, v.Right[at])
	}
	return out
}

// NewDrawing measures crosswise what votes over programs, and over programs and prose in turn, are worth against votes
// over as many prose answers, and says which auto is to draw: what is likeliest right by weighed votes of as many
// answers as three quarters of the problems have, whatever the interval: it is wider than what mixing is worth, and an
// LLM may know published training problems in prose. Ballots of programs say so; it is nil where fewer problems than a
// step-wise search is trusted by have so many, and at least two of each kind. draws 0 means 10,000.
func NewDrawing(votes []Votes, seed uint64, draws int) *prm.Drawing {
	if draws <= 0 {
		draws = 10_000
	}
	count := func(v Votes, kinds step.Kinds) int { return len(v.Of(kinds).Ballots) }
	most := func(kinds step.Kinds) int { // that three quarters of the problems with both have
		var counts []int
		for _, v := range votes {
			if count(v, step.OnlyProse) > 1 && count(v, step.OnlyPrograms) > 1 {
				counts = append(counts, count(v, kinds))
			}
		}
		if slices.Sort(counts); len(counts) == 0 {
			return 2
		}
		return counts[len(counts)/4]
	}
	prose, programs := most(step.OnlyProse), most(step.OnlyPrograms)
	var both []Votes
	for _, v := range votes {
		if count(v, step.OnlyProse) >= prose && count(v, step.OnlyPrograms) >= programs {
			both = append(both, v)
		}
	}
	if len(both) < fewest {
		return nil
	}
	d := &prm.Drawing{Use: step.OnlyProse, Problems: len(both)}
	fit := func(kinds step.Kinds, of func(i int) bool) vote.Rule {
		var all [][]vote.Ballot
		for i, v := range both {
			if of(i) {
				all = append(all, v.Of(kinds).ballots())
			}
		}
		return vote.Fit(all)
	}
	everyone := func(int) bool { return true }
	d.Programs, d.Mixed = fit(step.OnlyPrograms, everyone), fit(step.Mixed, everyone)
	crosswise := map[step.Kinds][]vote.Rule{}
	for _, kinds := range []step.Kinds{step.OnlyProse, step.OnlyPrograms, step.Mixed} {
		for f := range folds {
			crosswise[kinds] = append(crosswise[kinds], fit(kinds, func(i int) bool { return i%folds != f }))
		}
	}
	// by is the accuracy on each problem of votes over n answers, over all orders of these, and their tokens.
	by := func(kinds step.Kinds, n int, rule func(i int) vote.Rule, early bool) (correct []float64, tokens float64) {
		correct = make([]float64, len(both))
		for i, v := range both {
			p, c := v.Of(step.OnlyProse), v.Of(step.OnlyPrograms)
			turns := max(len(p.Ballots), len(c.Ballots))
			for k := range turns {
				p, c := p.from(k), c.from(k)
				window := Votes{append(p.Ballots, c.Ballots...), append(p.Right, c.Right...)}.Of(kinds).first(n)
				chosen, drawn := decode.Replay(window.Ballots, rule(i), early)
				if chosen >= 0 && window.Ballots[chosen].Answered && window.Right[chosen] {
					correct[i] += 1 / float64(turns)
				}
				for _, b := range window.Ballots[:drawn] {
					tokens += float64(b.Tokens) / float64(turns*len(both))
				}
			}
		}
		return correct, tokens
	}
	mean := func(x []float64) float64 { return meanOver(all(len(x)), func(i int) float64 { return x[i] }) }
	own := func(kinds step.Kinds) func(i int) vote.Rule {
		return func(i int) vote.Rule { return crosswise[kinds][i%folds] }
	}
	// measure compares weighed votes with some over as many answers, nil for themselves.
	measure := func(kinds step.Kinds, n int, against []float64) (weighted []float64, gain float64) {
		plain, tokens := by(kinds, n, func(int) vote.Rule { return vote.Plain }, false)
		weighted, _ = by(kinds, n, own(kinds), false)
		auto, autoTokens := by(kinds, n, own(kinds), true)
		if against == nil {
			against = weighted
		}
		interval := metric.Bootstrap(seed, len(both), draws, func(idx []int) float64 {
			return meanOver(idx, func(i int) float64 { return weighted[i] - against[i] })
		})
		d.Votes = append(d.Votes, prm.DrawnVote{Kinds: kinds, N: n, Plain: mean(plain), Weighted: mean(weighted), Tokens: tokens, Gain: interval.Mean, Low: interval.Low, High: interval.High,
			Auto: mean(auto), AutoTokens: autoTokens})
		return weighted, interval.Mean
	}
	best := 0.0
	prosaic := map[int][]float64{} // by the number of answers
	for _, of := range []struct {
		kinds step.Kinds
		n     int
	}{{step.OnlyPrograms, min(prose, programs)}, {step.Mixed, min(prose, 2*min(prose, programs)) / 2 * 2}} {
		if prosaic[of.n] == nil {
			prosaic[of.n], _ = measure(step.OnlyProse, of.n, nil)
		}
		if _, gain := measure(of.kinds, of.n, prosaic[of.n]); gain > best {
			d.Use, best = of.kinds, gain
		}
	}
	return d
}
