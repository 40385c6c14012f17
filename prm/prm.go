// Package prm is the process reward model that serves: an immutable float32 network with a plain forward pass, its
// checkpoint on disk, and its calibration. It knows no LLM, no HTTP and no training; prm/train makes Models.
//
// The network reads a feature.Input block by block. The hidden states are standardised and projected; each bag of
// hashed n-grams is the weighted sum of its embeddings; the bags of step and context also meet in an elementwise
// product. One hidden layer reads all blocks, and two linear heads read that layer and, past it, the blocks themselves:
//
//	a = relu(Σ_b z_b·Dense_b + DenseBias)
//	(step, value) logits = a·Out + Σ_b z_b·Skip_b + OutBias
//
// A masked block is a zero vector, which after standardising is its mean: no mask flag enters the network, so a mask
// says nothing but that there is nothing to read.
package prm

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"aprm/prm/feature"
	"aprm/prm/metric"
	"aprm/prm/step"
	"aprm/prm/vote"
)

// Header says what a Model is, and is written in clear at the head of its checkpoint.
type Header struct {
	Model      string `json:"model"`      // the LLM whose hidden states it reads; "" when it reads none
	Pooling    string `json:"pooling"`    // "last+mean", "last" or "mean"; "" when it reads none
	Width      int    `json:"width"`      // of the hidden states; 0 when it reads none
	Normalised bool   `json:"normalised"` // whether the endpoint gave them at unit length (they are read so in any case)

	Without []feature.Block `json:"without,omitempty"` // inputs that it doesn't read: blank in training, and here

	Splitter int `json:"splitter"` // step.Version it was trained with
	Features int `json:"features"` // feature.Version it was trained with

	Shape   Shape     `json:"shape"`
	Seed    int64     `json:"seed"`
	Round   int       `json:"round"`            // of the game; 0 before the first
	Parent  string    `json:"parent,omitempty"` // ID of the model it was trained on from
	Created time.Time `json:"created"`
	Trained Counts    `json:"trained"`

	// How its logits are read, without hidden states and with them: a masked network is less sure, and says so.
	Masked  Reading `json:"masked"`
	Sighted Reading `json:"sighted"`

	Solution *SolutionHeader `json:"solution,omitempty"` // of the solution head, nil where there is none
	Prefix   *PrefixHeader   `json:"prefix,omitempty"`   // of the prefix head, nil where there is none
}

// PrefixHeader says what a Model's prefix head was found to be worth.
type PrefixHeader struct {
	Without  []feature.Block `json:"without,omitempty"`
	Problems int             `json:"problems"` // that it learned from: those with right and wrong answers, counted once for each number of steps
	AUC      metric.Figure   `json:"auc"`      // of beginnings of as many steps within a problem, by heads that had not learned from it
}

// SolutionHeader says what a Model's solution head is, and what it was found to be worth.
type SolutionHeader struct {
	Units    int             `json:"units"` // of its dense layer; 0 for the linear floor
	Without  []feature.Block `json:"without,omitempty"`
	Model    string          `json:"model"`    // the LLM whose answers it learned from, and with which Vote was found
	Problems int             `json:"problems"` // that it learned from: those with right and wrong answers
	AUC      metric.Figure   `json:"auc"`      // of answers within a problem, by heads that had not learned from it
	Vote     vote.Rule       `json:"vote"`     // how much its logits count in a vote over prose, found likewise

	Programs bool     `json:"programs,omitempty"` // it has weights of its own for programs; else they are read as prose is
	Drawing  *Drawing `json:"drawing,omitempty"`  // what was found of programs beside prose; nil for nothing

	Elsewhere *Elsewhere `json:"elsewhere,omitempty"` // what was found with other LLMs; nil for nothing
}

// Elsewhere says what a solution head was found to be worth with LLMs whose answers it had not learned from.
type Elsewhere struct {
	Models   []string      `json:"models"`
	Problems int           `json:"problems"` // with right and wrong answers, each counted once, however many LLMs answered it
	AUC      metric.Figure `json:"auc"`      // of answers within a problem
	Vote     vote.Rule     `json:"vote"`     // how much its logits count in a vote over prose there
}

// String says it to people.
func (e Elsewhere) String() string {
	return fmt.Sprintf("With other LLMs (%s; %d problems) a right answer is thought better than a wrong one in %s %% of the cases; worth %+.3f nats a problem in a vote there (%.3f are chance), with beta %.2g and power %.2g",
		strings.Join(e.Models, ", "), e.Problems, (100 * e.AUC).Text("%.1f"), e.Vote.Nats, e.Vote.Margin, e.Vote.Beta, e.Vote.Power)
}

// Shape is the size of the network. Projected, Embedded and Hidden are at least 1.
type Shape struct {
	Projected int `json:"projected"` // width of each projected hidden-state block
	Embedded  int `json:"embedded"`  // width of the n-gram embeddings
	Hidden    int `json:"hidden"`    // units of the dense layer
}

// Counts says what a model was trained on in its last round.
type Counts struct {
	Right    int `json:"right"`    // steps labelled correct
	Wrong    int `json:"wrong"`    // steps labelled wrong
	Values   int `json:"values"`   // prefixes labelled by their outcome
	Problems int `json:"problems"` // distinct problems
}

// Reading turns logits into probabilities, fitted on held-out problems.
type Reading struct {
	Step      Platt   `json:"step"`
	Value     Platt   `json:"value"`
	Threshold float64 `json:"threshold"` // a step whose probability is below it is taken for wrong, in [0,1]
}

