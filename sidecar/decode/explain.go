package decode

import (
	"context"
	"slices"
	"strings"

	"aprm/prm/arith"
	"aprm/prm/step"
)

// AsksToExplain is what the LLM is asked behind a solution that is told in lines.
const AsksToExplain = "This solution is right. Explain it in plain words to somebody who has only read the problem, in short steps, one per line, each with its arithmetic. Change no number. The last line is #### and the final number."

// explain has a program's answer told by the LLM in its own words, where Options.Explain has tokens for it. What it
// says is taken only if it comes to the same answer and holds no false equation; else, or where it fails, the result
// stays as it is.
func (s *Search) explain(ctx context.Context, r *Result) {
	most := min(s.Options.Explain, s.left())
	if !s.told || !r.Answered || most <= 0 || ctx.Err() != nil || s.settled != "" {
		return
	}
	told := strings.TrimPrefix(r.Text, s.code)
	req := SampleRequest{N: 1, MaxTokens: most, Seed: s.seed(0, s.turns), Kind: step.Prose, Explain: told}
	for _, d := range s.sampleAll(ctx, []request{{SampleRequest: req}})[0].draws {
		read := d.Read(ctx)
		entry := s.candidate(d.id)
		entry.Answer, entry.Answered = read.Answer, read.Answered
		switch {
		case !read.Answered:
			s.drop(d.id, "an explanation without the answer")
		case arith.Equal(read.Answer, r.Answer) != arith.True:
			s.drop(d.id, "an explanation that comes to another answer")
		case slices.ContainsFunc(read.Steps, falseEquation):
			s.drop(d.id, "an explanation with a false equation")
		default:
			s.choose(d.id, "explains the answer")
			r.Text, r.Steps, r.Tokens, r.Finish = s.code+read.Text, scoredSteps(read.Steps, nil), nil, d.Finish
			if s.code == "" {
				r.Tokens = d.Tokens
			}
			if s.scorer == nil {
				return
			}
			if v := s.score(ctx, []Working{read.Working})[0]; v.err == nil { // else it stands unscored
				r.Steps = scoredSteps(read.Steps, v.Steps)
			}
			return
		}
	}
}

func falseEquation(text string) bool {
	return slices.ContainsFunc(arith.CheckStep(step.Normalize(text)), func(c arith.Check) bool { return c.Verdict == arith.False })
}
