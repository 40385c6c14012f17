package experiment

import (
	"slices"
	"testing"

	"aprm/generator"
	"aprm/prm/step"
)

// Rollouts call wrong what follows an error, as nothing ends right from there: that says nothing of how well they find
// errors.
func TestAuditLeavesOutWhatFollowsAnError(t *testing.T) {
	of := func(before int, label step.Verdict, reason string) generator.Labelled {
		return generator.Labelled{Prefix: step.Trace{Steps: []string{"right", "wrong", "so"}[:before]}, Text: []string{"right", "wrong", "so", "and"}[before],
			Step: label, Source: generator.Natural, Reason: reason}
	}
	truth := func(t step.Trace) (int, bool) { return slices.Index(t.Steps, "wrong"), true }
	rolled, equation := "rollouts: 0 of 8 end right", "false equation: 1 + 1 = 3"
	got := audit("m", []generator.Labelled{
		of(0, step.Wrong, rolled), of(1, step.Wrong, rolled), of(2, step.Wrong, rolled), of(3, step.Wrong, rolled),
		of(0, step.Right, rolled), of(2, step.Right, rolled), of(2, step.Wrong, equation), of(2, step.Unknown, "")}, truth)
	want := []LabelRow{
		{PRM: "m", Source: "natural", Ground: "false equation", Wrong: 1, TrulyWrong: 1},
		{PRM: "m", Source: "natural", Ground: "rollouts", Right: 2, TrulyRight: 1, Wrong: 2, TrulyWrong: 1},
	}
	if !slices.Equal(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
}
