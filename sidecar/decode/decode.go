// Package decode searches for a good answer: it samples candidates from an LLM, scores their steps with a PRM, and
// chooses. It knows neither HTTP nor any endpoint, only the two narrow interfaces it declares and, of the PRM, what a
// score is.
package decode

import (
	"context"
	"time"

	"aprm/prm"
	"aprm/prm/feature"
	"aprm/prm/step"
)

// Sampler draws from the LLM; the conversation to be answered is bound inside. It is safe for concurrent use: a search
// draws the next steps of different prefixes at once, and leaves it to the sampler how many of them the endpoint bears.
type Sampler interface {
	// Sample draws req.N continuations of req.Prefix. One that failed carries its own Err; the error returned is for a
	// request of which nothing came back.
	Sample(ctx context.Context, req SampleRequest) ([]Sample, error)
}

// SampleRequest asks for continuations.
type SampleRequest struct {
	Prefix      []string // the steps so far, which the LLM continues; empty for a whole solution
	N           int
	MaxTokens   int // of each continuation
	Temperature float64
	TopP        float64 // 0 leaves the endpoint's default
	Seed        *int64  // continuation i is drawn with Seed+i
	OneStep     bool    // end each continuation after one step
	LogProbs    bool
	TopLogProbs int
	TopWanted   bool // by the client, not only for the PRM

	Kind    step.Kind // of whole solutions
	Explain string    // a solution, told in lines, that the LLM is asked to explain; "" for an answer of its own
}

// Sample is one continuation.
type Sample struct {
	Text             string
	Tokens           []step.Token // log-probabilities, nil when not asked for or not to be had
	Finish           Finish
	PromptTokens     int
	CompletionTokens int
	Err              error

	Kind    step.Kind
	Reading *Reading // what Read finds, for samples that are read again and again; nil otherwise
}

// Finish says why a continuation or an answer ended.
type Finish string

const (
	FinishEnd    Finish = "end"    // the LLM ended it
	FinishStep   Finish = "step"   // a whole step, as SampleRequest.OneStep asked
	FinishLength Finish = "length" // it was cut off by a number of tokens or steps
)

// Scorer scores answers with the PRM; the problem is bound inside. It is safe for concurrent use.
type Scorer interface {
	// Score judges an answer, whole or as far as it has come: one Score a step, in order.
	Score(ctx context.Context, w Working) (prm.Judgement, error)
}

// Working is an answer as the PRM reads it.
type Working struct {
	Steps   []string
	Tokens  [][]step.Token   // the steps' log-probabilities, nil where there are none
	Program *feature.Program // of a program, what is known of its run; nil of prose
}

// Result is the answer found, and what it took.
type Result struct {
	Text       string
	Answer     string // extracted from Text, "" when Answered is false
	Answered   bool
	Finish     Finish
	Steps      []ScoredStep
	Candidates []Candidate
	Tokens     []step.Token // log-probabilities of Text, when Options.LogProbs asked for them, with Options.TopLogProbs alternatives at most
	Stopped    Stopped      // "" when the search ended by itself
	Auto       AutoReport   // what auto decided; zero for other strategies
	Instead    string       // the strategy that answered in place of Options.Strategy; "" when that one did
	Kinds      step.Kinds   // of whole answers that were drawn

	PromptTokens     int // read by the LLM over the whole search
	CompletionTokens int // generated over the whole search, what was thrown away included
	SamplingCalls    int // of the Sampler, each for one prefix and some continuations
	ScoringCalls     int // of the Scorer
	Elapsed          time.Duration
	LLMTime          time.Duration // of Elapsed, as long as at least one call of the LLM was under way; 0 where nobody measured it
	PRMTime          time.Duration // of Elapsed, as long as the PRM was at work and the LLM was not
}

// Stopped says what ended a search before its time.
type Stopped string

const (
	StoppedBudget   Stopped = "budget"    // Options.TokenBudget
	StoppedDeadline Stopped = "deadline"  // the context's
	StoppedPRM      Stopped = "prm"       // the PRM failed: the answer is that of a plain vote or, where steps were chosen already, of ends drawn without it
	StoppedSteps    Stopped = "max_steps" // Options.MaxSteps
)

// ScoredStep is a step of the answer. Without a PRM its score is zero and Result.Scored says so.
type ScoredStep struct {
	Text   string
	Scored bool
	prm.Score
}

// Candidate is one of those the answer was chosen from: a whole answer or, in a search step by step, one of the next
// steps.
type Candidate struct {
	ID       int       // 1, 2, … in the order in which they were drawn
	Parent   int       // ID of the candidate that it continues; 0 for none
	Kind     step.Kind // of a whole answer, as it was asked for
	Program  bool      // it is a program and has given its value
	Text     string    // of its own, without what it continues, as the LLM wrote it
	Answer   string    // "" when Answered is false
	Answered bool      //
	At       int       // in a search step by step the 0-based step it was for; else 0
	Score    float64   // aggregated, in [0,1]; 0 when Scored is false
	Scored   bool
	Tokens   int           // generated for it
	Whole    bool          // an answer of its own from its first word on: no next step, no explanation of another, and none that failed
	Cut      bool          // it ran into Options.MaxTokens
	LogProbs []step.Token  // of Text, nil where they weren't asked for or are not to be had
	Chosen   bool          // it is the answer, or a part of it
	Kept     string        // why it was gone on with or is the answer; "" when it was not
	Dropped  string        // why it was not gone on with; "" when it was
	Began    time.Duration // when it was asked for, since the search began
	Ended    time.Duration // when it was there
}

// Event is news of a search that runs: Options.Watch is told of each, in order, from one goroutine at a time. One of
// the two fields is set. All that was Settled, put together, is at any time what Result.Text begins with, and at the
// end Result.Text.
type Event struct {
	Candidate *Candidate // a copy, as it is drawn, scored, and when its fate (Kept, Dropped, Chosen) is decided: the same ID again
	Settled   string     // text that every survivor shares: what the answer goes on with, behind what was settled before
}
