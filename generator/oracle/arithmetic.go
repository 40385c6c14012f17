package oracle

import (
	"context"
	"fmt"

	"aprm/prm/arith"
	"aprm/prm/step"
)

// Arithmetic is layer 1: a step that states a false equation is wrong. It can't tell that a step is correct.
type Arithmetic struct{}

// Name implements Layer.
func (Arithmetic) Name() string { return "arithmetic" }

// Rule implements Layer.
func (Arithmetic) Rule(_ context.Context, c Case) (Ruling, error) {
	for _, check := range arith.CheckStep(c.Step) {
		if check.Verdict == arith.False {
			return Ruling{Verdict: step.Wrong, Reason: fmt.Sprintf("%q is false: %s", check.Text, check.Reason)}, nil
		}
	}
	return Ruling{Reason: "no equation is false"}, nil
}
