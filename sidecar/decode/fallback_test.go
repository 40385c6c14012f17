package decode

import (
	"context"
	"errors"
	"testing"
)

// TestFallback: where the PRM fails altogether, what is served is a plain vote, marked; what is measured is an error.
func TestFallback(t *testing.T) {
	dead := errors.New("out of order")
	for _, d := range Strategies() {
		if !d.NeedsPRM {
			continue
		}
		t.Run(d.Name, func(t *testing.T) {
			llm := &tree{next: map[string][]string{"": {"1 + 1 = 2", "1 + 1 = 3"}}, whole: []string{"#### 3", "#### 2", "#### 2"}}
			opts := Options{Strategy: d.Name, N: 3}
			if r, err := Solve(t.Context(), llm, &table{fail: dead}, opts); err == nil {
				t.Errorf("without a fallback it answers %q", r.Text)
			}
			llm.dealt = nil
			opts.Fallback = true
			r, err := Solve(t.Context(), llm, &table{fail: dead}, opts)
			if err != nil || r.Answer != "2" || r.Stopped != StoppedPRM || r.Instead != Majority {
				t.Fatalf("%q by %q, stopped %q, %v; want the majority's 2", r.Answer, r.Instead, r.Stopped, err)
			}
			spent, chosen := 0, 0
			for _, c := range r.Candidates {
				spent += c.Tokens
				if c.Chosen {
					chosen++
				}
			}
			if spent != r.CompletionTokens || chosen != 1 {
				t.Errorf("%d candidates chosen, %d tokens of candidates but %d billed", chosen, spent, r.CompletionTokens)
			}
			if (d.Name == WeightedVote || d.Name == BestOfN) && len(r.Candidates) != 3 {
				t.Errorf("%d candidates: those drawn already were enough", len(r.Candidates))
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Solve(ctx, &tree{whole: []string{"#### 2"}}, &table{fail: dead}, Options{Strategy: WeightedVote, Fallback: true}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the client's own end", err)
	}
}
