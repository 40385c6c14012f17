package decode

import (
	"context"
	"slices"

	"aprm/prm"
	"aprm/prm/arith"
	"aprm/prm/feature"
	"aprm/prm/step"
	"aprm/prm/vote"
)

// solution is a candidate for the whole answer.
type solution struct {
	draw
	steps    []string
	answer   string
	answered bool
	scores   []prm.Score // nil when not scored
	score    float64     // aggregated
}

// whole draws whole solutions until it is the n-th turn's, within the budget: every one asked for is a turn, whether it lives or dies. With
// a budget they are drawn in waves, each so small that it can't pass it; the last candidate gets what is left. A wave of which
// nothing lives costs its turns and no more, until silent have died without one that lives. The error is for when nothing came at all.
func (s *Search) whole(ctx context.Context, n int, temperature float64) ([]solution, error) {
	var out []solution
	var died error
	for s.turns < n {
		wave, maxTokens := n-s.turns, s.Options.MaxTokens
		if left := s.left(); left/wave < maxTokens {
			wave = max(1, left/maxTokens)
			maxTokens = min(maxTokens, left)
		}
		if maxTokens == 0 {
			s.stopped = StoppedBudget
			break
		}
		before := len(s.candidates)
		samples, err := s.sample(ctx, SampleRequest{N: wave, MaxTokens: maxTokens, Temperature: temperature, TopP: s.Options.TopP,
			Seed: s.seed(0, s.turns)})
		came := min(wave, len(s.candidates)-before) // not those that died and were drawn again
		s.turns += came
		if err != nil && came > 0 && ctx.Err() == nil && (len(out) > 0 || s.turns < silent) {
			died = err
			continue
		}
		if err != nil {
			if s.suffices(ctx, err, len(out) > 0) {
				break
			}
			return nil, err
		}
		for _, sample := range samples {
			steps := step.Split(sample.Text)
			found, ok := answer(sample.Text, steps, sample.Finish)
			c := s.candidate(sample.id)
			c.Answer, c.Answered = found, ok
			s.tell(sample.id)
			out = append(out, solution{draw: sample, steps: steps, answer: found, answered: ok})
		}
	}
	s.drawn = append(s.drawn, out...)
	if len(out) == 0 {
		return nil, died // nil where the budget was too small for any
	}
	return out, nil
}

// fallBack answers by a plain vote after the PRM has failed: of the solutions drawn already or, when there are none, of as many
// as were asked for. err is the search's own, which stands when there is nothing to vote on.
func (s *Search) fallBack(ctx context.Context, err error) (Result, error) {
	if len(s.drawn) == 0 {
		if _, failed := s.whole(ctx, s.turns+s.Options.N, s.Options.Temperature); failed != nil && ctx.Err() != nil {
			return Result{}, failed
		}
	}
	if len(s.drawn) == 0 {
		return Result{}, err
	}
	s.stopped = StoppedPRM
	result := s.elected(s.drawn, vote.Plain)
	result.Instead = Majority
	return result, nil
}

// broken remembers what came of a solution before it failed, if none got farther: as far as a final answer or, failing that, in bytes.
func (s *Search) broken(d draw) {
	d.Finish = FinishLength
	half := solution{draw: d, steps: step.Split(d.Text)}
	half.answer, half.answered = answer(d.Text, half.steps, d.Finish)
	switch old := s.half; {
	case len(half.steps) == 0:
	case old == nil, half.answered && !old.answered, half.answered == old.answered && len(half.Text) > len(old.Text):
		s.half = &half
	}
}

// soFar is what there is when nothing was whole, because of why. err is the search's own, which stands when there is nothing.
func (s *Search) soFar(why string, err error) (Result, error) {
	if s.half == nil {
		return Result{}, err
	}
	s.candidate(s.half.id).Dropped = ""
	return s.result([]solution{*s.half}, 0, why, nil), nil
}

// scored reports whether the PRM has scored any of them.
func scored(solutions []solution) bool {
	return slices.ContainsFunc(solutions, func(c solution) bool { return c.scores != nil })
}

