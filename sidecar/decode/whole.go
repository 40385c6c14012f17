package decode

import (
	"context"
	"slices"
	"strings"

	"aprm/prm"
	"aprm/prm/arith"
	"aprm/prm/feature"
	"aprm/prm/step"
	"aprm/prm/vote"
)

// solution is a candidate for the whole answer.
type solution struct {
	draw
	reading
	scores []prm.Score // nil when not scored
	score  float64     // aggregated
}

// reading is a Reading under a name that a draw doesn't have.
type reading = Reading

// whole draws whole solutions until it is the n-th turn's, within the budget: every one asked for is a turn, whether it
// lives or dies. With a budget they are drawn in waves, each so small that it can't pass it; the last candidate gets
// what is left. A wave of which nothing lives costs its turns and no more, until silent have died without one that
// lives. Of several kinds each turn has its own. The error is for when nothing came at all.
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
		samples, came, err := s.wave(ctx, wave, SampleRequest{MaxTokens: maxTokens, Temperature: temperature, TopP: s.Options.TopP, Seed: s.seed(0, s.turns)})
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
		fresh := make([]solution, len(samples))
		concurrently(len(samples), func(i int) { fresh[i] = solution{draw: samples[i], reading: samples[i].Read(ctx)} })
		for _, c := range fresh {
			entry := s.candidate(c.id)
			entry.Answer, entry.Answered, entry.Program = c.Answer, c.Answered, c.Program != nil
			s.tell(c.id)
		}
		out = append(out, fresh...)
	}
	s.drawn = append(s.drawn, out...)
	if len(out) == 0 {
		return nil, died // nil where the budget was too small for any
	}
	return out, nil
}

// wave draws n whole solutions, those of a kind by one request, and returns them in the order of their turns. came is
// how many turns that were, those that died included, those that were drawn in their place not. The error is for when
// nothing lives.
func (s *Search) wave(ctx context.Context, n int, req SampleRequest) (draws []draw, came int, err error) {
	var requests []request
	of := map[step.Kind]int{} // request of each kind
	turns := make([]step.Kind, n)
	for i := range n {
		turns[i] = s.kinds.At(s.turns + i)
		k, known := of[turns[i]]
		if !known {
			k = len(requests)
			req.Kind = turns[i]
			of[turns[i]], requests = k, append(requests, request{SampleRequest: req})
		}
		requests[k].N++
	}
	before := len(s.candidates)
	replies := s.sampleAll(ctx, requests)
	entered := make([]int, len(requests))
	for _, c := range s.candidates[before:] {
		entered[of[c.Kind]]++
	}
	for i := range requests {
		came += min(requests[i].N, entered[i])
		if replies[i].err != nil && err == nil {
			err = replies[i].err
		}
	}
	for _, kind := range turns {
		if r := &replies[of[kind]]; len(r.draws) > 0 {
			draws, r.draws = append(draws, r.draws[0]), r.draws[1:]
		}
	}
	if len(draws) > 0 {
		err = nil
	}
	return draws, came, err
}

// fallBack answers by a plain vote after the PRM has failed: of the solutions drawn already or, when there are none, of
// as many as were asked for. err is the search's own, which stands when there is nothing to vote on.
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

// broken remembers what came of a solution before it failed, if none got farther: as far as a final answer or, failing
// that, in bytes.
func (s *Search) broken(d draw) {
	d.Finish = FinishLength
	half := solution{draw: d, reading: d.Read(context.Background())} // time may be up, and what a program takes is bounded
	switch old := s.half; {
	case len(half.Steps) == 0:
	case old == nil, half.Answered && !old.Answered, half.Answered == old.Answered && len(half.reading.Text) > len(old.reading.Text):
		s.half = &half
	}
}

