package decode

import (
	"errors"
	"fmt"

	"aprm/prm"
	"aprm/prm/step"
	"aprm/prm/vote"
)

// Options of a search. What is zero takes its default: that of Settings, or the one named in brackets.
type Options struct {
	Strategy    string          // one of Strategies [majority]
	N           int             // candidates, or next steps to choose from
	Temperature float64         // of sampling, in [0,2]; Greedy takes none
	TopP        float64         // in (0,1]
	MaxTokens   int             // of the answer, not of the search
	MaxSteps    int             // of an answer that is built step by step
	TokenBudget int             // generated tokens of the whole search; 0 means no bound but those of N, MaxTokens and MaxSteps
	Threshold   float64         // guided samples again when no next step scores at least this, in [0,1] [0: never]
	Aggregate   prm.Aggregation // how the scores of a candidate's steps become one
	Seed        int64           // every draw's seed follows from it
	Unseeded    bool            `json:",omitzero"` // the endpoint is given none: Seed is only for what the search itself draws
	LogProbs    bool            // return the log-probabilities of the answer
	TopLogProbs int             // with so many alternatives
	TopWanted   bool            // by a client, so that they are had at any cost

	Expansion         int     // beam, dvts: next steps drawn of each kept path; N/Expansion are kept; N where that is less
	ESSThreshold      float64 // particle: resample when the effective sample size is below this share of N, in (0,1]
	Entropic          bool    // particle: resample the more evenly, the earlier
	RebaseTemperature float64 // rebase: of the softmax of scores in [0,1]; low trusts the PRM more; in (0,100]

	Kinds       step.Kinds // of whole answers: prose, programs, mixed, or AsMeasured
	ShowProgram bool       // put the program that came to the answer before it, as a block of code
	Explain     int        // most tokens of an explanation that the LLM is asked for where only programs came to the answer; 0 for none

	// Vote is how much the PRM's word counts in votes over whole answers; see vote.Rule [Unmeasured].
	Vote vote.Rule

	Gate *Gate `json:"-"` // auto: what was measured of this PRM and this LLM; nil for nothing
	// Fallback makes a plain vote the answer where the search fails because the PRM does, marked StoppedPRM, rather
	// than an error; and draws the ends of what is in hand where it fails on the way. What is measured must not change
	// its nature so; what is served may.
	Fallback bool `json:"-"`

	Watch func(Event) `json:"-"` // told what the search does as it does it; nil for nobody
}

// withDefaults gives what is zero the default that Settings have for it: a temperature of 0 too, at which all
// candidates would be alike.
func (o Options) withDefaults() Options {
	for _, s := range Settings() {
		s.complete(&o)
	}
	if o.Strategy == "" {
		o.Strategy = Majority
	}
	if o.Vote == (vote.Rule{}) {
		o.Vote = Unmeasured
	}
	return o
}

// Draws is what kinds of whole answers a search draws.
func (o Options) Draws() step.Kinds {
	switch {
	case o.Kinds != AsMeasured && o.Kinds != "":
		return o.Kinds
	case o.Strategy == Auto:
		return o.Gate.kinds()
	}
	return step.OnlyProse
}

// rule is how votes over answers of these kinds are weighed by the PRM. What was measured of prose says nothing of
// programs.
func (o Options) rule(kinds step.Kinds) vote.Rule {
	r, ok := o.Gate.measuredFor(kinds)
	switch {
	case ok:
		return r
	case o.Gate != nil && kinds.HavePrograms():
		return Unmeasured
	}
	return o.Vote
}

// Validate names every field that is out of its range.
func (o Options) Validate() error {
	var errs []error
	bad := func(is bool, format string, args ...any) {
		if is {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	if o.Strategy != "" {
		_, err := find(o.Strategy)
		bad(err != nil, "strategy: %v", err)
	}
	bad(o.Kinds.HavePrograms() && o.Strategy != "" && !Votes(o.Strategy), "kinds: %s, but %s takes no vote over whole answers; take %s, %s, %s, %s or %s", o.Kinds, o.Strategy,
		Auto, Majority, WeightedVote, Confident, BestOfN)
	for _, s := range Settings() { // in a copy whose zeros have taken their defaults
		bad(!s.within(o.withDefaults()), "%s: %v, must be %s", s.Name, s.Value(o), s.Range)
	}
	if err := o.Vote.Check(); err != nil {
		bad(true, "vote: %v", err)
	}
	return errors.Join(errs...)
}
