package eval

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"aprm/prm/metric"
	"aprm/prm/step"
	"aprm/prm/vote"
	"aprm/sidecar/decode"
)

// Votes are the recorded candidates of a problem, and which of them end right.
type Votes struct {
	Ballots []decode.Ballot
	Right   []bool
}

// Digest tells sets of problems apart by their questions, in order.
func Digest(problems []step.Problem) string {
	h := sha256.New()
	for _, p := range problems {
		fmt.Fprintf(h, "%d:%s", len(p.Question), p.Question)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// fewest is how many problems a step-wise strategy must have been measured on to be escalated to: on fewer, an interval
// by bootstrap promises too much.
const fewest = 30

// folds is how many parts a hold-out is cut into: what a vote gains is measured on each by the rule that the others
// gave.
const folds = 5

// ballots are the votes as a rule is fitted to them.
func (v Votes) ballots() []vote.Ballot {
	out := decode.Numbered(v.Ballots)
	for i := range out {
		out[i].Right = v.Right[i]
	}
	return out
}

// NewGate measures what auto may trust, from recorded candidates of a hold-out, with no fresh tokens; rows are
// strategies that can't be replayed, as Answers measured them on the same problems at equal tokens. gate holds what is
// to be written beside that: Checkpoint, Model, Aggregate, N and where the problems are from. seed and draws are of the
// bootstrap; draws 0 means 10,000.
//
// How much the PRM's word counts, and when a vote is settled, is vote.Fit's: nothing where that could be chance. What
// votes gain by it is measured crosswise, in five parts. The step-wise strategy with the greatest gain is escalated to
// where its interval lies above 0, and it gains more than the weighted vote.
func NewGate(gate decode.Gate, votes []Votes, rows []Row, seed uint64, draws int) decode.Gate {
	if draws <= 0 {
		draws = 10_000
	}
	gate.Format, gate.Problems = decode.GateFormat, len(votes)
	gate.Measured, gate.Vote, gate.Escalate, gate.Auto = nil, vote.Plain, "", decode.Stops{}
	if len(votes) == 0 {
		return gate
	}
	all := make([][]vote.Ballot, len(votes))
	for i, v := range votes {
		all[i] = v.ballots()
	}
	gate.Vote = vote.Fit(all)
	var rules [folds]decode.Gate // of the problems outside of each fold
	for f := range folds {
		var others [][]vote.Ballot
		for i, b := range all {
			if i%folds != f {
				others = append(others, b)
			}
		}
		rules[f].Vote = vote.Fit(others)
	}
	right := func(v Votes, chosen int) float64 {
		if chosen >= 0 && v.Ballots[chosen].Answered && v.Right[chosen] {
			return 1
		}
		return 0
	}
	// by replays every problem by a rule.
	by := func(rule func(i int) vote.Rule, early bool) (correct []float64, answers []string, tokens float64) {
		for i, v := range votes {
			chosen, drawn := decode.Replay(v.Ballots, rule(i), early)
			correct = append(correct, right(v, chosen))
			answer := ""
			if chosen >= 0 {
				answer = v.Ballots[chosen].Answer
			}
			answers = append(answers, answer)
			for _, b := range v.Ballots[:drawn] {
				tokens += float64(b.Tokens)
			}
		}
		return correct, answers, tokens
	}
	majority, _, everything := by(func(int) vote.Rule { return vote.Plain }, false)
	gain := func(correct []float64) metric.Interval {
		return metric.Bootstrap(seed, len(votes), draws, func(idx []int) float64 {
			return meanOver(idx, func(i int) float64 { return correct[i] - majority[i] })
		})
	}
	measured := func(strategy string, i metric.Interval, replayed bool) {
		gate.Measured = append(gate.Measured, decode.Measured{Strategy: strategy, Problems: len(votes), N: gate.N, Gain: i.Mean, Low: i.Low, High: i.High, Replayed: replayed})
	}

	best := make([]float64, len(votes))
	for i, v := range votes {
		at := -1
		for j, b := range v.Ballots {
			if b.Answered && (at < 0 || b.Score > v.Ballots[at].Score) {
				at = j
			}
		}
		best[i] = right(v, at)
	}
	measured(decode.BestOfN, gain(best), true)
	weighted, _, _ := by(func(i int) vote.Rule { return rules[i%folds].Vote }, false)
	measured(decode.WeightedVote, gain(weighted), true)
	for _, r := range rows {
		if strategy, ok := r.stepwise(); ok && len(r.Outcomes) == len(votes) {
			measured(strategy, r.VsMajority, false)
		}
	}

	auto := func(i int) vote.Rule { return rules[i%folds].Rule(step.OnlyProse) }
	correct, answers, tokens := by(auto, true)
	_, final, _ := by(auto, false)
	stopped, changed := gain(correct), 0.0
	for k := range answers {
		if !same(answers[k], final[k]) {
			changed++
		}
	}
	gate.Auto = decode.Stops{Gain: stopped.Mean, Low: stopped.Low, High: stopped.High, Tokens: tokens / max(everything, 1), Changed: changed / float64(len(votes))}
	gate.Escalate = escalation(gate)
	return gate
}

// escalation is the step-wise strategy that a gate's open questions go to, "" for none.
func escalation(g decode.Gate) string {
	if !g.Vote.Trusted() {
		return ""
	}
	to, most := "", 0.0
	for _, m := range g.Measured {
		if m.Strategy == decode.WeightedVote {
			most = m.Gain
		}
	}
	for _, m := range g.Measured {
		if decode.Stepwise(m.Strategy) && m.Problems >= fewest && m.Low > 0 && m.Gain > most {
			to, most = m.Strategy, m.Gain
		}
	}
	return to
}

// MergeGates joins a new measurement with the gate that was there, nil for none. kept is what stays of that one
// although it was measured again on fewer problems, or wasn't measured again at all.
//
// A measurement of fewer problems never replaces one of more: not the vote's, with all that follows from it (whether
// the PRM is trusted, how votes are weighed and when auto stops), and not a step-wise strategy's, each of which stands
// for itself. On as many problems, the newer one stands. What was measured of programs stands for itself too. Step-wise
// strategies are joined whatever their N, and only where scores were aggregated alike. Of another PRM or LLM nothing
// stays.
func MergeGates(old *decode.Gate, fresh decode.Gate) (merged decode.Gate, kept []decode.Measured) {
	if !old.Of(fresh.Checkpoint, fresh.Model) {
		return fresh, nil
	}
	merged = fresh
	if fresh.Problems < old.Problems {
		merged = *old
	}
	merged.Measured = nil
	merged.Drawing = fresh.Drawing
	if old.Drawing != nil && (fresh.Drawing == nil || fresh.Drawing.Problems < old.Drawing.Problems) {
		merged.Drawing = old.Drawing
	}
	row := func(g decode.Gate, strategy string) (decode.Measured, bool) {
		for _, m := range g.Measured {
			if m.Strategy == strategy {
				if m.N == 0 {
					m.N = g.N
				}
				return m, g.Aggregate == merged.Aggregate
			}
		}
		return decode.Measured{}, false
	}
	for _, d := range decode.Strategies() {
		before, was := row(*old, d.Name)
		now, is := row(fresh, d.Name)
		stays := was && (!is || before.Problems > now.Problems)
		if !decode.Stepwise(d.Name) { // of the vote's own candidates
			stays = was && fresh.Problems < old.Problems
			is = is && !stays
		}
		switch {
		case stays:
			merged.Measured, kept = append(merged.Measured, before), append(kept, before)
		case is:
			merged.Measured = append(merged.Measured, now)
		}
	}
	merged.Escalate = escalation(merged)
	return merged, kept
}

// Gate is NewGate of a report on a hold-out; nil where the PRM's vote wasn't measured.
func (r Report) Gate(gate decode.Gate, draws int) *decode.Gate {
	if !slices.ContainsFunc(r.Rows, func(row Row) bool { return row.Method == fmt.Sprintf("weighted-vote-%d", r.N) }) {
		return nil
	}
	gate.N = r.N
	g := NewGate(gate, r.votes, r.Rows, uint64(r.Seed), draws) // #nosec G115 -- a seed, of which all bits count
	return &g
}

// stepwise names the strategy of a row that was measured step by step.
func (r Row) stepwise() (string, bool) {
	for _, m := range methods([]int{r.N}, r.N) {
		if m.name == r.Method && decode.Stepwise(m.strategy) {
			return m.strategy, true
		}
	}
	return "", false
}
