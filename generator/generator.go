// Package generator is the adversary of the game: the same LLM that solves problems, prompted to corrupt correct steps
// so that the reward model R takes them for correct. A round draws natural solutions, attacks correct steps, has an
// oracle judge the results, lets both players learn and reports what happened (APRM, arXiv 2511.22888, sections 3 and
// 4; here the LLM's weights are out of reach, so the generator's policy is over how it is prompted).
//
// The package knows the reward model only through RewardModel and the endpoint only through LLM.
package generator

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"aprm/adapters"
	"aprm/prm/metric"
	"aprm/prm/step"
)

// LLM samples text; every adapters.LLM is one. Wrapped by adapters/recorded, a run that was killed goes on from its
// last finished unit of work when it is run again, because every request of this package carries a seed of its own.
type LLM interface {
	Generate(ctx context.Context, req adapters.Request) ([]adapters.Completion, error)
}

// RewardModel is the other player, R.
type RewardModel interface {
	// Score returns P(step correct) in [0,1] for each example, in their order. It must not read the labels.
	Score(ctx context.Context, examples []Labelled) ([]float64, error)

	// Weigh returns the log of the weight that each candidate has in a vote by R, in their order: 0 for all where R
	// knows nothing.
	Weigh(ctx context.Context, candidates []Candidate) ([]float64, error)

	// Learn fits R to the examples of a round, replayed rounds among them (Labelled.Round tells). Equal arguments on
	// equal models must give equal models, or a resumed run differs from an unbroken one.
	Learn(ctx context.Context, round int, examples []Labelled) (LearnReport, error)
}

// Candidate is an answer, or the beginning of one, as a vote sees it.
type Candidate struct {
	Trace  step.Trace
	Tokens [][]step.Token // of its steps; nil where they aren't known
}

// LearnReport says what a Learn did.
type LearnReport struct {
	Checkpoint string        `json:"checkpoint,omitempty"` // id of the model that came out
	Examples   int           `json:"examples"`             // examples with at least one label
	Loss       metric.Figure `json:"loss"`                 // mean training loss of the step head at the end, nats an example
	Seconds    float64       `json:"seconds"`
}

// Source says where a step's text comes from.
type Source string

const (
	Worked     Source = "worked"     // a data set's reference solution
	Own        Source = "own"        // the LLM's own correct step, as the correct half of a pair
	Attack     Source = "attack"     // corrupted by the LLM on request
	Paraphrase Source = "paraphrase" // a correct step reworded by the LLM, so that its dialect tells nothing
	Natural    Source = "natural"    // sampled while solving
	Branched   Source = "branched"   // of a wrong answer of the LLM's own that was looked for: nothing is said of its steps
)

// Labelled is one step with what is known about it. Texts are step.Normalize'd, so that no format tells sources apart.
type Labelled struct {
	ID       string       `json:"id"`                 // content hash, by which a journal holds it once
	Prefix   step.Trace   `json:"prefix"`             // the problem and the steps before this one
	Text     string       `json:"text"`               // the step
	Step     step.Verdict `json:"step"`               // is the step correct?
	Value    step.Verdict `json:"value"`              // does the solution end right? From natural samples only
	Source   Source       `json:"source"`             //
	Strategy string       `json:"strategy,omitempty"` // the trick asked for or the move made, "" but for attacks
	Kind     Kind         `json:"kind"`               // of the correct step, within a pair
	Round    int          `json:"round"`              //
	Pair     string       `json:"pair,omitempty"`     // shared by an attack and its correct partner
	Sample   string       `json:"sample,omitempty"`   // shared by the steps of one natural solution
	Against  string       `json:"against,omitempty"`  // of a branched answer: the sample, a right one, that it leaves
	Answer   string       `json:"answer,omitempty"`   // what that solution states as its answer, "" where it states none
	Tokens   []step.Token `json:"tokens,omitempty"`   // the step's own, of natural steps only: nil on both members of a pair
	Spare    bool         `json:"spare,omitempty"`    // of a lesson: the step head is only calibrated by it, or wrong ones would seem to be half of all
	HeldOut  bool         `json:"held_out,omitempty"` // the problem is kept for measuring: never learned from
	Reason   string       `json:"reason,omitempty"`   // why it is labelled so
}

// Trace returns the problem with the steps up to and including this one.
func (l Labelled) Trace() step.Trace { return l.Prefix.With(l.Text) }

// identify fills in ID: a hash of everything else but the reason and the answer, which the sample names already.
func (l Labelled) identify() (Labelled, error) {
	l.ID = ""
	bare := l
	bare.Reason, bare.Answer = "", ""
	b, err := json.Marshal(bare)
	if err != nil {
		return Labelled{}, fmt.Errorf("identify a labelled step: %w", err)
	}
	sum := sha256.Sum256(b)
	l.ID = hex.EncodeToString(sum[:12])
	return l, nil
}
