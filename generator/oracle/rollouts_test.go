package oracle

import (
	"context"
	"errors"
	"strings"
	"testing"

	"aprm/prm/step"
)

// rollsBy is a roller that ends right so many times after a prefix that ends in a given step.
type rollsBy map[string]int

func (r rollsBy) Roll(_ context.Context, prefix step.Trace, n int) ([]string, error) {
	right, ok := r[prefix.Steps[len(prefix.Steps)-1]]
	if !ok {
		return nil, errors.New("the endpoint is gone")
	}
	answers := make([]string, n)
	for i := range min(right, n) {
		answers[i] = "42"
	}
	for i := right; i < n; i++ {
		answers[i] = []string{"", "41", "no idea"}[i%3]
	}
	return answers, nil
}

func TestRolloutsRuleWhereTheTwoPrefixesClearlyDiffer(t *testing.T) {
	for _, tc := range []struct {
		name          string
		before, after int
		want          step.Verdict
	}{
		{"none after the step, most after the reference", 8, 0, step.Wrong},
		{"none after the step, half after the reference", 4, 0, step.Wrong},
		{"the LLM is lost after the reference too", 3, 0, step.Unknown},
		{"as good as the reference", 8, 8, step.Right},
		{"hardly worse than the reference", 8, 6, step.Right},
		{"much worse than the reference", 8, 5, step.Unknown},
		{"one may be luck", 8, 1, step.Unknown},
		{"both at half", 4, 4, step.Right},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := Rollouts{Roller: rollsBy{"good": tc.before, "bad": tc.after}, N: 8}
			c := Case{Prefix: step.Trace{Problem: step.Problem{Question: "?", Answer: "42"}}, Reference: "good", Step: "bad"}
			got, err := r.Rule(t.Context(), c)
			if err != nil || got.Verdict != tc.want {
				t.Errorf("verdict %v (%s), error %v, want %v", got.Verdict, got.Reason, err, tc.want)
			}
		})
	}
}

func TestRolloutsSayNothingWithoutAReferenceOrAnAnswer(t *testing.T) {
	r := Rollouts{Roller: rollsBy{}, N: 8}
	for _, c := range []Case{
		{Prefix: step.Trace{Problem: step.Problem{Answer: "42"}}, Step: "bad"},
		{Reference: "good", Step: "bad"},
	} {
		if got, err := r.Rule(t.Context(), c); err != nil || got.Verdict != step.Unknown {
			t.Errorf("%+v: %v, %v, want unknown without asking anybody", c, got, err)
		}
	}
}

func TestAFailedRolloutIsAnError(t *testing.T) {
	c := Case{Prefix: step.Trace{Problem: step.Problem{Answer: "42"}}, Reference: "good", Step: "bad"}
	_, err := Rollouts{Roller: rollsBy{}, N: 8}.Rule(t.Context(), c)
	if err == nil || !strings.Contains(err.Error(), "the endpoint is gone") {
		t.Errorf("got %v, want the roller's error", err)
	}
}
