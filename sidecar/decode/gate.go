package decode

import (
	"encoding/json"
	"errors"
	"fmt"

	"aprm/prm"
	"aprm/prm/step"
	"aprm/prm/vote"
)

// Gate says how far auto may trust a PRM: what it was measured to gain over a plain vote on problems that it did not
// learn from. It is of one checkpoint and one LLM.
type Gate struct {
	Format     int             `json:"format"`     // GateFormat
	Checkpoint string          `json:"checkpoint"` // ID of the PRM
	Model      string          `json:"model"`      // identity of the LLM
	Aggregate  prm.Aggregation `json:"aggregate"`  // of the scores, as they were measured
	N          int             `json:"n"`          // candidates of a vote
	Problems   int             `json:"problems"`   // of the hold-out
	Source     string          `json:"source"`     // of the hold-out, for people
	Digest     string          `json:"digest"`     // of the hold-out's problems, "" where it isn't known

	Measured []Measured `json:"measured"` // strategies against a plain majority vote at equal tokens

	Vote     vote.Rule `json:"vote"`               // how much the PRM's word counts over prose, and when it is settled; zero where that wasn't measured
	Escalate string    `json:"escalate,omitempty"` // the step-wise strategy for questions that stay open; "" for none
	Auto     Stops     `json:"auto"`               // what stopping so came to on the hold-out

	Drawing *prm.Drawing `json:"drawing,omitempty"` // what was measured of programs beside prose; nil for nothing
}

// GateFormat is the version of the file.
const GateFormat = 2

// Measured is a strategy's gain in accuracy over a plain majority vote at equal tokens, paired by problem, with its 95
// % interval.
type Measured struct {
	Strategy string  `json:"strategy"`
	Problems int     `json:"problems"`
	N        int     `json:"n,omitempty"` // candidates; 0 means the gate's
	Gain     float64 `json:"gain"`        // in [-1,1]
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
	Replayed bool    `json:"replayed"` // from recorded samples, with no fresh tokens
}

// Stops is what an early stop costs, measured.
type Stops struct {
	Gain   float64 `json:"gain"` // of auto over a plain majority vote of N, with its 95 % interval
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	Tokens float64 `json:"tokens"` // share of those that a vote of N takes
	// Changed is the share of problems on which the same vote of all N comes to another answer: the stopping rule's
	// error rate.
	Changed float64 `json:"changed"`
}

// ParseGate reads a gate. Errors say what is wrong with the file; what is out of range is an error, too.
func ParseGate(data []byte) (*Gate, error) {
	var g Gate
	if err := json.Unmarshal(data, &g); err != nil {
		return nil, fmt.Errorf("it is no gate: %w", err)
	}
	if g.Format != GateFormat {
		return nil, fmt.Errorf("its format is %d, this build reads %d", g.Format, GateFormat)
	}
	var errs []error
	bad := func(is bool, format string, args ...any) {
		if is {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	bad(g.Checkpoint == "", "checkpoint: it names none")
	bad(g.Model == "", "model: it names none")
	bad(g.N < 1, "n: %d candidates", g.N)
	bad(g.Problems < 1, "problems: %d", g.Problems)
	err := (Options{Aggregate: g.Aggregate}).Validate()
	bad(err != nil || g.Aggregate == "", "aggregate: %q is none of min, product, last", g.Aggregate)
	if err := g.Vote.Check(); err != nil {
		bad(true, "vote: %v", err)
	}
	if err := g.Drawing.Check(); err != nil {
		bad(true, "drawing: %v", err)
	}
	bad(g.Escalate != "" && !Stepwise(g.Escalate), "escalate: %q is no step-wise strategy", g.Escalate)
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return &g, nil
}

// kinds are what auto draws.
func (g *Gate) kinds() step.Kinds {
	if g == nil || g.Drawing == nil {
		return step.OnlyProse
	}
	return g.Drawing.Use
}

// measuredFor is how votes over answers of these kinds are weighed, ok false where that wasn't measured.
func (g *Gate) measuredFor(kinds step.Kinds) (r vote.Rule, ok bool) {
	switch {
	case g == nil:
	case !kinds.HavePrograms():
		r = g.Vote
	case g.Drawing == nil:
	case kinds == step.OnlyPrograms:
		r = g.Drawing.Programs
	default:
		r = g.Drawing.Mixed
	}
	return r, r != vote.Rule{}
}

// Weighs reports whether auto weighs votes over what it draws by the PRM.
func (g *Gate) Weighs() bool { return stops(g.Rule(g.kinds())) }

// By has a search go by a gate, nil for nothing: auto, and how votes count.
func (o *Options) By(g *Gate) {
	if o.Gate = g; g != nil {
		o.Vote = g.Vote
	}
}

// Of reports whether the gate is of a PRM and an LLM.
func (g *Gate) Of(checkpoint, model string) bool {
	return g != nil && g.Checkpoint == checkpoint && g.Model == model
}

// measured is what the gate has of a strategy.
func (g *Gate) measured(strategy string) (Measured, bool) {
	for _, m := range g.Measured {
		if m.Strategy == strategy {
			return m, true
		}
	}
	return Measured{}, false
}

// String is the gate in a sentence: how votes over what auto draws count, and why.
func (g *Gate) String() string { return g.reason(g.kinds()) }

// reason is how votes over answers of these kinds count, and why.
func (g *Gate) reason(kinds step.Kinds) string {
	if g == nil {
		return "nothing was measured of this PRM with this LLM"
	}
	over, problems := "", g.Problems
	if kinds.HavePrograms() {
		if over = " over programs"; kinds == step.Mixed {
			over += " and prose"
		}
	}
	r, measured := g.measuredFor(kinds)
	verdict := "the PRM's word has no say" + over
	switch {
	case !measured:
		verdict = "nothing was measured of this PRM's word" + over
	case stops(g.Rule(kinds)):
		verdict = fmt.Sprintf("votes%s are weighed by the PRM (beta %.2g, power %.2g)", over, r.Beta, r.Power)
	}
	if measured {
		if over != "" {
			problems = g.Drawing.Problems
		}
		verdict += fmt.Sprintf(": %+.3f nats a problem, %.3f are chance, by %d of %d problems of %s", r.Nats, r.Margin, r.Problems, problems, g.Source)
	}
	if m, ok := g.measured(WeightedVote); ok && over == "" {
		verdict += fmt.Sprintf("; %+.1f points [%+.1f, %+.1f] against a plain vote", 100*m.Gain, 100*m.Low, 100*m.High)
	}
	if g.Drawing != nil {
		verdict += "; " + g.Drawing.String()
	}
	return verdict
}