// soFar is what there is when nothing was whole, because of why. err is the search's own, which stands when there is
// nothing.
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
	var jobs []Working
	var of []int
	for i, c := range solutions {
		if len(c.Steps) > 0 {
			jobs, of = append(jobs, c.Working), append(of, i)
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

// result makes the result out of the solution of that index, which has won because of why; beaten says why another has
// not. People read prose: where a program has won, the best prose with its answer is the one shown.
func (s *Search) result(solutions []solution, chosen int, why string, beaten func(solution) string) Result {
	alike := func(c solution) bool {
		return c.Answered && solutions[chosen].Answered && arith.Equal(c.Answer, solutions[chosen].Answer) == arith.True
	}
	if solutions[chosen].Program != nil {
		told := -1
		for i, c := range solutions {
			if c.Program == nil && alike(c) && (told < 0 || c.score > solutions[told].score) {
				told = i
			}
		}
		if told >= 0 {
			chosen = told
		}
	}
	for i, c := range solutions {
		switch {
		case i == chosen:
		case c.Why != "":
			s.drop(c.id, "no value: "+c.Why)
		default:
			s.drop(c.id, beaten(c))
		}
	}
	c := solutions[chosen]
	s.choose(c.id, why)
	r := Result{Text: c.reading.Text, Answer: c.Answer, Answered: c.Answered, Finish: c.Finish, Steps: scoredSteps(c.Steps, c.scores), Tokens: c.draw.Tokens}
	s.told = c.Program != nil
	switch {
	case s.told:
		r.Tokens, r.Finish = nil, FinishEnd // they are the program's, not those of what it is told as
	case c.Text == "":
		r.Text = c.draw.Text // a program without a value: there is nothing else
	}
	if s.Options.ShowProgram {
		s.showProgram(&r, solutions, append([]int{chosen}, indices(solutions, alike)...))
	}
	return r
}

// showProgram puts the first program among those of solutions before the answer's text, as a block of code.
func (s *Search) showProgram(r *Result, solutions []solution, among []int) {
	for _, i := range among {
		if c := solutions[i]; c.Source != "" {
			s.code = "```python\n" + strings.TrimSpace(c.Source) + "\n```\n\n"
			r.Text, r.Tokens = s.code+r.Text, nil
			return
		}
	}
}

// indices are those of the solutions for which is holds.
func indices(solutions []solution, is func(solution) bool) (out []int) {
	for i, c := range solutions {
		if is(c) {
			out = append(out, i)
		}
	}
	return out
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
		case !c.Answered && solutions[chosen].Answered:
			return "no answer"
		case c.scores == nil:
			return "not scored"
		}
		return "a lower score"
	}), nil
}

func better(a, b solution) bool {
	if a.Answered != b.Answered {
		return a.Answered
	}
	return a.score > b.score
}

// elect takes the final answer of the group of equal answers that weighs most: by Options.Vote and what the PRM, or the
// LLM's own log-probabilities, say of each candidate, or by heads. A candidate without an answer has no vote; when none
// has one, the first candidate is the answer. The text returned is the group's best scored candidate or, unscored, its
// first.
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
			return s.elected(solutions, s.Options.rule(s.kinds)), nil
		}
	case byConfidence:
		if s.weighConfidence(solutions) {
			return s.elected(solutions, Confidence), nil
		}
	}
	return s.elected(solutions, vote.Plain), nil
}

// weighConfidence scores solutions by their own log-probabilities. It is false where one with an answer has none: then
// nobody is weighed.
func (s *Search) weighConfidence(solutions []solution) bool {
	scores := make([]float64, len(solutions))
	for i, c := range solutions {
		nats, ok := feature.Confidence(c.Working.Tokens)
		if c.Program != nil { // all that it holds, not only what is told
			nats, ok = feature.Confidence([][]step.Token{c.draw.Tokens})
		}
		if !ok && c.Answered {
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
	return s.result(solutions, chosen, why, func(c solution) string { return outvoted(c.Answer, c.Answered, solutions[chosen].Answer) })
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
