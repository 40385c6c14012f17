package arith_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"aprm/prm/arith"
	"aprm/prm/arith/formula"
	"aprm/prm/casetest"
)

// TestCases holds the checker against pairs of answers that users reported and their like, by kind: the verdict must be
// among those that people accept.
func TestCases(t *testing.T) {
	casetest.Run(t, func(c pairCase) string {
		found := arith.Compare(c.Gold, c.Pred, formula.Options{})
		if slices.Contains(c.verdicts(), found.Verdict) {
			return ""
		}
		return fmt.Sprintf("%q and %q: %v (%s; %s, %s), want %v", c.Gold, c.Pred, found.Verdict, found.Reason, found.Gold, found.Pred, c.verdicts())
	})
}

type pairCase struct {
	Gold, Pred string
	Expected   []*bool
}

// verdicts are those that are accepted; null is Unknown.
func (c pairCase) verdicts() []arith.Verdict {
	var out []arith.Verdict
	for _, e := range c.Expected {
		switch {
		case e == nil:
			out = append(out, arith.Unknown)
		case *e:
			out = append(out, arith.True)
		default:
			out = append(out, arith.False)
		}
	}
	return out
}

// TestRepeatedBoxes: a model that repeats its box thousands of times is read as fast as one that doesn't.
func TestRepeatedBoxes(t *testing.T) {
	text := strings.Repeat("\\boxed{5}\n", 3000)
	const within = 500 * time.Millisecond * casetest.Slowed
	took, _ := casetest.Quickest(within, func() {
		if v := arith.Equal("5", text); v != arith.True {
			t.Errorf("5 and 3,000 boxes of 5: %v", v)
		}
	})
	if took > within {
		t.Errorf("took %v", took)
	}
}
