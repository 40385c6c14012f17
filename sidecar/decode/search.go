package decode

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"aprm/prm"
	"aprm/prm/arith"
	"aprm/prm/step"
)

// Search is one run of a strategy: what it may use, and the bill.
type Search struct {
	Options Options

	sampler Sampler
	scorer  Scorer
	began   time.Time

	promptTokens, completionTokens, samplingCalls, scoringCalls int
	stopped                                                     Stopped
	candidates                                                  []Candidate                 // all there were; the one with ID i stands at i-1
	turns                                                       int                         // whole solutions asked for, those that died included, what was drawn in their place not
	known                                                       map[twin]prm.Judgement      // of paths, by their last step
	rate                                                        func(prm.Judgement) float64 // of a path, in [0,1]
	settled                                                     string                      // what Options.Watch knows of the answer
	drawn                                                       []solution                  // whole solutions, for fallBack
	half                                                        *solution                   // the best of those that failed or were cut off on the way to a whole one, for soFar
	cut                                                         bool                        // a first step was cut off
	confident                                                   bool                        // answers are weighed by their own log-probabilities
	unscored                                                    error                       // of the PRM's last failure, nil when it has none
	kinds                                                       step.Kinds                  // of whole solutions
	code                                                        string                      // the program that is shown before the answer, as a block; "" for none
	told                                                        bool                        // the answer is a program's, whose steps are told
}

func newSearch(sampler Sampler, scorer Scorer, opts Options) *Search {
	s := &Search{Options: opts, sampler: sampler, scorer: scorer, began: time.Now(), known: map[twin]prm.Judgement{}, kinds: opts.Draws()}
	s.rate = func(j prm.Judgement) float64 { return j.Begin(s.Options.Aggregate) } // auto has its gate's
	return s
}

// bill completes a result with what the search took.
func (s *Search) bill(r Result) Result {
	r.Candidates = s.candidates
	r.PromptTokens, r.CompletionTokens = s.promptTokens, s.completionTokens
	r.SamplingCalls, r.ScoringCalls = s.samplingCalls, s.scoringCalls
	r.Elapsed = time.Since(s.began)
	r.Stopped = s.stopped
	r.Tokens = s.wanted(r.Tokens)
	r.Kinds = s.kinds
	return r
}

// wanted are tokens as Options ask for them: the PRM may have wanted more alternatives. They may be those of paths,
// which stay as they are.
func (s *Search) wanted(tokens []step.Token) []step.Token {
	if !s.Options.LogProbs {
		return nil
	}
	out := slices.Clone(tokens)
	for i, t := range out {
		out[i].Top = t.Top[:min(len(t.Top), s.Options.TopLogProbs)]
	}
	return out
}

// left is how many tokens may still be generated.
func (s *Search) left() int {
	if s.Options.TokenBudget == 0 {
		return math.MaxInt
	}
	return max(0, s.Options.TokenBudget-s.completionTokens)
}

// seed derives the seed of a draw from the search's: draw n of step at. Equal searches make equal requests. Nil where
// the endpoint draws as it likes.
func (s *Search) seed(at, n int) *int64 {
	if s.Options.Unseeded {
		return nil
	}
	seed := (s.Options.Seed + int64(at)*1_000_003 + int64(n)*10_007) & math.MaxInt32 // some endpoints take 31 bits
	return &seed
}

// request is one to the LLM, for the step at, behind the candidate parent.
type request struct {
	SampleRequest
	parent, at int
}

// draw is a sample that came back alive, and the candidate that was entered for it.
type draw struct {
	Sample
	id int
}

// reply is what came of a request; without a draw there is an error.
type reply struct {
	draws []draw
	err   error
}

