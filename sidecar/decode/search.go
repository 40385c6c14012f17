package decode

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"aprm/prm/arith"
	"aprm/prm/step"
)

// Search is one run of a strategy: what it may use, and the bill.
type Search struct {
	Options Options

	sampler Sampler
	scorer  Scorer
	began   time.Time

	promptTokens, completionTokens, scoringCalls int
	stopped                                      Stopped
	candidates                                   []Candidate // all there were; the one with ID i stands at i-1
	settled                                      string      // what Options.Watch knows of the answer
}

func newSearch(sampler Sampler, scorer Scorer, opts Options) *Search {
	return &Search{Options: opts, sampler: sampler, scorer: scorer, began: time.Now()}
}

// bill completes a result with what the search took.
func (s *Search) bill(r Result) Result {
	r.Candidates = s.candidates
	r.PromptTokens, r.CompletionTokens, r.ScoringCalls = s.promptTokens, s.completionTokens, s.scoringCalls
	r.Elapsed = time.Since(s.began)
	if r.Stopped == "" {
		r.Stopped = s.stopped
	}
	if !s.Options.LogProbs {
		r.Tokens = nil
	}
	return r
}

// left is how many tokens may still be generated.
func (s *Search) left() int {
	if s.Options.TokenBudget == 0 {
		return math.MaxInt
	}
	return max(0, s.Options.TokenBudget-s.completionTokens)
}

// seed derives the seed of a draw from the search's: draw n of step at. Equal searches make equal requests.
func (s *Search) seed(at, n int) *int64 {
	seed := (s.Options.Seed + int64(at)*1_000_003 + int64(n)*10_007) & math.MaxInt32 // some endpoints take 31 bits
	return &seed
}

// draw is a sample that came back alive, and the candidate that was entered for it.
type draw struct {
	Sample
	id int
}

// sample draws, charges, enters a candidate for each sample, and drops those that failed. at is the step they are for, parent
// the candidate they continue. The error is that of the first failure when nothing is left.
func (s *Search) sample(ctx context.Context, req SampleRequest, at, parent int) ([]draw, error) {
	req.LogProbs = s.Options.LogProbs || s.scorer != nil
	req.TopLogProbs, req.TopWanted = s.Options.TopLogProbs, s.Options.TopWanted
	if s.scorer != nil {
		req.TopLogProbs = max(req.TopLogProbs, scoredTop)
	}
	began := time.Since(s.began)
	samples, err := s.sampler.Sample(ctx, req)
	ended := time.Since(s.began)
	var alive []draw
	var first error
	for _, sample := range samples {
		s.promptTokens += sample.PromptTokens
		s.completionTokens += sample.CompletionTokens
		id := s.enter(Candidate{Text: sample.Text, At: at, Parent: parent, Tokens: sample.CompletionTokens, Began: began, Ended: ended})
		if sample.Err != nil {
			if first == nil {
				first = sample.Err
			}
			s.drop(id, "failed: "+sample.Err.Error())
			continue
		}
		alive = append(alive, draw{sample, id})
	}
	switch {
	case len(alive) > 0:
		return alive, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case first == nil:
		first = err
	}
	if first == nil {
		return nil, ErrNoCandidate
	}
	return nil, fmt.Errorf("%w: %w", ErrNoCandidate, first)
}

// enter gives a candidate the next ID.
func (s *Search) enter(c Candidate) int {
	c.ID = len(s.candidates) + 1
	s.candidates = append(s.candidates, c)
	return c.ID
}

// candidate is the one of that ID, to be completed. It is not to be held while others are entered.
func (s *Search) candidate(id int) *Candidate { return &s.candidates[id-1] }

// tell lets Options.Watch know of a candidate.
func (s *Search) tell(id int) {
	if s.Options.Watch != nil {
		c := *s.candidate(id)
		s.Options.Watch(Event{Candidate: &c})
	}
}

// keep, drop and choose decide a candidate's fate.
func (s *Search) keep(id int, why string) { s.candidate(id).Kept = why; s.tell(id) }
func (s *Search) drop(id int, why string) { s.candidate(id).Dropped = why; s.tell(id) }
func (s *Search) choose(id int, why string) {
	s.candidate(id).Chosen = true
	s.keep(id, why)
}

// settle says that the answer begins with text, or is it; it goes on from what was settled before.
func (s *Search) settle(text string) {
	news := text[len(s.settled):]
	if news == "" {
		return
	}
	s.settled = text
	if s.Options.Watch != nil {
		s.Options.Watch(Event{Settled: news})
	}
}

// scoredTop is how many alternatives a token the PRM's features look at.
const scoredTop = 3

func (s *Search) score(ctx context.Context, steps []string, tokens [][]step.Token) ([]Score, error) {
	s.scoringCalls++
	scores, err := s.scorer.Score(ctx, steps, tokens)
	if err == nil && len(scores) != len(steps) {
		err = fmt.Errorf("the PRM gave %d scores for %d steps", len(scores), len(steps))
	}
	return scores, err
}

// late reports whether err is the deadline's doing, and notes it: then what is in hand is the answer.
func (s *Search) late(ctx context.Context, err error) bool {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && err != nil {
		s.stopped = StoppedDeadline
		return true
	}
	return false
}

// answer extracts the final answer of a solution. One that was cut off has an answer only if it got as far as stating it.
func answer(text string, steps []string, finish Finish) (string, bool) {
	if len(steps) == 0 || finish == FinishLength && !step.IsAnswer(steps[len(steps)-1]) {
		return "", false
	}
	return arith.Extract(text)
}

func scoredSteps(steps []string, scores []Score) []ScoredStep {
	out := make([]ScoredStep, len(steps))
	for i, text := range steps {
		out[i].Text = text
		if scores != nil {
			out[i].Score, out[i].Scored = scores[i], true
		}
	}
	return out
}
