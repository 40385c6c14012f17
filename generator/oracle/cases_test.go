package oracle

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"aprm/prm/casetest"
	"aprm/prm/step"
)

// TestCases holds the oracle against steps that users reported and their like, by kind: the verdict must be among those
// that people accept.
func TestCases(t *testing.T) {
	type stepCase struct {
		Problem, Reference, Step string
		Prefix, Expected         []string
	}
	casetest.Run(t, func(c stepCase) string {
		ruling, err := New().Judge(context.Background(), Case{
			Prefix: step.Trace{Problem: step.Problem{Question: c.Problem}, Steps: c.Prefix}, Reference: c.Reference, Step: c.Step})
		if err != nil {
			return err.Error()
		}
		verdict := map[step.Verdict]string{step.Right: "correct", step.Wrong: "wrong", step.Unknown: "unknown"}[ruling.Verdict]
		if slices.Contains(c.Expected, verdict) {
			return ""
		}
		return fmt.Sprintf("%q: %v (%s: %s), want %v", c.Step, verdict, ruling.Layer, ruling.Reason, c.Expected)
	})
}
