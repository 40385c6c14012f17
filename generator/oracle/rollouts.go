package oracle

import (
	"context"
	"fmt"

	"aprm/prm/arith"
	"aprm/prm/step"
)

// Roller continues solutions.
type Roller interface {
	// Roll continues the solution that begins with prefix n times, each draw of its own, and returns the final answers,
	// "" where a continuation comes to none. Equal arguments give equal answers.
	Roll(ctx context.Context, prefix step.Trace, n int) ([]string, error)
}

// Rollouts is layer 3: it continues the solution with the step in question and with the reference step, and rules where
// the two clearly differ, or clearly don't. It needs the problem's final answer; it is as good as the LLM that
// continues, so where that one is lost even after the reference step, nothing is said. An error that the LLM silently
// puts right is taken for correct, a right step that it can't go on from for wrong: the audit says how often
// (Math-Shepherd, arXiv 2312.08935, labels by such rollouts alone).
type Rollouts struct {
	Roller Roller
	N      int // rollouts from each prefix, at least 4
}

// Name implements Layer.
func (Rollouts) Name() string { return "rollouts" }

// Rule implements Layer.
func (r Rollouts) Rule(ctx context.Context, c Case) (Ruling, error) {
	if c.Reference == "" || c.Prefix.Problem.Answer == "" {
		return unknown("there is no reference step, or no final answer, to hold rollouts against"), nil
	}
	before, err := r.Right(ctx, c.Prefix.With(c.Reference))
	if err != nil {
		return Ruling{}, err
	}
	if !r.Able(before) {
		return unknown(fmt.Sprintf("only %d of %d rollouts from the reference step end right", before, r.N)), nil
	}
	after, err := r.Right(ctx, c.Prefix.With(c.Step))
	if err != nil {
		return Ruling{}, err
	}
	reason := fmt.Sprintf("%d of %d rollouts end right, %d from the reference step", after, r.N, before)
	switch {
	case after == 0:
		return Ruling{Verdict: step.Wrong, Reason: reason}, nil
	case r.Able(after) && 4*(before-after) <= r.N:
		return Ruling{Verdict: step.Right, Reason: reason}, nil
	default:
		return unknown(reason), nil
	}
}

// Able reports whether so many right rollouts show that the LLM can go on from there: at least half.
func (r Rollouts) Able(right int) bool { return 2*right >= r.N }

// Right counts the rollouts from prefix that end in the problem's answer.
func (r Rollouts) Right(ctx context.Context, prefix step.Trace) (int, error) {
	answers, err := r.Roller.Roll(ctx, prefix, r.N)
	if err != nil {
		return 0, fmt.Errorf("rollouts: %w", err)
	}
	right := 0
	for _, a := range answers {
		if a != "" && arith.Equal(prefix.Problem.Answer, a) == arith.True {
			right++
		}
	}
	return right, nil
}
