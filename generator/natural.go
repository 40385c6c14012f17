package generator

import (
	"fmt"

	"aprm/adapters"
	"aprm/prm/arith"
	"aprm/prm/step"
)

// solution is a natural sample, split and labelled.
type solution struct {
	steps []Labelled
	right bool // ends right, and holds no false equation: its steps may be attacked
}

// label splits a completion into steps and says what is sure of each. Value is the outcome: right or wrong by the final
// answer; unknown where the problem has no reference or the sample was cut off before its answer. Step is right throughout a
// solution that ends right without a false equation, and wrong for the first false equation of any; what comes after that
// one, and all else, is unknown; by Outcomes every step is.
func label(by NaturalLabels, p step.Problem, c adapters.Completion, round, index int, heldOut bool) solution {
	raw := step.Split(c.Text)
	tokens := step.SplitTokens(c.Text, raw, c.Tokens)
	answer, answered := arith.Extract(c.Text)
	value, why := Unknown, "no reference answer"
	switch {
	case c.Finish == adapters.FinishLength:
		why = "cut off before its answer"
	case p.Answer == "":
	case !answered:
		value, why = Wrong, "ends without an answer"
	default:
		switch arith.Equal(p.Answer, answer) {
		case arith.True:
			value, why = Right, "ends with "+answer
		case arith.False:
			value, why = Wrong, fmt.Sprintf("ends with %s, not %s", answer, p.Answer)
		default:
			why = fmt.Sprintf("answer %s not comparable", answer)
		}
	}

	sample := fmt.Sprintf("%s/%d/%d", p.ID, round, index)
	var s solution
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
			Tokens: tokens[i], HeldOut: heldOut, Reason: why,
		}
		if wrong < 0 {
			if eq, bad := falseEquation(text); bad {
				wrong = len(s.steps)
				l.Step, l.Reason = Wrong, "false equation: "+eq
			}
		}
		s.steps = append(s.steps, l)
		prefix = append(prefix, text)
	}
	s.right = value == Right && wrong < 0 && len(s.steps) > 0
	if by == Outcomes {
		for i := range s.steps {
			s.steps[i].Step = Unknown
		}
	} else if s.right {
		for i := range s.steps {
			s.steps[i].Step = Right
		}
	}
	return s
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
