package eval

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"aprm/prm"
	"aprm/prm/arith"
	"aprm/prm/metric"
	"aprm/prm/step"
	"aprm/sidecar/decode"
)

// Beginning says how well the PRM tells apart beginnings of so many steps, answers that are no longer among them, of
// the first N of the pool in prose: what searches step by step go by.
type Beginning struct {
	Steps int             `json:"steps"`
	Pairs int             `json:"pairs"` // of a beginning of a right and one of a wrong answer to the same problem
	AUC   metric.Interval `json:"auc_within_problem"`
}

// begun are the ratings of beginnings of as many steps, of one problem.
type begun struct {
	ratings []float64
	right   []bool
}

// beginnings rates the beginnings of 1 to most steps.
func (c *contest) beginnings(ctx context.Context, most int) ([]begun, error) {
	out := make([]begun, most)
	if c.scorer == nil {
		return out, nil
	}
	for _, sample := range c.pool[:min(c.options.N, len(c.pool))] {
		if sample.Kind == step.Program {
			continue
		}
		read := sample.Read(ctx)
		verdict := c.verdict(read.Answer, read.Answered)
		if verdict == arith.Unknown {
			continue
		}
		for n := 1; n <= min(most, len(read.Steps)); n++ {
			w := decode.Working{Steps: read.Steps[:n]}
			if read.Tokens != nil {
				w.Tokens = read.Tokens[:n]
			}
			j, err := c.scorer.Score(ctx, w)
			if err != nil {
				return nil, err
			}
			of := &out[n-1]
			of.ratings, of.right = append(of.ratings, j.Begin(cmp.Or(c.options.Aggregate, prm.Min))), append(of.right, verdict == arith.True)
		}
	}
	return out, nil
}

// beginningsOf sums up what was rated problem by problem; nothing where there is no pair.
func beginningsOf(rated [][]begun, seed uint64, draws int) (out []Beginning) {
	if len(rated) == 0 {
		return nil
	}
	for n := range rated[0] {
		won, pairs, total := make([]float64, len(rated)), make([]float64, len(rated)), 0.0
		for i, of := range rated {
			won[i], pairs[i] = metric.PairsWon(of[n].ratings, of[n].right)
			total += pairs[i]
		}
		if total > 0 {
			out = append(out, Beginning{Steps: n + 1, Pairs: int(total), AUC: wonOf(won, pairs, seed, draws)})
		}
	}
	return out
}

// begunIn says it to people; "" of none.
func begunIn(of []Beginning) string {
	if len(of) == 0 {
		return ""
	}
	var each []string
	for _, b := range of {
		each = append(each, fmt.Sprintf("%d: %.3f [%.3f, %.3f] (%d pairs)", b.Steps, b.AUC.Mean, b.AUC.Low, b.AUC.High, b.Pairs))
	}
	return "\nAUC of beginnings within a problem, by their steps: " + strings.Join(each, ", ") + ".\n"
}
