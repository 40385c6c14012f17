package decode

import (
	"context"

	"aprm/prm/arith"
	"aprm/prm/step"
)

// solution is a candidate for the whole answer.
type solution struct {
	Sample
	steps    []string
	answer   string
	answered bool
	scores   []Score // nil when not scored
	score    float64 // aggregated
}

// whole draws up to n whole solutions within the budget. With a budget they are drawn in waves, each so small that it can't
// pass it; the last candidate gets what is left.
func (s *Search) whole(ctx context.Context, n int, temperature float64) ([]solution, error) {
	var out []solution
	for len(out)+len(s.dead) < n {
		wave, maxTokens := n-len(out)-len(s.dead), s.Options.MaxTokens
		if left := s.left(); left/wave < maxTokens {
			wave = max(1, left/maxTokens)
			maxTokens = min(maxTokens, left)
		}
		if maxTokens == 0 {
			s.stopped = StoppedBudget
			break
		}
		samples, err := s.sample(ctx, SampleRequest{N: wave, MaxTokens: maxTokens, Temperature: temperature, TopP: s.Options.TopP,
			Seed: s.seed(0, len(out)+len(s.dead))}, 0)
		if err != nil {
			if len(out) > 0 && (s.late(ctx, err) || ctx.Err() == nil) {
				break
			}
			return nil, err
		}
		for _, sample := range samples {
			steps := step.Split(sample.Text)
			found, ok := answer(sample.Text, steps, sample.Finish)
			out = append(out, solution{Sample: sample, steps: steps, answer: found, answered: ok})
		}
	}
	return out, nil
}

// scoreAll scores every solution. One that can't be scored keeps no score; the error is returned when none could be.
func (s *Search) scoreAll(ctx context.Context, solutions []solution) error {
	var first error
	scored := 0
	for i := range solutions {
		c := &solutions[i]
		if len(c.steps) == 0 {
			continue
		}
		scores, err := s.score(ctx, c.steps, step.SplitTokens(c.Text, c.steps, c.Tokens))
		if err != nil {
			if first == nil {
				first = err
			}
			if ctx.Err() != nil {
				break
			}
			continue
		}
		c.scores, c.score = scores, aggregate(s.Options.Aggregate, scores)
		scored++
	}
	if scored == 0 && !s.late(ctx, first) {
		return first
	}
	return nil
}

// choose makes the result out of the solution of that index.
func (s *Search) choose(solutions []solution, chosen int) Result {
	c := solutions[chosen]
	r := Result{Text: c.Text, Answer: c.answer, Answered: c.answered, Finish: c.Finish, Steps: scoredSteps(c.steps, c.scores), Tokens: c.Tokens}
	for i, c := range solutions {
		r.Candidates = append(r.Candidates, Candidate{Text: c.Text, Answer: c.answer, Answered: c.answered, Score: c.score,
			Scored: c.scores != nil, Tokens: c.CompletionTokens, Chosen: i == chosen})
	}
	return r
}

// greedy is one answer at temperature 0.
type greedy struct{}

func (greedy) Search(ctx context.Context, s *Search) (Result, error) {
	solutions, err := s.whole(ctx, 1, 0)
	if err != nil {
		return Result{}, err
	}
	if len(solutions) == 0 {
		return Result{}, ErrNoCandidate
	}
	return s.choose(solutions, 0), nil
}

// best takes the candidate that the PRM scores best among those with an answer; among all when none has one.
type best struct{}

func (best) Search(ctx context.Context, s *Search) (Result, error) {
	solutions, err := s.whole(ctx, s.Options.N, s.Options.Temperature)
	if err != nil {
		return Result{}, err
	}
	if len(solutions) == 0 {
		return Result{}, ErrNoCandidate
	}
	if err := s.scoreAll(ctx, solutions); err != nil {
		return Result{}, err
	}
	chosen := 0
	for i, c := range solutions {
		if better(c, solutions[chosen]) {
			chosen = i
		}
	}
	return s.choose(solutions, chosen), nil
}

func better(a, b solution) bool {
	if a.answered != b.answered {
		return a.answered
	}
	return a.score > b.score
}

// vote takes the final answer with the most votes, each weighing one or, weighted, the candidate's score. A candidate without
// an answer has no vote; when none has one, the first candidate is the answer. The answers 1/2 and 0.5 are one; answers that
// can't be compared are two. Ties go to the answer that came first, so that a plain vote owes nothing to the PRM.
// The text returned is the answer's best scored candidate or, unscored, its first.
type vote struct{ weighted bool }

func (v vote) Search(ctx context.Context, s *Search) (Result, error) {
	solutions, err := s.whole(ctx, s.Options.N, s.Options.Temperature)
	if err != nil {
		return Result{}, err
	}
	if len(solutions) == 0 {
		return Result{}, ErrNoCandidate
	}
	if v.weighted {
		if err := s.scoreAll(ctx, solutions); err != nil {
			return Result{}, err
		}
	}
	type party struct {
		votes  float64
		leader int
	}
	var parties []party
	for i, c := range solutions {
		if !c.answered {
			continue
		}
		weight := 1.0
		if v.weighted {
			weight = c.score
		}
		joined := false
		for j := range parties {
			p := &parties[j]
			if arith.Equal(solutions[p.leader].answer, c.answer) != arith.True {
				continue
			}
			p.votes += weight
			if c.score > solutions[p.leader].score {
				p.leader = i
			}
			joined = true
			break
		}
		if !joined {
			parties = append(parties, party{votes: weight, leader: i})
		}
	}
	if len(parties) == 0 {
		return s.choose(solutions, 0), nil
	}
	winner := parties[0]
	for _, p := range parties[1:] {
		if p.votes > winner.votes {
			winner = p
		}
	}
	return s.choose(solutions, winner.leader), nil
}