// Platt is Platt's scaling: P = σ(A·logit + B), with A > 0 so that it never reorders. (1, 0) leaves logits alone.
type Platt struct {
	A float64 `json:"a"`
	B float64 `json:"b"`
}

// Probability returns σ(A·logit + B).
func (p Platt) Probability(logit float64) float64 { return vote.Logistic(p.A*logit + p.B) }

// Uncalibrated is the Reading of a network before calibration.
var uncalibrated = Reading{Step: Platt{A: 1}, Value: Platt{A: 1}, Threshold: 0.5}

// Judgement is what the PRM thinks of an answer.
type Judgement struct {
	Steps    []Score // one a step, in order
	Solution float64 // σ of the solution head's logit, in (0,1): it orders answers to one problem, and is no probability
	Whole    bool    // there is a solution head; else Solution is 0
	Prefix   float64 // σ of the prefix head's logit, in (0,1): it orders beginnings of as many steps of answers to one problem, and is no probability
	Begun    bool    // there is a prefix head; else Prefix is 0
}

// Begin returns one number in [0,1] for the beginning of an answer: the prefix head's where there is one, else the
// steps' scores aggregated. NaN without either.
func (j Judgement) Begin(kind Aggregation) float64 {
	if j.Begun {
		return j.Prefix
	}
	return Aggregate(kind, j.Steps)
}

// Rate returns one number in [0,1] for a whole answer: the solution head's where there is one, else the steps' scores
// aggregated. NaN without either.
func (j Judgement) Rate(kind Aggregation) float64 {
	if j.Whole {
		return j.Solution
	}
	return Aggregate(kind, j.Steps)
}

// Score is what the PRM thinks of a step: calibrated probabilities in [0,1].
type Score struct {
	Step  float64 `json:"step"`  // the step is correct
	Value float64 `json:"value"` // a solution with this prefix ends right
}

// Aggregation says how the scores of a trace's steps become one number.
type Aggregation string

const (
	Min     Aggregation = "min"     // the least Step: a solution is as good as its worst step
	Product Aggregation = "product" // the product of all Steps: the chance that none is wrong, were they independent
	Last    Aggregation = "last"    // the last Value: the chance that this very solution ends right
)

// Aggregate returns one number in [0,1] for the scores of a whole trace, in order. NaN without scores, or for an
// Aggregation that is none of the three.
func Aggregate(kind Aggregation, scores []Score) float64 {
	if len(scores) == 0 {
		return math.NaN()
	}
	switch kind {
	case Min:
		least := scores[0].Step
		for _, s := range scores {
			least = min(least, s.Step)
		}
		return least
	case Product:
		product := 1.0
		for _, s := range scores {
			product *= s.Step
		}
		return product
	case Last:
		return scores[len(scores)-1].Value
	}
	return math.NaN()
}

// FirstError returns the 0-based index of the first step whose probability is below threshold, −1 when there is none:
// ProcessBench's prediction.
func FirstError(scores []Score, threshold float64) int {
	for i, s := range scores {
		if s.Step < threshold {
			return i
		}
	}
	return -1
}

// Fresh returns the header of a model that reads hidden states of the given kind (width 0 for none), with the versions
// of this build, not yet calibrated.
func Fresh(model, pooling string, width int, shape Shape) Header {
	h := Header{Splitter: step.Version, Features: feature.Version, Shape: shape, Masked: uncalibrated, Sighted: uncalibrated}
	if width > 0 {
		h.Model, h.Pooling, h.Width = model, pooling, width
	}
	return h
}

// Bounds on what a checkpoint may claim, so that a foreign file can't ask for absurd amounts of memory.
const (
	maxWidth = 1 << 16
	maxUnits = 1 << 12
)

// check reports everything in h that can't be served by this build.
func (h Header) check() error {
	var errs []error
	complain := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if h.Splitter != step.Version {
		complain("trained with step splitter %d, this build has %d: train again", h.Splitter, step.Version)
	}
	if h.Features != feature.Version {
		complain("trained with inputs of version %d, this build has %d: train again", h.Features, feature.Version)
	}
	if h.Width < 0 || h.Width > maxWidth {
		complain("width %d is outside [0, %d]", h.Width, maxWidth)
	}
	for _, u := range []struct {
		name string
		n    int
	}{{"projected", h.Shape.Projected}, {"embedded", h.Shape.Embedded}, {"hidden", h.Shape.Hidden}} {
		if u.n < 1 || u.n > maxUnits {
			complain("shape: %s is %d, outside [1, %d]", u.name, u.n, maxUnits)
		}
	}
	for _, r := range []Reading{h.Masked, h.Sighted} {
		for _, p := range []Platt{r.Step, r.Value} {
			if !(p.A > 0) || math.IsInf(p.A, 1) || math.IsNaN(p.B) || math.IsInf(p.B, 0) {
				complain("calibration %+v is not usable", p)
			}
		}
		if !(r.Threshold >= 0 && r.Threshold <= 1) {
			complain("threshold %v is outside [0, 1]", r.Threshold)
		}
	}
	if s := h.Solution; s != nil {
		if s.Units < 0 || s.Units > maxUnits {
			complain("the solution head has %d units, outside [0, %d]", s.Units, maxUnits)
		}
		if err := s.Vote.Check(); err != nil {
			complain("vote: %w", err)
		}
		if err := s.Drawing.Check(); err != nil {
			complain("drawing: %w", err)
		}
		if s.Elsewhere != nil {
			if err := s.Elsewhere.Vote.Check(); err != nil {
				complain("elsewhere: vote: %w", err)
			}
		}
	}
	return errors.Join(errs...)
}
