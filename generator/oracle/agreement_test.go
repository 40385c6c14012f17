package oracle

import (
	"context"
	"errors"
	"testing"
)

// fixed is a layer of one verdict.
type fixed struct {
	verdict Verdict
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
		first, second Verdict
		err           error
		want          Verdict
		asked         int
	}{
		{Wrong, Wrong, nil, Wrong, 2},
		{Correct, Correct, nil, Correct, 2},
		{Wrong, Correct, nil, Unknown, 2},
		{Wrong, Unknown, nil, Unknown, 2},
		{Unknown, Wrong, nil, Unknown, 1}, // the dearer one isn't asked in vain
		{Wrong, Wrong, broken, Unknown, 2},
	} {
		asked := 0
		a := Agreement{fixed{tc.first, nil, &asked}, fixed{tc.second, tc.err, &asked}}
		got, err := a.Rule(t.Context(), Case{})
		if got.Verdict != tc.want || !errors.Is(err, tc.err) || asked != tc.asked {
			t.Errorf("%v and %v: %v, error %v, %d asked", tc.first, tc.second, got.Verdict, err, asked)
		}
	}
}
