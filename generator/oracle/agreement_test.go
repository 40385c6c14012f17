package oracle

import (
	"context"
	"errors"
	"testing"

	"aprm/prm/step"
)

// fixed is a layer of one verdict.
type fixed struct {
	verdict step.Verdict
	err     error
	asked   *int
}

func (fixed) Name() string { return "fixed" }

func (s fixed) Rule(context.Context, Case) (Ruling, error) {
	*s.asked++
	return Ruling{Verdict: s.verdict, Reason: s.verdict.String()}, s.err
}

func TestAgreement(t *testing.T) {
	broken := errors.New("broken")
	for _, tc := range []struct {
		first, second step.Verdict
		err           error
		want          step.Verdict
		asked         int
	}{
		{step.Wrong, step.Wrong, nil, step.Wrong, 2},
		{step.Right, step.Right, nil, step.Right, 2},
		{step.Wrong, step.Right, nil, step.Unknown, 2},
		{step.Wrong, step.Unknown, nil, step.Unknown, 2},
		{step.Unknown, step.Wrong, nil, step.Unknown, 1}, // the dearer one isn't asked in vain
		{step.Wrong, step.Wrong, broken, step.Unknown, 2},
	} {
		asked := 0
		a := Agreement{fixed{tc.first, nil, &asked}, fixed{tc.second, tc.err, &asked}}
		got, err := a.Rule(t.Context(), Case{})
		if got.Verdict != tc.want || !errors.Is(err, tc.err) || asked != tc.asked {
			t.Errorf("%v and %v: %v, error %v, %d asked", tc.first, tc.second, got.Verdict, err, asked)
		}
	}
}
