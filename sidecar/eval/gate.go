package eval

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"

	"aprm/prm/metric"
	"aprm/prm/step"
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

// stops are the settings of auto by the PRM's vote, from the most careful to the thriftiest.
var stops = []struct {
	lead     float64
	hopeless int
}{{2, 0}, {1, 0}, {0.8, 0}, {0.4, 0}, {0.2, 0}, {0.2, 5}}

// fewest is how many problems a hold-out needs: on fewer, an interval by bootstrap promises too much.
const fewest = 30

// exponents are those of the scores that a vote may weigh.
var exponents = []float64{0.5, 1, 2, 4}

// NewGate measures what auto may trust, from recorded candidates of a hold-out, with no fresh tokens; rows are strategies that can't be
// replayed, as Answers measured them on the same problems at equal tokens. gate holds what is to be written beside that: Checkpoint, Model,
// Aggregate, N and where the problems are from. seed and draws are of the bootstrap; draws 0 means 10,000.
//
// The PRM is trusted where the 95 % interval of its weighted vote's gain over a plain vote of the same candidates lies above 0, on at least 30 problems: so a PRM
// that knows nothing is trusted in one of forty hold-outs, and then hardly sways a vote. Only then is the exponent chosen that does best.
// Stops are tried from the most careful on, and the last is taken before the first with which the interval of auto's gain over the plain
// vote of N reaches 0 (fixed-sequence testing: no correction is due for the several tries, arXiv 2110.01052). The step-wise strategy with
// the greatest gain is escalated to where its interval lies above 0, and it gains more than the weighted vote.
func NewGate(gate decode.Gate, votes []Votes, rows []Row, seed uint64, draws int) decode.Gate {
	if draws <= 0 {
		draws = 10_000
	}
	gate.Format, gate.Problems = decode.GateFormat, len(votes)
	gate.Measured, gate.Trust, gate.Exponent, gate.Lead, gate.Hopeless, gate.Escalate, gate.Auto = nil, false, 0, 0, 0, "", decode.Stops{}
	if len(votes) == 0 {
		return gate
	}
	right := func(v Votes, chosen int) float64 {
		if chosen >= 0 && v.Ballots[chosen].Answered && v.Right[chosen] {
			return 1
		}
		return 0
	}
	by := func(g *decode.Gate, early bool) (correct []float64, answers []string, tokens float64) {
		for _, v := range votes {
			chosen, drawn := decode.Replay(v.Ballots, g, early)
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
	majority, _, everything := by(nil, false)
	gain := func(correct []float64) metric.Interval {
		return metric.Bootstrap(seed, len(votes), draws, func(idx []int) float64 {
			return meanOver(idx, func(i int) float64 { return correct[i] - majority[i] })
		})
	}
	measured := func(strategy string, i metric.Interval, replayed bool) {
		gate.Measured = append(gate.Measured, decode.Measured{Strategy: strategy, Problems: len(votes), N: gate.N, Gain: i.Mean, Low: i.Low, High: i.High, Replayed: replayed})
	}
	weigh := func(exponent, lead float64, hopeless int) *decode.Gate {
		return &decode.Gate{Trust: true, Exponent: exponent, Lead: lead, Hopeless: hopeless}
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
	weighted, _, _ := by(weigh(1, math.Inf(1), 0), false)
	vote := gain(weighted)
	measured(decode.WeightedVote, vote, true)

	for _, r := range rows {
		if strategy, ok := r.stepwise(); ok && len(r.Outcomes) == len(votes) {
			measured(strategy, r.VsMajority, false)
		}
	}

	stopped := func(g *decode.Gate) decode.Stops {
		correct, answers, tokens := by(g, true)
		_, final, _ := by(g, false)
		i := gain(correct)
		changed := 0.0
		for k := range answers {
			if !same(answers[k], final[k]) {
				changed++
			}
		}
		return decode.Stops{Gain: i.Mean, Low: i.Low, High: i.High, Tokens: tokens / max(everything, 1), Changed: changed / float64(len(votes))}
	}
	if gate.Trust = vote.Low > 0 && len(votes) >= fewest; !gate.Trust {
		gate.Auto = stopped(nil)
		return gate
	}
	most := math.Inf(-1)
	for _, e := range exponents {
		correct, _, _ := by(weigh(e, math.Inf(1), 0), false)
		if m := meanOver(all(len(votes)), func(i int) float64 { return correct[i] }); m > most {
			most, gate.Exponent = m, e
		}
	}
	for k, s := range stops {
		a := stopped(weigh(gate.Exponent, s.lead, s.hopeless))
		if k > 0 && a.Low <= 0 {
			break
		}
		gate.Lead, gate.Hopeless, gate.Auto = s.lead, s.hopeless, a
	}
	gate.Escalate = escalation(gate)
	return gate
}

// escalation is the step-wise strategy that a gate's open questions go to, "" for none.
func escalation(g decode.Gate) string {
	if !g.Trust {
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

// MergeGates joins a new measurement with the gate that was there, nil for none. kept is what stays of that one although it was
// measured again on fewer problems, or wasn't measured again at all.
//
// A measurement of fewer problems never replaces one of more: not the vote's, with all that follows from it (whether the PRM is trusted,
// how votes are weighed and when auto stops), and not a step-wise strategy's, each of which stands for itself. On as many problems, the newer one stands. Step-wise strategies are
// joined whatever their N, and only where scores were aggregated alike. Of another PRM or LLM nothing stays.
func MergeGates(old *decode.Gate, fresh decode.Gate) (merged decode.Gate, kept []decode.Measured) {
	if !old.Of(fresh.Checkpoint, fresh.Model) {
		return fresh, nil
	}
	merged = fresh
	if fresh.Problems < old.Problems {
		merged = *old
	}
	merged.Measured = nil
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
	g := NewGate(gate, r.votes, r.Rows, uint64(r.Seed), draws)
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
