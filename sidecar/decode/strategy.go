package decode

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Names of the strategies.
const (
	Greedy       = "greedy"
	Majority     = "majority"
	BestOfN      = "best_of_n"
	WeightedVote = "weighted_vote"
	Confident    = "confident_vote"
	Guided       = "guided"
	Beam         = "beam"
	DVTS         = "dvts"
	Particle     = "particle"
	Rebase       = "rebase"
	Auto         = "auto"
)

// Strategy is a way of finding an answer.
type Strategy interface {
	// Search runs s to its end. What it charged and collected so far is in s even when it returns an error.
	Search(ctx context.Context, s *Search) (Result, error)
}

// Description says what a strategy is to someone who chooses one.
type Description struct {
	Name     string
	NeedsPRM bool
	Help     string
	strategy Strategy
}

// Strategies are all there are, the plainest first.
func Strategies() []Description {
	return []Description{
		{Greedy, false, "one answer at temperature 0", greedy{}},
		{Majority, false, "N answers, the most frequent final answer (self-consistency, arXiv 2203.11171)", elect{byHeads}},
		{Confident, false, "N answers, each weighs what the LLM's own log-probabilities of its digits say; a plain vote where the endpoint gives none (after CISC, arXiv 2502.06233)", elect{byConfidence}},
		{BestOfN, true, "N answers, the one the PRM scores best (arXiv 2110.14168)", best{}},
		{WeightedVote, true, "N answers, each weighs as much as the PRM was measured to know of it (after arXiv 2206.02336)", elect{byPRM}},
		{Guided, true, "step by step: N next steps, the one the PRM scores best is kept (arXiv 2305.10601's greedy form)", guided{}},
		{Beam, true, "step by step: N next steps over N/expansion kept paths (arXiv 2408.03314)", stepwise{newBeam}},
		{DVTS, true, "N/expansion trees, each keeps its best next step (diverse verifier tree search)", stepwise{newDVTS}},
		{Particle, true, "N particles, good ones multiplied when too few of them count (arXiv 2502.01618)", stepwise{newParticle}},
		{Rebase, true, "N next steps a round, dealt out to the paths by their scores (REBASE, arXiv 2408.00724)", stepwise{newRebase}},
		{Auto, false, "as few answers as settle the vote (after arXiv 2305.11860), weighed by the PRM where a hold-out says that this helps", auto{}},
	}
}

func find(name string) (Description, error) {
	var names []string
	for _, d := range Strategies() {
		if d.Name == name {
			return d, nil
		}
		names = append(names, d.Name)
	}
	return Description{}, fmt.Errorf("%q is no strategy; there are %s", name, strings.Join(names, ", "))
}

// NeedsPRM reports whether the strategy of that name scores steps.
func NeedsPRM(name string) bool {
	d, err := find(name)
	return err == nil && d.NeedsPRM
}

// Stepwise reports whether the candidates of the strategy of that name are steps, not whole answers.
func Stepwise(name string) bool {
	d, err := find(name)
	if err != nil {
		return false
	}
	switch d.strategy.(type) {
	case guided, stepwise:
		return true
	}
	return false
}

// Votes reports whether the strategy of that name chooses among whole answers, which may be programs.
func Votes(name string) bool { return name != Greedy && !Stepwise(name) }

// ErrNeedsPRM is returned when a strategy that scores steps is asked for and there is no Scorer.
var ErrNeedsPRM = errors.New("this strategy needs a PRM and there is none")

// ErrThinks is returned by a search step by step with an LLM that thinks before it answers.
var ErrThinks = errors.New("this model thinks before it answers, and can be searched step by step only where it doesn't: have it not think (think, reasoning_effort), or ask for a strategy that chooses among whole answers")

// ErrNoCandidate is returned when every candidate failed; it wraps what the first one died of.
var ErrNoCandidate = errors.New("every candidate failed")

// Solve answers by the strategy that opts names. scorer may be nil for those that need none.
//
// A candidate that fails is dropped and the others go on. When the context's deadline passes, the best so far is
// returned, marked StoppedDeadline: what is chosen from the whole answers that are there, by a plain vote if none could
// be scored; step by step the steps that were decided; and with neither the beginning of an answer, the one that got
// farthest, with FinishLength, which is also what there is where every first step is cut off, as by a small
// Options.MaxTokens. Before the first word there is nothing to return, and the error is context.DeadlineExceeded. When
// the context is cancelled, its error is returned.
func Solve(ctx context.Context, sampler Sampler, scorer Scorer, opts Options) (Result, error) {
	opts = opts.withDefaults()
	if err := opts.Validate(); err != nil {
		return Result{}, err
	}
	d, err := find(opts.Strategy)
	if err != nil {
		return Result{}, err
	}
	if d.NeedsPRM && scorer == nil {
		return Result{}, fmt.Errorf("%s: %w", d.Name, ErrNeedsPRM)
	}
	s := newSearch(sampler, scorer, opts)
	result, err := d.strategy.Search(ctx, s)
	if err != nil && s.unscored != nil && opts.Fallback && s.settled == "" && ctx.Err() == nil {
		result, err = s.fallBack(ctx, err)
	}
	switch {
	case s.settled != "":
	case s.late(ctx, err):
		result, err = s.soFar("got farthest, as time was up before any was whole", err)
	case s.cut && errors.Is(err, ErrNoCandidate) && !s.mustScore(err):
		result, err = s.soFar("got farthest, as no first step came to its end", err)
	}
	if err != nil {
		return s.bill(Result{}), err
	}
	s.explain(ctx, &result)
	s.settle(result.Text)
	return s.bill(result), nil
}
