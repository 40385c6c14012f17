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
	dead                                         []Candidate
}

func newSearch(sampler Sampler, scorer Scorer, opts Options) *Search {
	return &Search{Options: opts, sampler: sampler, scorer: scorer, began: time.Now()}
}

// bill completes a result with what the search took.
func (s *Search) bill(r Result) Result {
	r.Candidates = append(r.Candidates, s.dead...)
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

// sample draws, charges, and drops what failed. The error is that of the first failure when nothing is left.
func (s *Search) sample(ctx context.Context, req SampleRequest, at int) ([]Sample, error) {
	req.LogProbs = s.Options.LogProbs || s.scorer != nil
	req.TopLogProbs, req.TopWanted = s.Options.TopLogProbs, s.Options.TopWanted
	if s.scorer != nil {
		req.TopLogProbs = max(req.TopLogProbs, scoredTop)
	}
	samples, err := s.sampler.Sample(ctx, req)
	var alive []Sample
	var first error
	for _, sample := range samples {
		s.promptTokens += sample.PromptTokens
		s.completionTokens += sample.CompletionTokens
		if sample.Err != nil {
			if first == nil {
				first = sample.Err
			}
			s.dead = append(s.dead, Candidate{Text: sample.Text, At: at, Tokens: sample.CompletionTokens, Dropped: "failed: " + sample.Err.Error()})
			continue
		}
		alive = append(alive, sample)
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
