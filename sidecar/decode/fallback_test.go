package decode

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"aprm/prm"
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

// fading is a PRM that fails for good after some steps.
type fading struct {
	table
	good atomic.Int64 // steps that it still scores
}

func (f *fading) Score(ctx context.Context, w Working) (prm.Judgement, error) {
	if f.good.Add(-1) < 0 {
		return prm.Judgement{}, errors.New("out of order")
	}
	return f.table.Score(ctx, w)
}

// TestPRMFailsOnTheWay: what is served is an answer that goes on to its end, marked, not the steps that were chosen
// before.
func TestPRMFailsOnTheWay(t *testing.T) {
	for _, strategy := range stepwiseNames() {
		scorer := &fading{}
		scorer.good.Store(2) // A and B, the first step
		sampler := &tree{next: map[string][]string{"": {"A", "B"}, "A": {"C"}, "B": {"C"}}, whole: []string{"C\n#### 2"}}
		w := &watcher{t: t}
		r := solve(t, sampler, scorer, Options{Strategy: strategy, N: 4, Expansion: 2, Fallback: true, Watch: w.watch})
		if r.Answer != "2" || r.Finish != FinishEnd || r.Stopped != StoppedPRM || len(r.Steps) != 3 {
			t.Errorf("%s: %q, finish %q, stopped %q", strategy, r.Text, r.Finish, r.Stopped)
		}
		w.agrees(strategy, r)

		scorer.good.Store(2)
		sampler.dealt = nil
		if r, err := Solve(t.Context(), sampler, scorer, Options{Strategy: strategy, N: 4, Expansion: 2}); !errors.Is(err, errUnscored) {
			t.Errorf("%s, measured: %q, %v; want the PRM's failure", strategy, r.Text, err)
		}
	}
}
