package eval

import (
	"fmt"

	"aprm/prm/step"
	"aprm/sidecar/decode"
)

// Recorded is a pool of answers that were drawn before: samples[i] are those of problems[i], in the order in which they were drawn. Only what chooses
// among whole answers can be measured on it (see Config.Rotate and Votes).
func Recorded(problems []step.Problem, samples [][]decode.Sample) (*Pool, error) {
	p := &Pool{}
	for i, problem := range problems {
		if len(samples[i]) == 0 {
			return nil, fmt.Errorf("%s: there are no answers", problem.ID)
		}
		p.contests = append(p.contests, &contest{problem: problem, pool: samples[i]})
	}
	return p, nil
}

// WholeStrategies names what chooses among whole answers, auto among them.
func WholeStrategies() []string {
	var out []string
	for _, name := range Strategies() {
		if name != decode.Greedy && !decode.Stepwise(name) {
			out = append(out, name)
		}
	}
	return out
}

// rotated is the contest with its answers in another order: those from the k-th on, then those before.
func (c *contest) rotated(k int) *contest {
	out := *c
	turn := func(n int) int { return (k + n) % len(c.pool) }
	out.pool = make([]decode.Sample, len(c.pool))
	for i := range out.pool {
		out.pool[i] = c.pool[turn(i)]
	}
	if len(c.votes.Ballots) == len(c.pool) {
		out.votes = Votes{make([]decode.Ballot, len(c.pool)), make([]bool, len(c.pool))}
		for i := range out.pool {
			out.votes.Ballots[i], out.votes.Right[i] = c.votes.Ballots[turn(i)], c.votes.Right[turn(i)]
		}
	}
	return &out
}

// meanOutcome is an outcome over several orders of the same answers: figures are means, the rest is the first one's.
func meanOutcome(all []Outcome) Outcome {
	out := all[0]
	n := float64(len(all))
	tokens, calls := 0.0, 0.0
	out.Correct, out.Seconds = 0, 0
	for _, o := range all {
		out.Correct += o.Correct / n
		out.Seconds += o.Seconds / n
		tokens += float64(o.Tokens) / n
		calls += float64(o.ScoringCalls) / n
	}
	out.Tokens, out.ScoringCalls = int(tokens+0.5), int(calls+0.5)
	return out
}
