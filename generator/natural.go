package generator

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"aprm/adapters"
	"aprm/prm/arith"
	"aprm/prm/step"
)

// solution is a natural sample, split and labelled.
type solution struct {
	steps []Labelled
	right bool // ends right, and holds no false equation: its steps may be attacked

	untold bool // whether it ends right can't be told: it was cut off, no answer could be extracted, or that can't be compared with the problem's
}

// label splits a completion into steps and says what is sure of each. Value is the outcome: right or wrong by the final
// answer; unknown where the problem has no reference or the sample was cut off before its answer. Step is right
// throughout a solution that ends right without a false equation, and wrong for the first false equation of any; what
// comes after that one, and all else, is unknown; by Outcomes every step is.
func label(by NaturalLabels, p step.Problem, c adapters.Completion, round, index int, heldOut bool) solution {
	raw := step.Split(c.Text)
	tokens := step.SplitTokens(c.Text, raw, c.Tokens)
	answer, answered := arith.Extract(c.Text)
	value, why := step.Unknown, "no reference answer"
	switch {
	case c.Finish == adapters.FinishLength:
		why = "cut off before its answer"
	case p.Answer == "":
	case !answered:
		value, why = step.Wrong, "ends without an answer"
	default:
		switch arith.Equal(p.Answer, answer) {
		case arith.True:
			value, why = step.Right, "ends with "+answer
		case arith.False:
			value, why = step.Wrong, fmt.Sprintf("ends with %s, not %s", answer, p.Answer)
		default:
			why = fmt.Sprintf("answer %s not comparable", answer)
		}
	}

	sample := fmt.Sprintf("%s/%d/%d", p.ID, round, index)
	s := solution{untold: value == step.Unknown || !answered}
	var prefix []string
	wrong := -1
	for i, r := range raw {
		text := step.Normalize(r)
		if text == "" {
			continue
		}
		l := Labelled{
			Prefix: step.Trace{Problem: bareProblem(p), Steps: prefix[:len(prefix):len(prefix)]},
			Text:   text, Value: value, Source: Natural, Kind: KindOf(text), Round: round, Sample: sample,
			Tokens: tokens[i], HeldOut: heldOut, Answer: answer, Reason: why,
		}
		if wrong < 0 {
			if eq, bad := falseEquation(text); bad {
				wrong = len(s.steps)
				l.Step, l.Reason = step.Wrong, "false equation: "+eq
			}
		}
		s.steps = append(s.steps, l)
		prefix = append(prefix, text)
	}
	s.right = value == step.Right && wrong < 0 && len(s.steps) > 0
	if by == Outcomes {
		for i := range s.steps {
			s.steps[i].Step = step.Unknown
		}
	} else if s.right {
		for i := range s.steps {
			s.steps[i].Step = step.Right
		}
	}
	return s
}

// hardest keeps Config.Samples of the solutions drawn for each problem: the first in round 0 and on problems kept for
// measuring, and else those that R errs most on, as a vote would be misled by them: wrong ones that it trusts and right
// ones that it doesn't, in turn. Its trust in a solution is its lowest P(correct).
func (g *Game) hardest(ctx context.Context, round int, problems []roundProblem, solutions [][]solution) error {
	var steps []Labelled
	for _, list := range solutions {
		for _, s := range list {
			steps = append(steps, s.steps...)
		}
	}
	if g.cfg.Drawn <= g.cfg.Samples || len(steps) == 0 {
		return nil
	}
	p, err := g.score(ctx, steps)
	if err != nil {
		return err
	}
	for i, list := range solutions {
		var missed, trusted []solution // right ones, wrong ones
		trust := map[string]float64{}
		known := map[string]bool{}
		for _, s := range list {
			if len(s.steps) == 0 {
				continue
			}
			of := p[:len(s.steps)]
			p = p[len(s.steps):]
			last := s.steps[len(s.steps)-1].Trace()
			if known[last.Text()] {
				continue // said before
			}
			known[last.Text()] = true
			trust[s.steps[0].Sample] = slices.Min(of)
			switch s.steps[0].Value {
			case step.Right:
				missed = append(missed, s)
			case step.Wrong:
				trusted = append(trusted, s)
			}
		}
		if round == 0 || problems[i].heldOut {
			solutions[i] = list[:min(len(list), g.cfg.Samples)]
			continue
		}
		by := func(sign float64) func(a, b solution) int {
			return func(a, b solution) int {
				return cmp.Compare(sign*trust[a.steps[0].Sample], sign*trust[b.steps[0].Sample])
			}
		}
		slices.SortStableFunc(missed, by(1))
		slices.SortStableFunc(trusted, by(-1))
		solutions[i] = nil
		for k := 0; len(solutions[i]) < g.cfg.Samples && k < max(len(missed), len(trusted)); k++ {
			for _, of := range [][]solution{trusted, missed} {
				if k < len(of) && len(solutions[i]) < g.cfg.Samples {
					solutions[i] = append(solutions[i], of[k])
				}
			}
		}
	}
	return nil
}

// falseEquation returns the first equation of a step that does not hold.
func falseEquation(text string) (string, bool) {
	for _, c := range arith.CheckStep(text) {
		if c.Verdict == arith.False {
			return c.Text, true
		}
	}
	return "", false
}

// bareProblem leaves out the reference, which no example needs and no reward model may see.
func bareProblem(p step.Problem) step.Problem { return step.Problem{ID: p.ID, Question: p.Question} }