// sampleAll sends requests at once, charges, enters a candidate for each sample, and drops those that failed. Replies
// stand as their requests do; candidates are entered in that order, whichever came first. A request's error is its
// first failure.
func (s *Search) sampleAll(ctx context.Context, requests []request) []reply {
	type answer struct {
		samples      []Sample
		err          error
		began, ended time.Duration
	}
	answers := make([]answer, len(requests))
	concurrently(len(requests), func(i int) {
		req, a := requests[i].SampleRequest, &answers[i]
		req.LogProbs = s.Options.LogProbs || s.scorer != nil || s.confident
		req.TopLogProbs, req.TopWanted = s.Options.TopLogProbs, s.Options.TopWanted
		if s.scorer != nil {
			req.TopLogProbs = max(req.TopLogProbs, scoredTop)
		}
		a.began = time.Since(s.began)
		a.samples, a.err = s.sampler.Sample(ctx, req)
		a.ended = time.Since(s.began)
	})
	s.samplingCalls += len(requests)
	replies := make([]reply, len(requests))
	for i, a := range answers {
		var first error
		for _, sample := range a.samples {
			s.promptTokens += sample.PromptTokens
			s.completionTokens += sample.CompletionTokens
			sample.Kind = requests[i].Kind
			id := s.enter(Candidate{Kind: sample.Kind, Text: sample.Text, At: requests[i].at, Parent: requests[i].parent, Tokens: sample.CompletionTokens, Began: a.began, Ended: a.ended,
				Whole: sample.Err == nil && !requests[i].OneStep && len(requests[i].Prefix) == 0 && requests[i].Explain == "", Cut: sample.Finish == FinishLength, LogProbs: sample.Tokens})
			if sample.Err != nil {
				if first == nil {
					first = sample.Err
				}
				s.drop(id, "failed: "+sample.Err.Error())
				if requests[i].at == 0 {
					s.broken(draw{sample, id})
				}
				continue
			}
			replies[i].draws = append(replies[i].draws, draw{sample, id})
		}
		if len(replies[i].draws) > 0 {
			continue
		}
		if first == nil {
			first = a.err
		}
		switch {
		case ctx.Err() != nil:
			replies[i].err = ctx.Err()
		case first == nil:
			replies[i].err = ErrNoCandidate
		default:
			replies[i].err = fmt.Errorf("%w: %w", ErrNoCandidate, first)
		}
	}
	return replies
}

// concurrently calls do with 0 to n-1, each in a goroutine, and waits for all. A panic in one of them is the caller's.
func concurrently(n int, do func(i int)) {
	if n == 1 {
		do(0)
		return
	}
	var wg sync.WaitGroup
	panics := make([]string, n)
	for i := range n {
		wg.Go(func() {
			defer func() {
				if r := recover(); r != nil {
					panics[i] = fmt.Sprintf("%v\n%s", r, debug.Stack())
				}
			}()
			do(i)
		})
	}
	wg.Wait()
	for _, p := range panics {
		if p != "" {
			panic(p)
		}
	}
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

// verdict is what the PRM said of an answer.
type verdict struct {
	prm.Judgement
	err error
}

// score has the PRM score answers, at once.
func (s *Search) score(ctx context.Context, jobs []Working) []verdict {
	s.scoringCalls += len(jobs)
	out := make([]verdict, len(jobs))
	concurrently(len(jobs), func(i int) {
		found, err := s.scorer.Score(ctx, jobs[i])
		if err == nil && len(found.Steps) != len(jobs[i].Steps) {
			err = fmt.Errorf("the PRM gave %d scores for %d steps", len(found.Steps), len(jobs[i].Steps))
		}
		out[i] = verdict{found, err}
	})
	for _, v := range out {
		if v.err != nil {
			s.unscored = v.err
		}
	}
	return out
}

// late reports whether err is the deadline's doing, and notes it: then what is in hand is the answer.
func (s *Search) late(ctx context.Context, err error) bool {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && err != nil {
		s.stopped = StoppedDeadline
		return true
	}
	return false
}

// suffices reports whether, after err, what is in hand is the answer; a client that has left gets its error.
func (s *Search) suffices(ctx context.Context, err error, inHand bool) bool {
	return inHand && (s.late(ctx, err) || ctx.Err() == nil)
}

// answer extracts the final answer of a solution. One that was cut off has an answer only if it got as far as stating
// it.
func answer(text string, steps []string, finish Finish) (string, bool) {
	if len(steps) == 0 || finish == FinishLength && !step.IsAnswer(steps[len(steps)-1]) {
		return "", false
	}
	return arith.Extract(text)
}

func scoredSteps(steps []string, scores []prm.Score) []ScoredStep {
	out := make([]ScoredStep, len(steps))
	for i, text := range steps {
		out[i].Text = text
		if i < len(scores) {
			out[i].Score, out[i].Scored = scores[i], true
		}
	}
	return out
}