// scoreAll scores every solution. One that can't be scored keeps no score; the error is returned when none could be,
// unless it is the deadline's doing.
func (s *Search) scoreAll(ctx context.Context, solutions []solution) error {
	var jobs []job
	var of []int
	for i, c := range solutions {
		if len(c.steps) > 0 {
			jobs, of = append(jobs, job{c.steps, step.SplitTokens(c.Text, c.steps, c.Tokens)}), append(of, i)
		}
	}
	var first error
	came := 0
	for i, v := range s.score(ctx, jobs) {
		if v.err != nil {
			if first == nil {
				first = v.err
			}
			continue
		}
		c := &solutions[of[i]]
		c.scores, c.score = v.Steps, v.Rate(s.Options.Aggregate)
		entry := s.candidate(c.id)
		entry.Score, entry.Scored = c.score, true
		s.tell(c.id)
		came++
	}
	if came == 0 && !s.late(ctx, first) {
		return first
	}
	return nil
}

// result makes the result out of the solution of that index, which has won because of why; beaten says why another has not.
func (s *Search) result(solutions []solution, chosen int, why string, beaten func(solution) string) Result {
	for i, c := range solutions {
		if i != chosen {
			s.drop(c.id, beaten(c))
		}
	}
	c := solutions[chosen]
	s.choose(c.id, why)
	return Result{Text: c.Text, Answer: c.answer, Answered: c.answered, Finish: c.Finish, Steps: scoredSteps(c.steps, c.scores), Tokens: c.Tokens}
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
	return s.result(solutions, 0, "the only one", nil), nil
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
	if !scored(solutions) {
		return s.elected(solutions, vote.Plain), nil
	}
	chosen := 0
	for i, c := range solutions {
		if better(c, solutions[chosen]) {
			chosen = i
		}
	}
	return s.result(solutions, chosen, "the best score", func(c solution) string {
		switch {
		case !c.answered && solutions[chosen].answered:
			return "no answer"
		case c.scores == nil:
			return "not scored"
		}
		return "a lower score"
	}), nil
}

func better(a, b solution) bool {
	if a.answered != b.answered {
		return a.answered
	}
	return a.score > b.score
}

// elect takes the final answer of the group of equal answers that weighs most: by Options.Vote and what the PRM, or the LLM's own
// log-probabilities, say of each candidate, or by heads. A candidate without an answer has no vote; when none has one, the first candidate is the answer.
// The text returned is the group's best scored candidate or, unscored, its first.
type elect struct {
	by string // one of the following
}

const (
	byHeads      = ""
	byPRM        = "prm"
	byConfidence = "confidence"
)

func (e elect) Search(ctx context.Context, s *Search) (Result, error) {
	s.confident = e.by == byConfidence
	solutions, err := s.whole(ctx, s.Options.N, s.Options.Temperature)
	if err != nil {
		return Result{}, err
	}
	if len(solutions) == 0 {
		return Result{}, ErrNoCandidate
	}
	switch e.by {
	case byPRM:
		if err := s.scoreAll(ctx, solutions); err != nil {
			return Result{}, err
		}
		if scored(solutions) {
			return s.elected(solutions, s.Options.Vote), nil
		}
	case byConfidence:
		if s.weighConfidence(solutions) {
			return s.elected(solutions, Confidence), nil
		}
	}
	return s.elected(solutions, vote.Plain), nil
}

// weighConfidence scores solutions by their own log-probabilities. It is false where one with an answer has none: then nobody is weighed.
func (s *Search) weighConfidence(solutions []solution) bool {
	scores := make([]float64, len(solutions))
	for i, c := range solutions {
		nats, ok := feature.Confidence(step.SplitTokens(c.Text, c.steps, c.Tokens))
		if !ok && c.answered {
			return false
		}
		scores[i] = vote.Logistic(nats)
	}
	for i := range solutions {
		c := &solutions[i]
		c.score = scores[i]
		entry := s.candidate(c.id)
		entry.Score, entry.Scored = c.score, true
		s.tell(c.id)
	}
	return true
}

// elected is the result of a vote.
func (s *Search) elected(solutions []solution, rule vote.Rule) Result {
	chosen, why := rule.Of(numbered(ballotsOf(solutions))).Winner, "its answer has the most votes"
	if chosen < 0 {
		chosen, why = 0, "the first, as none has an answer"
	}
	return s.result(solutions, chosen, why, func(c solution) string { return outvoted(c.answer, c.answered, solutions[chosen].answer) })
}

// outvoted says why a voter isn't the answer, though its answer may be.
func outvoted(answer string, answered bool, winner string) string {
	switch {
	case !answered:
		return "no answer"
	case arith.Equal(winner, answer) == arith.True:
		return "gives the same answer as the one chosen"
	}
	return "outvoted"
}
