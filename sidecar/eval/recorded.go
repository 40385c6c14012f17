package eval

import (
	"context"
	"fmt"
	"slices"

	"aprm/prm/step"
	"aprm/sidecar/decode"
)

// Recorded is a pool of answers that were drawn before: samples[i] are those of problems[i], in the order in which they
// were drawn. Only what chooses among whole answers can be measured on it (see Config.Rotate and Votes). All are read,
// and programs run, once; beside prose they are measured alone and together with it (see Config.Programs).
func Recorded(ctx context.Context, problems []step.Problem, samples [][]decode.Sample) (*Pool, error) {
	p := &Pool{}
	for i, problem := range problems {
		if len(samples[i]) == 0 {
			return nil, fmt.Errorf("%s: there are no answers", problem.ID)
		}
		c := &contest{problem: problem}
		for _, s := range samples[i] {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			read := s.Read(ctx)
			if s.Reading = &read; s.Kind == step.Program {
				c.coded = append(c.coded, s)
			} else {
				c.pool = append(c.pool, s)
			}
		}
		if len(c.pool) == 0 {
			c.pool, c.coded = c.coded, nil
		}
		p.contests = append(p.contests, c)
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

// turns is how many orders there are of what was recorded.
func (c *contest) turns() int { return max(len(c.pool), len(c.coded)) }

// from are the samples from the k-th on, then those before.
func from(samples []decode.Sample, k int) []decode.Sample {
	if len(samples) == 0 {
		return nil
	}
	k %= len(samples)
	return slices.Concat(samples[k:], samples[:k])
}

// rotated is the contest of some kinds of answers with these in another order: those from the k-th on, then those
// before, of each kind.
func (c *contest) rotated(k int, kinds step.Kinds) *contest {
	out := *c
	turn := func(n int) int { return (k + n) % len(c.pool) }
	out.pool, out.coded = from(c.pool, k), from(c.coded, k)
	out.prose = out.pool
	switch kinds {
	case step.OnlyPrograms:
		out.pool, out.votes, out.options.Kinds = out.coded, Votes{}, kinds
		return &out
	case step.Mixed:
		out.pool, out.votes, out.options.Kinds = nil, Votes{}, kinds
		for i := range min(len(out.prose), len(out.coded)) {
			out.pool = append(out.pool, out.coded[i], out.prose[i]) // as step.Mixed has them
		}
		return &out
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
