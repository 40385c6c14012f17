package prm

import (
	"fmt"
	"strings"

	"aprm/prm/step"
	"aprm/prm/vote"
)

// Drawing is what was measured of programs beside prose with one LLM, and which of them answers are to be. It is found
// crosswise, on problems that nothing had learned from.
type Drawing struct {
	Use      step.Kinds  `json:"use"`      // what auto draws
	Programs vote.Rule   `json:"programs"` // how votes over programs alone are weighed
	Mixed    vote.Rule   `json:"mixed"`    // and votes over both; zero where that wasn't measured
	Problems int         `json:"problems"` // that have both
	Votes    []DrawnVote `json:"votes"`
}

// DrawnVote is a vote over so many answers of these kinds, plain and weighed, against a vote weighed likewise over as
// many prose answers: differences in accuracy, in [-1,1], with their 95 % intervals.
type DrawnVote struct {
	Kinds    step.Kinds `json:"kinds"`
	N        int        `json:"n"`
	Plain    float64    `json:"plain"`    // accuracy
	Weighted float64    `json:"weighted"` // accuracy
	Gain     float64    `json:"gain"`     // of Weighted over prose
	Low      float64    `json:"low"`
	High     float64    `json:"high"`
	Tokens   float64    `json:"tokens"` // generated, a problem

	Auto       float64 `json:"auto"`        // accuracy of the weighed vote that stops when it is settled
	AutoTokens float64 `json:"auto_tokens"` // and its tokens
}

// Check reports what no search can go by; nil is nothing to go by, and fine.
func (d *Drawing) Check() error {
	if d == nil {
		return nil
	}
	switch d.Use {
	case step.OnlyProse, step.OnlyPrograms, step.Mixed:
	default:
		return fmt.Errorf("use: %q is none of %s, %s, %s", d.Use, step.OnlyProse, step.OnlyPrograms, step.Mixed)
	}
	if err := d.Programs.Check(); err != nil {
		return fmt.Errorf("programs: %w", err)
	}
	if err := d.Mixed.Check(); err != nil {
		return fmt.Errorf("mixed: %w", err)
	}
	return nil
}

// String says in a sentence what is drawn, and why.
func (d *Drawing) String() string {
	var parts []string
	for _, v := range d.Votes {
		if v.Kinds != step.OnlyProse {
			parts = append(parts, fmt.Sprintf("%s-%d %.1f %%, %+.1f [%+.1f, %+.1f] against as many of prose (%.1f %% at %.0f %% of the tokens when it stops early)",
				v.Kinds, v.N, 100*v.Weighted, 100*v.Gain, 100*v.Low, 100*v.High, 100*v.Auto, 100*v.AutoTokens/max(v.Tokens, 1)))
		}
	}
	if len(parts) == 0 {
		return fmt.Sprintf("auto draws %s: it wasn't compared with programs", d.Use)
	}
	return fmt.Sprintf("auto draws %s: weighted votes over %s, by %d problems", d.Use, strings.Join(parts, ", "), d.Problems)
}
